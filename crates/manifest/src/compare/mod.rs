//! Whether what a server stores is what was asked for, without asking it.
//!
//! The server rewrites what it is given: it adds defaults, spells quantities its
//! own way, drops zero values. [`differences`] sees through that: desired is
//! *contained* in live when every field that was asked for is there, and the field
//! manager *owns exactly* what it asks for when the server's record of managed
//! fields names these fields and no others. Both together mean that applying
//! again would change nothing.

mod contained;
mod ownership;

use serde_json::Value;

use crate::schema::Shape;

pub use ownership::{last_manager_of, manager_fields};

/// One way in which live is not what is desired.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// The field, as a JSON pointer.
    pub pointer: String,
    /// What is the matter with it.
    #[serde(flatten)]
    pub kind: DifferenceKind,
}

/// What is the matter with a field.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DifferenceKind {
    /// It has another value, or none.
    Value {
        /// What it should be.
        desired: Value,
        /// What it is; None when the field is absent.
        live: Option<Value>,
    },
    /// It was asked for before and no longer is: applying removes it.
    NoLongerDesired,
    /// It has the right value, but somebody else set it: applying takes part in it.
    NotOwned,
}

/// All differences between desired and live, as the given field manager sees them.
/// Empty when an apply would change nothing.
pub fn differences(desired: &Value, live: &Value, shape: Shape, manager: &str) -> Vec<Difference> {
    let mut out = Vec::new();
    contained::compare(desired, Some(live), shape, &mut String::new(), &mut out);
    ownership::compare(desired, live, manager, &mut out);
    out
}

fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", escape(key))
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GroupVersionKind;
    use serde_json::json;

    fn deployment() -> Shape {
        Shape::of(&GroupVersionKind::parse("apps/v1", "Deployment"))
    }

    fn desired() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "n", "labels": {"app": "a"}},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "a"}},
                "template": {
                    "metadata": {"labels": {"app": "a"}},
                    "spec": {
                        "hostNetwork": false,
                        "containers": [{
                            "name": "c", "image": "i",
                            "ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}],
                            "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                        }],
                        "volumes": [{"name": "v", "emptyDir": {}}],
                    },
                },
            },
        })
    }

    fn live() -> Value {
        let mut live = desired();
        live["metadata"]["uid"] = json!("u");
        live["metadata"]["managedFields"] = json!([{
            "manager": "syncline", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:replicas": {}, "f:selector": {},
                    "f:template": {
                        "f:metadata": {"f:labels": {"f:app": {}}},
                        "f:spec": {
                            "f:hostNetwork": {},
                            "f:containers": {"k:{\"name\":\"c\"}": {
                                ".": {}, "f:name": {}, "f:image": {},
                                "f:ports": {
                                    "k:{\"containerPort\":53,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                                    "k:{\"containerPort\":53,\"protocol\":\"UDP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}},
                                },
                                "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}},
                            }},
                            "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
                        },
                    },
                },
            },
        }]);
        let spec = &mut live["spec"]["template"]["spec"];
        spec.as_object_mut().unwrap().remove("hostNetwork");
        spec["dnsPolicy"] = json!("ClusterFirst");
        spec["containers"][0]["ports"][0]["protocol"] = json!("TCP");
        spec["containers"][0]["resources"]["limits"] = json!({"cpu": "1", "memory": "1Gi"});
        live
    }

    #[test]
    fn defaults_quantities_and_dropped_zeros_are_no_difference() {
        assert_eq!(differences(&desired(), &live(), deployment(), "syncline"), []);
    }

    fn found(desired: &Value, live: &Value) -> Vec<String> {
        differences(desired, live, deployment(), "syncline")
            .into_iter()
            .map(|d| {
                let kind = match d.kind {
                    DifferenceKind::Value { .. } => "value",
                    DifferenceKind::NoLongerDesired => "gone",
                    DifferenceKind::NotOwned => "not owned",
                };
                format!("{kind} {}", d.pointer)
            })
            .collect()
    }

    #[test]
    fn a_changed_a_dropped_and_an_unowned_field_are_each_found() {
        let container = "/spec/template/spec/containers/0";
        let mut changed = live();
        *changed.pointer_mut(&format!("{container}/image")).unwrap() = json!("other");
        assert_eq!(found(&desired(), &changed), [format!("value {container}/image")]);

        let mut less = desired();
        less.pointer_mut(&format!("{container}/ports")).unwrap().as_array_mut().unwrap().pop();
        less["metadata"].as_object_mut().unwrap().remove("labels");
        assert_eq!(
            found(&less, &live()),
            [
                "gone /metadata/labels/app",
                "gone /spec/template/spec/containers/{\"name\":\"c\"}/ports/{\"containerPort\":53,\"protocol\":\"UDP\"}"
            ]
        );

        let mut more = desired();
        more["metadata"]["labels"]["tier"] = json!("web");
        let mut live = live();
        live["metadata"]["labels"]["tier"] = json!("web");
        assert_eq!(found(&more, &live), ["not owned /metadata/labels/tier"]);
        live["metadata"]["managedFields"] = json!([]);
        assert_eq!(found(&desired(), &live).len(), 1, "nothing owned is one difference");
    }

    #[test]
    fn an_item_that_a_webhook_adds_to_a_keyed_list_is_no_difference() {
        let mut injected = live();
        injected["spec"]["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({"name": "sidecar", "image": "s"}));
        assert_eq!(found(&desired(), &injected), Vec::<String>::new());
    }
}
