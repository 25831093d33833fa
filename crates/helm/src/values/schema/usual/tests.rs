//! Whatever is allowed here, the validator allows.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::go::Value;

/// Whether the schema is usual and surely allows the values.
fn says_yes(schema: &Json, values: &Json) -> bool {
    let Value::Map(map) = Value::from_json(values) else { panic!("values are a mapping") };
    Usual::read(&schema.to_string()).is_some_and(|usual| usual.allows(&map))
}

fn validator_says_yes(schema: &Json, values: &Json) -> bool {
    jsonschema::validator_for(schema).is_ok_and(|validator| validator.is_valid(values))
}

#[test]
fn what_usual_schemas_allow_is_seen_without_a_validator() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://example.com/values.json",
        "title": "Values",
        "x-word": {"of": ["nobody"]},
        "type": "object",
        "additionalProperties": false,
        "required": ["image"],
        "properties": {
            "image": {"$ref": "#/definitions/image"},
            "kind": {"type": "string", "enum": ["Deployment", "DaemonSet"], "default": "Deployment"},
            "replicas": {"type": ["integer", "null"], "minimum": 1, "maximum": 9, "form": true},
            "port": {"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 15}]},
            "tolerations": {"type": "array", "maxItems": 2, "items": {"type": "object"}},
            "tag": {"anyOf": [{"type": "string", "minLength": 1}, {"enum": [1, 2.5, null]}]},
            "any": true,
            "never": {"not": {"type": "array"}},
            "mode": {
                "if": {"type": "string"},
                "then": {"enum": ["a", "b"]},
                "else": {"type": "boolean"}
            },
            "tree": {"$ref": "#/$defs/tree"}
        },
        "definitions": {"image": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}}
    });
    let rest = |name: &str, value: Json| {
        let mut values = json!({"image": {}});
        values[name] = value;
        values
    };
    let table = [
        (rest("kind", json!("DaemonSet")), true),
        (rest("kind", json!("Pod")), false),
        (rest("image", json!({"name": 1})), false),
        (json!({}), false),
        (rest("replicas", json!(3.0)), true),
        (rest("replicas", json!(null)), true),
        (rest("replicas", json!(3.5)), false),
        (rest("replicas", json!(0)), false),
        (rest("replicas", json!(10)), false),
        (rest("port", json!("http")), true),
        (rest("port", json!(80)), true),
        (rest("port", json!("a-name-that-is-too-long")), false),
        (rest("tolerations", json!([{}, {}])), true),
        (rest("tolerations", json!([{}, {}, {}])), false),
        (rest("tolerations", json!([1])), false),
        (rest("tag", json!("")), false),
        (rest("tag", json!(2.5)), true),
        (rest("tag", json!(null)), true),
        (rest("any", json!([1, {"a": "b"}])), true),
        (rest("never", json!({})), true),
        (rest("never", json!([])), false),
        (rest("mode", json!("a")), true),
        (rest("mode", json!("c")), false),
        (rest("mode", json!(true)), true),
        (rest("mode", json!(1)), false),
        (rest("tree", json!({"a": {"b": {}}})), true),
        (rest("tree", json!({"a": {"b": 1}})), false),
        (rest("other", json!(1)), false),
    ];
    for (values, allowed) in table {
        assert_eq!(says_yes(&schema, &values), allowed, "{values}");
        assert_eq!(validator_says_yes(&schema, &values), allowed, "validator: {values}");
    }
}

#[test]
fn what_is_not_usual_is_left_to_the_validator() {
    for schema in [
        json!({"pattern": "^a"}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
        json!({"$schema": "https://example.com/schema"}),
        json!({"$id": "#values"}),
        json!({"properties": {"a": {"$id": "https://example.com/a"}}}),
        json!({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}),
        json!({"$ref": "#/properties/a"}),
        json!({"$ref": "#/definitions/none"}),
        json!({"$ref": "#/"}),
        json!({"required": true}),
        json!({"required": ["a", "a"]}),
        json!({"type": "text"}),
        json!({"type": []}),
        json!({"type": null}),
        json!({"title": 1}),
        json!({"anyOf": []}),
        json!({"properties": {"a": 1}}),
        json!({"minLength": -1}),
        json!({"enum": [{}]}),
        json!([]),
    ] {
        assert!(!says_yes(&schema, &json!({})), "{schema}");
    }
    let format = json!({"additionalProperties": {"format": "email", "type": ["string", "integer"]}});
    assert!(says_yes(&format, &json!({"a": 1})) && !says_yes(&format, &json!({"a": "b@c.d"})));
}

#[test]
fn dialects_are_usual_where_the_validator_takes_them() {
    for dialect in [
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-07/schema",
        "https://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
        "http://json-schema.org/schema#",
        "https://json-schema.org/schema#",
        "https://json-schema.org/schema",
    ] {
        let schema = json!({"$schema": dialect});
        assert!(validator_says_yes(&schema, &json!({})), "validator: {dialect}");
        assert!(says_yes(&schema, &json!({})), "{dialect}");
    }
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..3).prop_map(Json::from),
        prop_oneof![Just(0.0), Just(1.0), Just(-0.5), Just(2.5), Just(1e300)].prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ab]{0,2}|é".prop_map(Json::from),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            mapping(inner).prop_map(Json::from),
        ]
    })
}

fn mapping(of: impl Strategy<Value = Json>) -> impl Strategy<Value = serde_json::Map<String, Json>> {
    prop::collection::vec(("[abc]", of), 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn schema() -> impl Strategy<Value = Json> {
    let kind = || {
        prop::sample::select(vec!["null", "boolean", "integer", "number", "string", "array", "object"])
            .prop_map(Json::from)
    };
    let word = move |inner: BoxedStrategy<Json>| {
        let word = |name: &'static str, said: BoxedStrategy<Json>| said.prop_map(move |said| (name, said));
        let several = |of: BoxedStrategy<Json>| prop::collection::vec(of, 0..3).prop_map(Json::from).boxed();
        let table = mapping(inner.clone()).prop_map(Json::from).boxed();
        let sizes = ["minProperties", "maxProperties", "minItems", "maxItems", "minLength", "maxLength"];
        let references = ["#", "#/definitions/a", "#/$defs/b", "#/properties/a", "#/"];
        prop_oneof![
        3 => word("type", kind().boxed()),
        1 => word("type", several(kind().boxed())),
        1 => word("enum", several(value().boxed())),
        3 => word("properties", table.clone()),
        1 => word("definitions", table.clone()),
        1 => word("$defs", table),
        1 => word("additionalProperties", inner.clone()),
        1 => word("required", several("[abc]".prop_map(Json::from).boxed())),
        1 => word("items", inner.clone()),
        1 => word("not", inner.clone()),
            1 => word("if", inner.clone()),
            1 => word("then", inner.clone()),
            1 => word("else", inner.clone()),
        1 => word("allOf", several(inner.clone())),
        1 => word("anyOf", several(inner.clone())),
        1 => word("oneOf", several(inner.clone())),
        1 => word("minimum", scalar().boxed()),
        1 => word("maximum", scalar().boxed()),
        1 => word("format", prop_oneof!["email", "int32"].prop_map(Json::from).boxed()),
        1 => word("$ref", prop::sample::select(references.to_vec()).prop_map(Json::from).boxed()),
        1 => (prop::sample::select(sizes.to_vec()), (-1i64..3).prop_map(Json::from)),
        1 => word("default", value().boxed()),
            1 => word("x-word", value().boxed()),
        1 => word("description", scalar().boxed()),
        ]
    };
    let leaf = prop_oneof![1 => any::<bool>().prop_map(Json::from), 5 => Just(json!({}))];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop::collection::vec(word(inner.boxed()), 1..5).prop_map(|words| {
            Json::Object(words.into_iter().map(|(word, said)| (word.to_owned(), said)).collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_allowed_here_the_validator_allows(
        schema in schema(),
        dialect in prop::sample::select(vec!["draft-07/schema#", "draft/2019-09/schema", "schema#", ""]),
        values in mapping(value()),
    ) {
        let mut schema = schema;
        if let (Some(words), false) = (schema.as_object_mut(), dialect.is_empty()) {
            words.insert("$schema".to_owned(), format!("http://json-schema.org/{dialect}").into());
        }
        let values = Json::Object(values);
        prop_assert!(!says_yes(&schema, &values) || validator_says_yes(&schema, &values));
    }
}
