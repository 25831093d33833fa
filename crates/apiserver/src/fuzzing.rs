//! What comes from outside, taken as any bytes: entry points of the fuzz targets in
//! `fuzz/` and of a test that tries them with random input.

use serde_json::{Value, json};
use syncline_manifest::GroupVersionKind;
use syncline_manifest::merge::strategic;
use syncline_manifest::schema::Shape;
use syncline_manifest::structured::managed::Write;
use syncline_manifest::structured::{FieldSet, check};

use crate::custom;
use crate::kinds::{AnyStructure, builtin};
use crate::request::{Decoded, Format, Query, decode, decode_options};

/// Decodes bytes as bodies of every format, as options and as a query. Nothing may
/// panic, and what is decoded survives being written and decoded again.
pub fn decoders(data: &[u8]) {
    for format in [Format::Json, Format::Yaml, Format::Protobuf] {
        if let Ok(Decoded { value, .. }) = decode(format, data) {
            let again = decode(Format::Json, value.to_string().as_bytes());
            assert_eq!(again.map(|again| again.value), Ok(value));
        }
    }
    let _ = decode_options(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Query::parse(text);
    }
}

/// Takes bytes as what lives and what is applied to it, and merges them in every way.
/// What is applied twice changes nothing the second time.
pub fn merges(data: &[u8]) {
    let Ok(Decoded { value: Value::Array(mut both), .. }) = decode(Format::Json, data) else { return };
    let (Some(applied), Some(live)) = (both.pop(), both.pop()) else { return };
    if !applied.is_object() || !live.is_object() {
        return;
    }
    let shape = Shape::of(&GroupVersionKind::parse("apps/v1", "Deployment"));
    let registry = builtin();
    let Some(deployments) = registry.find("apps", "deployments") else { return };
    let mut normal = live.clone();
    if deployments.versions[0].normalize("Deployment", &mut normal, &mut Vec::new()).is_ok() {
        let mut again = normal.clone();
        let outcome = deployments.versions[0].normalize("Deployment", &mut again, &mut Vec::new());
        assert!(outcome.is_ok() && again == normal, "normal is normal: {normal} {again}");
    }
    let _ = strategic(live.clone(), &applied, shape);
    // A definition of whatever was sent.
    let _ = custom::read(&live);
    for structure in [AnyStructure::builtin(shape), AnyStructure::Deduced] {
        let nothing = FieldSet::default();
        let write = |manager| Write {
            manager,
            api_version: "apps/v1",
            subresource: "",
            now: "2026-01-01T00:00:00Z",
            structure,
            ignored: &nothing,
        };
        if check(structure, &live).is_err() || check(structure, &applied).is_err() {
            continue;
        }
        let mut begun = live.clone();
        begun["metadata"] = json!({"uid": "u", "labels": live["metadata"]["labels"]});
        let mut updated = begun.clone();
        write("updater").update(&json!({"metadata": {}}), &mut updated);
        let Ok(first) = write("applier").apply(&updated, &applied, true) else { continue };
        let Ok(second) = write("applier").apply(&first, &applied, false) else {
            panic!("an apply conflicts with itself: {first} {applied}")
        };
        assert_eq!(first, second, "applied: {applied}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// JSON that looks like what is sent, more or less.
    fn pieces() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "metadata",
            "spec",
            "labels",
            "template",
            "containers",
            "name",
            "ports",
            "containerPort",
            "protocol",
            "env",
            "replicas",
            "$patch",
            "$retainKeys",
            "finalizers",
            "a",
            "selector",
            "resources",
            "limits",
            "cpu",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3..100_i64).prop_map(Value::from),
            word.clone().prop_map(Value::from),
            prop::sample::select(vec!["100m", "merge", "delete", "replace", ""]).prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(word.clone(), inner, 0..5).prop_map(|fields| {
                    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(data in prop::collection::vec(any::<u8>(), 0..200)) {
            decoders(&data);
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "[-{}\\[\\]:,\"'&*!|>%a-c0-9\n \t#?]{0,60}") {
            decoders(text.as_bytes());
        }

        #[test]
        fn any_objects_merge_or_are_refused(live in pieces(), applied in pieces()) {
            merges(json!([live, applied]).to_string().as_bytes());
        }
    }
}
