//! Custom kinds: definitions, schemas, defaults, pruning, rules, versions,
//! subresources; the same on both servers.

use http::Method;
use serde_json::{Value, json};
use syncline_testutils::Client;

use super::transcript::{Transcript, play_to_both};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn schema() -> Value {
    json!({"type": "object", "required": ["spec"], "properties": {
        "spec": {
            "type": "object",
            "x-kubernetes-validations": [
                {"rule": "self.minimum <= self.maximum", "message": "minimum is above maximum"},
                {"rule": "self.maximum < 1000", "messageExpression": "'too many for ' + self.mode", "fieldPath": ".maximum", "reason": "FieldValueForbidden"},
                {"rule": "!has(self.owner) || self.owner.startsWith('team-')"},
                {"rule": "self.minimum >= oldSelf.minimum", "message": "minimum only grows"},
                {"rule": "!has(self.parts) || self.parts.all(p, self.parts.exists_one(q, q.name == p.name))"},
                {"rule": "!has(self.window) || duration(self.window) < duration('1h')", "message": "too long"},
                {"rule": "!has(self.hosts) || self.hosts.isSorted()", "message": "hosts are sorted"},
                {"rule": "!has(self.site) || url(self.site).getScheme() == 'https'", "message": "https only"},
                {"rule": "!has(self.owner) || self.owner.matches('^[a-z-]+$')", "message": "letters only"},
                {"rule": "!has(self.memory) || quantity(self.memory).isLessThan(quantity('1Gi'))", "message": "too much memory"},
            ],
            "properties": {
                "minimum": {"type": "integer", "default": 1, "minimum": 0},
                "maximum": {"type": "integer", "default": 10},
                "owner": {"type": "string", "maxLength": 20, "pattern": "^[a-z0-9-]*$"},
                "window": {"type": "string", "maxLength": 20},
                "site": {"type": "string", "maxLength": 60},
                "memory": {"type": "string", "maxLength": 20},
                "hosts": {"type": "array", "maxItems": 8, "items": {"type": "string", "maxLength": 20}, "x-kubernetes-list-type": "set"},
                "mode": {"type": "string", "maxLength": 5, "enum": ["a", "b"], "default": "a"},
                "ratio": {"type": "number"},
                "port": {"x-kubernetes-int-or-string": true},
                "when": {"type": "string", "format": "date-time"},
                "nothing": {"type": "string", "nullable": true},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"type": "integer"}}},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"x": {"type": "integer", "default": 5}}}},
                "atomic": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
                "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
                "parts": {"type": "array", "maxItems": 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "kind"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string", "maxLength": 20}, "kind": {"type": "string", "default": "plain"}, "count": {"type": "integer", "default": 1},
                    }}},
            },
        },
        "status": {"type": "object", "properties": {"ready": {"type": "integer"}, "phase": {"type": "string"}}},
    }})
}

fn definition(group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("gears.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": "gears", "singular": "gear", "kind": "Gear", "listKind": "GearList", "shortNames": ["gr"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema()},
                 "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.maximum", "statusReplicasPath": ".status.ready"}},
                 "selectableFields": [{"jsonPath": ".spec.mode"}],
                 "additionalPrinterColumns": [
                    {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
                    {"name": "Parts", "type": "string", "jsonPath": ".spec.parts[*].name"},
                    {"name": "When", "type": "date", "jsonPath": ".spec.when"},
                    {"name": "Ratio", "type": "number", "jsonPath": ".spec.ratio", "priority": 1},
                 ]},
                {"name": "v1alpha1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": {"minimum": {"type": "integer"}, "added": {"type": "string", "default": "later"}}}}}}},
                {"name": "v0", "served": false, "storage": false, "schema": {"openAPIV3Schema": {"type": "object"}}},
            ],
        },
    })
}

async fn play(client: &Client, namespace: &str) -> Vec<String> {
    let mut t = Transcript::new(client);
    let group = format!("{namespace}.example.com");
    t.say(Method::POST, "/api/v1/namespaces", json!({"metadata": {"name": namespace}})).await;
    bad_definitions(&mut t, &group).await;
    let made = t.client.create(DEFINITIONS, &definition(&group)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    established(client, &format!("{DEFINITIONS}/gears.{group}")).await;
    let gears = format!("/apis/{group}/v1/namespaces/{namespace}/gears");
    let gear = |name: &str, spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Gear", "metadata": {"name": name}, "spec": spec});
    let specs = [
        json!({}),
        json!({"minimum": 2, "unknown": 1, "free": {"known": 1, "other": {"deep": true}}, "map": {"a": {}, "b": {"x": 1, "y": 2}}}),
        json!({"parts": [{"name": "a"}, {"name": "b", "kind": "fine", "count": 3}], "port": "80%", "when": "2026-01-01T00:00:00Z", "ratio": 0.5, "nothing": null}),
        json!({"parts": [{"name": "a"}, {"name": "a"}]}),
        json!({"parts": [{"kind": "x"}]}),
        json!({"parts": [{}, {}, {}, {}, {}, {}]}),
        json!({"minimum": -1}),
        json!({"minimum": 20}),
        json!({"maximum": 5000}),
        json!({"owner": "me"}),
        json!({"owner": "team-a"}),
        json!({"owner": "team-1"}),
        json!({"owner": "Team A"}),
        json!({"owner": "team-aaaaaaaaaaaaaaaaaaaaaaaaaaa"}),
        json!({"window": "30m"}),
        json!({"window": "2h"}),
        json!({"window": "soon"}),
        json!({"hosts": ["a", "b"]}),
        json!({"hosts": ["b", "a"]}),
        json!({"hosts": ["a", "a"]}),
        json!({"site": "https://example.com/x"}),
        json!({"site": "http://example.com/x"}),
        json!({"memory": "100Mi"}),
        json!({"memory": "2Gi"}),
        json!({"mode": "c"}),
        json!({"mode": 7}),
        json!({"port": true}),
        json!({"when": "yesterday"}),
        json!({"ratio": "half"}),
        json!({"minimum": 1.5}),
        json!({"nothing": 5}),
        json!({"template": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": {"a": "b"}}, "data": {"a": "b"}}}),
        json!({"template": {"kind": "ConfigMap"}}),
        json!({"atomic": {"a": "b"}}),
        json!({"atomic": {"a": 1}}),
        Value::Null,
        json!([]),
    ];
    for (number, spec) in specs.into_iter().enumerate() {
        t.say(Method::POST, &format!("{gears}?number={number}"), gear(&format!("g{number}"), spec)).await;
    }
    t.say(Method::POST, &format!("{gears}?fieldValidation=Strict"), gear("strict", json!({"unknown": 1})))
        .await;
    t.say(Method::POST, &format!("{gears}?fieldValidation=Warn"), gear("warn", json!({"unknown": 1}))).await;
    let mut untyped = gear("untyped", json!({}));
    untyped.as_object_mut().expect("an object").remove("kind");
    t.say(Method::POST, &gears, untyped).await;
    changes(&mut t, &gears, &group).await;
    // Other versions.
    let old = format!("/apis/{group}/v1alpha1/namespaces/{namespace}/gears");
    t.say(Method::GET, &format!("{old}/g1"), Value::Null).await;
    t.say(Method::POST, &old, json!({"apiVersion": format!("{group}/v1alpha1"), "kind": "Gear", "metadata": {"name": "old"}, "spec": {"minimum": 3}})).await;
    t.say(Method::GET, &format!("{gears}/old"), Value::Null).await;
    t.say(Method::GET, &format!("{gears}/g1"), Value::Null).await;
    t.say(Method::GET, &format!("/apis/{group}/v0/namespaces/{namespace}/gears"), Value::Null).await;
    t.say(Method::GET, &format!("{old}/g1/status"), Value::Null).await;
    for selector in ["spec.mode%3Da", "spec.mode%3Db", "spec.minimum%3D1"] {
        t.say(Method::GET, &format!("{gears}?fieldSelector={selector}"), Value::Null).await;
    }
    table(&mut t, &gears).await;
    // The definition changes, and goes, with all that is of it.
    let mut tighter = json!({"spec": definition(&group)["spec"]});
    tighter["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["minimum"]
        ["maximum"] = 1.into();
    t.client.patch(&format!("{DEFINITIONS}/gears.{group}"), "merge-patch+json", &tighter).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    t.say(Method::POST, &gears, gear("late", json!({"minimum": 2}))).await;
    // What was valid before may stay as it was.
    t.patch(&format!("{gears}/g1"), "merge-patch+json", json!({"metadata": {"labels": {"a": "b"}}})).await;
    t.patch(&format!("{gears}/g1"), "merge-patch+json", json!({"spec": {"minimum": 4}})).await;
    t.client.delete(&format!("{DEFINITIONS}/gears.{group}")).await;
    for _ in 0..200 {
        if t.client.get(&gears).await.status == 404 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    t.say(Method::GET, &gears, Value::Null).await;
    t.lines()
}

async fn established(client: &Client, path: &str) {
    for _ in 0..200 {
        let found = client.get(path).await.json();
        let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
        if conditions.iter().any(|it| it["type"] == "Established" && it["status"] == "True") {
            // The real server serves it a moment later.
            tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{path} is not established");
}

async fn changes(t: &mut Transcript<'_>, gears: &str, group: &str) {
    let path = format!("{gears}/g1");
    t.patch(&path, "merge-patch+json", json!({"spec": {"minimum": 1}})).await;
    t.patch(&path, "merge-patch+json", json!({"spec": {"minimum": 3}})).await;
    t.patch(&path, "json-patch+json", json!([{"op": "add", "path": "/spec/owner", "value": "team-b"}])).await;
    t.patch(&path, "strategic-merge-patch+json", json!({"spec": {"minimum": 3}})).await;
    t.patch(&format!("{path}/status"), "merge-patch+json", json!({"status": {"ready": 2, "more": 1}, "spec": {"minimum": 9}, "metadata": {"labels": {"x": "y"}}})).await;
    t.patch(&path, "merge-patch+json", json!({"status": {"ready": 7}})).await;
    t.say(Method::GET, &format!("{path}/scale"), Value::Null).await;
    t.patch(&format!("{path}/scale"), "merge-patch+json", json!({"spec": {"replicas": 12}})).await;
    t.patch(&format!("{path}/scale"), "merge-patch+json", json!({"spec": {"replicas": 5000}})).await;
    t.say(Method::GET, &path, Value::Null).await;
    // Server-side apply: keys with defaults, sets, atomic maps, free fields.
    let applied = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Gear", "metadata": {"name": "ssa"}, "spec": spec});
    for (manager, force, spec) in [
        (
            "one",
            false,
            json!({"parts": [{"name": "a"}, {"name": "b", "kind": "fine"}], "hosts": ["a"], "atomic": {"a": "1"}, "free": {"x": {"y": 1}}}),
        ),
        (
            "two",
            false,
            json!({"parts": [{"name": "a", "kind": "plain", "count": 1}, {"name": "c"}], "hosts": ["b"], "free": {"x": {"z": 1}}}),
        ),
        ("two", false, json!({"parts": [{"name": "a", "count": 7}], "atomic": {"a": "2"}})),
        ("two", true, json!({"parts": [{"name": "a", "count": 7}], "atomic": {"a": "2"}})),
        ("one", true, json!({"hosts": ["a"], "map": {"k": {"x": 2}}})),
        ("one", true, json!({"unknown": 1})),
        ("one", true, json!({"parts": [{"name": "a"}, {"name": "a"}]})),
        ("one", true, json!({"mode": "c"})),
    ] {
        t.patch(
            &format!("{gears}/ssa?fieldManager={manager}&force={force}"),
            "apply-patch+yaml",
            applied(spec),
        )
        .await;
    }
    t.patch(&format!("{gears}/ssa/status?fieldManager=three"), "apply-patch+yaml", json!({"apiVersion": format!("{group}/v1"), "kind": "Gear", "metadata": {"name": "ssa"}, "status": {"ready": 1}})).await;
}

async fn table(t: &mut Transcript<'_>, gears: &str) {
    let headers = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let answer = t.client.send(Method::GET, &format!("{gears}?limit=6"), &headers, "").await.json();
    let columns: Vec<Value> = answer["columnDefinitions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| json!([it["name"], it["type"], it["priority"]]))
        .collect();
    let rows: Vec<&Value> = answer["rows"].as_array().into_iter().flatten().map(|it| &it["cells"]).collect();
    t.note(format!("{columns:?}\n{rows:?}"));
}

async fn bad_definitions(t: &mut Transcript<'_>, group: &str) {
    let with = |pointer: &str, value: Value| {
        let mut bad = definition(group);
        *bad.pointer_mut(pointer).expect("a field") = value;
        bad
    };
    let in_schema = |property: Value| {
        with(
            "/spec/versions/0/schema/openAPIV3Schema",
            json!({"type": "object", "properties": {"spec": property}}),
        )
    };
    let bad = [
        with("/metadata/name", json!("wrong")),
        with("/spec/group", json!("nodots")),
        with("/spec/scope", json!("Everywhere")),
        with("/spec/names/kind", json!("")),
        with("/spec/versions", json!([])),
        with("/spec/versions/1/storage", json!(true)),
        with("/spec/versions/0/storage", json!(false)),
        with("/spec/versions/1/name", json!("v1")),
        with("/spec/versions/0/schema/openAPIV3Schema", json!({"type": "string"})),
        in_schema(json!({})),
        in_schema(json!({"type": "object", "properties": {"a": {}}})),
        in_schema(json!({"type": "array"})),
        in_schema(json!({"type": "object", "default": {"a": 1}})),
        in_schema(json!({"type": "integer", "default": "x"})),
        in_schema(json!({"type": "object", "x-kubernetes-list-type": "map"})),
        in_schema(json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"})),
        in_schema(json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"})),
        in_schema(json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.("}]})),
        in_schema(json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.nope == 1"}]})),
        in_schema(json!({"type": "object", "x-kubernetes-validations": [{"rule": ""}]})),
        in_schema(
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        ),
        in_schema(json!({"type": "string", "pattern": "("})),
        with("/spec/versions/0/additionalPrinterColumns/0/jsonPath", json!("spec.mode[")),
        with("/spec/versions/0/additionalPrinterColumns/0/type", json!("nonsense")),
        with(
            "/spec/versions/0/subresources",
            json!({"scale": {"specReplicasPath": "spec", "statusReplicasPath": ".status.x"}}),
        ),
        with("/spec/versions/0/selectableFields", json!([{"jsonPath": ".spec.nope"}])),
    ];
    for (number, bad) in bad.into_iter().enumerate() {
        t.say(Method::POST, &format!("{DEFINITIONS}?dryRun=All&number={number}"), bad).await;
    }
}

#[test]
fn custom_kinds_behave_alike_on_both_servers() {
    play_to_both("custom", async |client, namespace| play(client, namespace).await);
}
