//! Releases of Helm charts: what a HelmRelease is on one cluster.
//!
//! Pure as all rendering: the release as overlays and variables have made it, the chart
//! of the same commit and the capabilities of the cluster give the same objects.

mod cluster_values;
mod lookups;
mod manifests;
mod owner;
mod post;
mod standing;
mod values;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use syncline_helm::release::{
    Capabilities, Hook, Release, RenderError, RenderOptions, render as render_chart,
};
use syncline_manifest::{GroupKind, ObjectKey};

use crate::api::{DefinitionPolicy, HelmRelease};
use crate::fleet::{Diagnostic, Digest, LoadedChart, Resource};
pub use cluster_values::{ClusterValues, KnownValues, ValuesData, ValuesSource};
use lookups::Asked;
pub use lookups::{Answers, LookupKey, Lookups};
pub use manifests::recorded;
pub use owner::Owner;
pub use standing::{InForce, Known, Occasion, Refused, ReleaseId, Standing};

/// The annotation by which Helm knows whose an object is.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// The annotation that says where that release is.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// What became of rendering a release.
#[derive(Debug, Clone)]
pub enum Rendering {
    /// It is known.
    Done(Arc<RenderedRelease>),
    /// The cluster has to answer first; the digest is the rendering's.
    Waits(Digest, BTreeSet<LookupKey>),
    /// The cluster has to say first what it has of the objects that give values.
    WaitsForValues,
}

/// A release as it is on one cluster.
#[derive(Debug)]
pub struct RenderedRelease {
    /// What it stands on, and what stays when it is rolled back or removed: its namespace,
    /// where it makes that, and the definitions of crds/.
    pub foundations: Vec<Arc<Resource>>,
    /// What it consists of.
    pub objects: Vec<Arc<Resource>>,
    /// What people should know.
    pub warnings: Vec<Diagnostic>,
    /// The values that the user gave.
    pub values: Map<String, Value>,
    /// What is said to who installed it.
    pub notes: String,
    /// What runs at moments of its life.
    pub hooks: Vec<Hook>,
}

/// Finds objects that the repository defines.
pub type Lookup<'l> = &'l dyn Fn(&ObjectKey) -> Option<Arc<Resource>>;

/// Whether a resource is a HelmRelease.
pub(super) fn is_release(resource: &Resource) -> bool {
    resource.key.group_kind.is(HelmRelease::GROUP, "HelmRelease")
}

/// The HelmRelease that a resource is.
///
/// # Errors
/// What is wrong with it, after overlays and variables.
pub(super) fn parse(resource: &Resource) -> Result<HelmRelease, Vec<Diagnostic>> {
    let parsed = HelmRelease::parse(&resource.gvk(), &resource.value());
    parsed.map_err(|errors| {
        errors
            .into_iter()
            .map(|error| {
                let field = error.pointer.trim_start_matches('/').replace('/', ".");
                Diagnostic {
                    hint: error.hint,
                    ..Diagnostic::error(
                        &resource.origin,
                        format!("{}, {field}: {}", resource.key, error.message),
                    )
                }
            })
            .collect()
    })
}

/// The ConfigMaps and Secrets that give values to a release.
pub fn references(release: &HelmRelease) -> Vec<ObjectKey> {
    release.spec.values_from.iter().map(|reference| values::key_of(release, reference)).collect()
}

/// The same as objects of the cluster, for those that the repository does not have.
pub fn values_source(release: &HelmRelease, key: ObjectKey) -> ValuesSource {
    ValuesSource { key, acting_as: release.acting_as() }
}

/// What a release is rendered with, beside itself and its chart.
#[derive(Clone, Copy)]
pub struct Circumstances<'c> {
    /// What the cluster can do.
    pub capabilities: &'c Capabilities,
    /// As what it is rendered.
    pub occasion: Occasion,
    /// Finds objects that the repository defines.
    pub lookup: Lookup<'c>,
    /// Where values of the cluster are found.
    pub values: ClusterValues<'c>,
    /// How lookups on the cluster are answered.
    pub lookups: Lookups<'c>,
}

/// Renders a release for a cluster; gives what it looks up there and is not known.
///
/// # Errors
/// Everything that keeps its objects from being known.
pub fn render(
    resource: &Resource,
    release: &HelmRelease,
    chart: &LoadedChart,
    circumstances: &Circumstances<'_>,
) -> Result<Result<RenderedRelease, BTreeSet<LookupKey>>, Vec<Diagnostic>> {
    let failed = |message: String, hint: Option<String>| {
        vec![Diagnostic {
            hint,
            ..Diagnostic::error(&resource.origin, format!("{}: {message}", resource.key))
        }]
    };
    let asked = Asked::new(circumstances.lookups);
    let sources = values::Sources { repository: circumstances.lookup, cluster: circumstances.values };
    let composed = values::compose(release, &chart.chart, &sources);
    let composed = composed.map_err(|(message, hint)| failed(message, hint))?;
    let options = RenderOptions {
        skip_schema: release.spec.install.disable_schema_validation
            && release.spec.upgrade.disable_schema_validation,
        environment: Some(&asked),
        ..RenderOptions::default()
    };
    let Occasion { operation, revision } = circumstances.occasion;
    let meant = Release {
        name: release.release_name(),
        namespace: release.target_namespace().to_owned(),
        revision: i64::try_from(revision).unwrap_or(i64::MAX),
        operation,
    };
    let rendered = render_chart(&chart.chart, &composed.values, &meant, circumstances.capabilities, options);
    let missing = asked.missing.take();
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    let rendered = rendered.map_err(|error| failed(chart_error(&chart.path, &error), error.hint()))?;
    let warnings = composed.unknown.iter().map(|key| {
        Diagnostic::warning(
            &resource.origin,
            format!("{}: values come from {key}, which the repository does not define", resource.key),
        )
        .hint("the cluster is asked for it when the release is applied; here it counts as empty")
    });
    let warnings = warnings.collect();
    let (foundations, objects) = manifests::objects(resource, release, &rendered)?;
    Ok(Ok(RenderedRelease {
        foundations,
        objects,
        warnings,
        values: composed.values,
        notes: rendered.notes,
        hooks: rendered.hooks,
    }))
}

/// An error of the chart, with the place in the repository where that is known.
fn chart_error(path: &str, error: &RenderError) -> String {
    let message = error.to_string();
    match error.place() {
        Some((file, line, column)) => {
            // Templates are named from the chart's name on, which stands for its folder.
            let inside = file.split_once('/').map_or(file.as_str(), |(_, inside)| inside);
            format!("{message}\n  --> {path}/{inside}:{line}:{column}")
        }
        None => message,
    }
}

/// What happens to the definitions of crds/: the same whether a cluster installs the release
/// or upgrades it, for what is desired does not depend on how it came about.
fn definition_policy(release: &HelmRelease) -> DefinitionPolicy {
    use DefinitionPolicy::{Create, CreateReplace, Skip};
    let install = &release.spec.install;
    let at_install = if install.skip_crds { Skip } else { install.crds.unwrap_or(Create) };
    match (at_install, release.spec.upgrade.crds.unwrap_or(at_install)) {
        (_, CreateReplace) => CreateReplace,
        (Skip, Skip) => Skip,
        _ => Create,
    }
}

/// The namespace, as far as the release makes it.
fn namespace_object(release: &HelmRelease) -> Option<(ObjectKey, Value)> {
    if !release.spec.install.create_namespace {
        return None;
    }
    let name = release.target_namespace();
    let key = ObjectKey::new(GroupKind::new("", "Namespace"), None, name);
    let value = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "annotations": {
            crate::fleet::ApplyOptions::PRUNE: "disabled",
            RELEASE_NAME: release.release_name(),
            RELEASE_NAMESPACE: name,
        }},
    });
    Some((key, value))
}

/// Values as JSON objects hold them.
pub(super) type ValuesMap = Map<String, Value>;
