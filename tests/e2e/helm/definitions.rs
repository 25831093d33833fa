//! What happens to the definitions in the crds/ of a chart.

use serde_json::{Value, json};
use syncline_testutils::{ApiServer, shared};

use super::super::support::{Fleet, text};
use super::releases::{SOURCE, release};

/// The definition of a kind, described as given.
fn definition(plural: &str, kind: &str, description: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.defined.example.com")},
        "spec": {
            "group": "defined.example.com", "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "description": description,
                "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }}}],
        },
    })
}

fn description_of(server: &ApiServer, plural: &str) -> Option<String> {
    let name = format!("customresourcedefinition.apiextensions.k8s.io/{plural}.defined.example.com");
    let definition = server.get("", &name)?;
    let path = "/spec/versions/0/schema/openAPIV3Schema/description";
    Some(definition.pointer(path)?.as_str()?.to_owned())
}

#[test]
fn definitions_that_are_there_are_left_alone_and_missing_ones_are_created_unless_the_release_says_otherwise()
{
    let (server, fleet) = (shared(0), Fleet::of_one("defined"));
    let write_chart = |version: &str| {
        fleet.repo.write("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
        fleet.repo.write(
            "charts/shop/templates/all.yaml",
            "{{ range list \"Gadget\" \"Gizmo\" }}\n---\napiVersion: defined.example.com/v1\nkind: {{ . }}\n\
             metadata: {name: shop}\nspec: {size: 1}\n{{ end }}",
        );
        for (plural, kind) in [("gadgets", "Gadget"), ("gizmos", "Gizmo")] {
            let text = definition(plural, kind, version).to_string();
            fleet.repo.write(&format!("charts/shop/crds/{plural}.yaml"), &text);
        }
    };
    let write_release = |more: &str| {
        fleet.repo.write("release.yaml", &release(more).replace("NAMESPACE", "defined"));
    };
    let sync = |message: &str| {
        fleet.repo.commit(message);
        let output = fleet.once();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{said}");
    };
    let described = || (description_of(server, "gadgets"), description_of(server, "gizmos"));
    let both = |gadgets: &str, gizmos: &str| (Some(gadgets.to_owned()), Some(gizmos.to_owned()));

    // Somebody else has a newer definition of one of the kinds.
    server.apply(&definition("gadgets", "Gadget", "theirs"));
    write_chart("first");
    fleet.repo.write("source.yaml", SOURCE);
    write_release("");
    sync("The release");
    assert_eq!(described(), both("theirs", "first"));
    for object in ["gadget.defined.example.com/shop", "gizmo.defined.example.com/shop"] {
        assert!(server.get("defined", object).is_some(), "{object}");
    }
    let gadgets = server.get("", "customresourcedefinition.apiextensions.k8s.io/gadgets.defined.example.com");
    assert!(gadgets.expect("it is there")["metadata"]["labels"].is_null(), "it is no member");

    // What is there by now stays as it is, the one that came from the chart too.
    let by_hand = json!([{"name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "description": "by hand", "x-kubernetes-preserve-unknown-fields": true}}}]);
    let gizmos = "customresourcedefinition.apiextensions.k8s.io/gizmos.defined.example.com";
    server.patch("", gizmos, "someone", &json!({"spec": {"versions": by_hand}}));
    write_chart("second");
    sync("Another version of the chart");
    assert_eq!(described(), both("theirs", "by hand"));

    write_release("  upgrade: {crds: CreateReplace}\n");
    sync("Keep the definitions current");
    assert_eq!(described(), both("second", "second"));

    fleet.repo.remove("release.yaml");
    sync("No release");
    assert!(server.get("defined", "gizmo.defined.example.com/shop").is_none());
    assert_eq!(described(), both("second", "second"), "definitions are never deleted");

    write_chart("third");
    fleet.repo.write(
        "release.yaml",
        &release("")
            .replace("install: {createNamespace: true}", "install: {createNamespace: true, crds: Skip}")
            .replace("NAMESPACE", "defined"),
    );
    sync("Leave them alone");
    assert_eq!(described(), both("second", "second"));
}
