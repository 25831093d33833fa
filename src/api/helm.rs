//! `helm.toolkit.fluxcd.io`: releases of Helm charts, as Flux's helm-controller defines
//! them in `v2beta1`, `v2beta2` and `v2`; the fields of all three are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_manifest::GroupVersionKind;

use super::remediation::{ActionStrategy, Remediation};
use super::{FieldError, Metadata, PostRenderer, SecretReference, Selector, strict};

/// A chart, installed under a name with values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmRelease {
    /// `helm.toolkit.fluxcd.io/v2`
    pub api_version: String,
    /// `HelmRelease`
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What it says.
    pub spec: HelmReleaseSpec,
}

/// What is released, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmReleaseSpec {
    /// The chart and where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartTemplate>,
    /// A source that is the chart itself, instead of `chart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_ref: Option<ObjectReference>,
    /// How often to look again; every commit is looked at in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// The values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, Value>>,
    /// Values from ConfigMaps and Secrets, below `values`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_from: Vec<ValuesReference>,
    /// The name of the release; `[targetNamespace-]name` where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_name: Option<String>,
    /// Where its objects go; the object's own namespace where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// Where Helm's records of it are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_namespace: Option<String>,
    /// Releases that have to be ready before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    /// How long each step may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How many records are kept; 5 where not given, 0 keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_history: Option<u32>,
    /// Nothing is changed while this is set.
    #[serde(default)]
    pub suspend: bool,
    /// Whose permissions are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Read for compatibility; connections are kept in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_client: Option<bool>,
    /// Which cluster it goes to, by the Secret with which that is reached; those that a
    /// policy chooses where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<KubeConfigReference>,
    /// What happens to changes that others make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_detection: Option<DriftDetection>,
    /// How it is installed.
    #[serde(default)]
    pub install: Action,
    /// How it is upgraded.
    #[serde(default)]
    pub upgrade: Action,
    /// How it is rolled back.
    #[serde(default)]
    pub rollback: Action,
    /// How it is uninstalled.
    #[serde(default)]
    pub uninstall: Action,
    /// Whether and how it is tested.
    #[serde(default)]
    pub test: Test,
    /// What is changed in its manifests before they are applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_renderers: Vec<PostRenderer>,
    /// Labels and annotations of all its objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
}

/// A cluster, by the Secret with which it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfigReference {
    /// The Secret; the `kubeconfigSecretRef` of a Cluster names it too.
    pub secret_ref: SecretReference,
}

/// The chart and where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartTemplate {
    /// Of the HelmChart object that Flux makes; not used here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The chart.
    pub spec: ChartSpec,
}

/// A chart of a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartSpec {
    /// The chart's name, or its path in a Git repository.
    pub chart: String,
    /// A version or a range; the newest where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The source.
    pub source_ref: ObjectReference,
    /// Values files of the chart, the later the stronger; values.yaml where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// One more of them, of `v2beta1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_file: Option<String>,
    /// Whether files that are missing are passed over.
    #[serde(default)]
    pub ignore_missing_values_files: bool,
    /// How often to look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// When a chart counts as new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconcile_strategy: Option<String>,
    /// How the chart's signature is checked: not yet, so no chart is taken where this is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<Value>,
}

/// Another object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Its API version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; the same where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Values of a ConfigMap or Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValuesReference {
    /// `ConfigMap` or `Secret`
    pub kind: ValuesKind,
    /// Its name.
    pub name: String,
    /// The key that holds them; `values.yaml` where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_key: Option<String>,
    /// Where the value goes, as `--set` names places; the whole values where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_path: Option<String>,
    /// Whether it may be missing.
    #[serde(default)]
    pub optional: bool,
    /// Whether the value is text as it is, for `targetPath`.
    #[serde(default)]
    pub literal: bool,
}

/// What holds values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ValuesKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// A release that has to be ready before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its namespace; the same where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A CEL expression that says whether it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_expr: Option<String>,
}

/// What happens to changes that others make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftDetection {
    /// Whether they are undone, reported or left alone; syncline undoes them.
    #[serde(default)]
    pub mode: DriftMode,
    /// Fields that are left to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
}

/// Whether changes of others are undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// They are.
    #[default]
    Enabled,
    /// They are reported only.
    Warn,
    /// They are left alone.
    Disabled,
}

/// Fields that are left to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreRule {
    /// JSON pointers; the empty one is the whole object.
    pub paths: Vec<String>,
    /// Which objects; all where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}

/// How a release is installed, upgraded, rolled back or uninstalled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// What is done when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Remediation>,
    /// Flux's newer word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ActionStrategy>,
    /// What happens to the definitions of crds/.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crds: Option<DefinitionPolicy>,
    /// Whether the namespace is created.
    #[serde(default)]
    pub create_namespace: bool,
    /// Whether hooks are left out.
    #[serde(default)]
    pub disable_hooks: bool,
    /// Whether the charts' schemas are not asked.
    #[serde(default)]
    pub disable_schema_validation: bool,
    /// Whether it is done before its objects are ready.
    #[serde(default)]
    pub disable_wait: bool,
    /// Whether it is done before its jobs are done.
    #[serde(default)]
    pub disable_wait_for_jobs: bool,
    /// Read for compatibility: objects are checked by the server.
    #[serde(default, rename = "disableOpenAPIValidation")]
    pub disable_open_api_validation: bool,
    /// Read for compatibility: objects are taken over.
    #[serde(default)]
    pub disable_take_ownership: bool,
    /// `crds: Skip` of older days.
    #[serde(default, rename = "skipCRDs")]
    pub skip_crds: bool,
    /// Read for compatibility.
    #[serde(default)]
    pub replace: bool,
    /// Whether objects are replaced where they cannot be changed.
    #[serde(default)]
    pub force: bool,
    /// Read for compatibility: Git says the values.
    #[serde(default)]
    pub preserve_values: bool,
    /// Whether new objects of an upgrade that failed are deleted.
    #[serde(default)]
    pub cleanup_on_fail: bool,
    /// Read for compatibility.
    #[serde(default)]
    pub recreate: bool,
    /// Whether records stay behind.
    #[serde(default)]
    pub keep_history: bool,
    /// How objects that belong to others are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_propagation: Option<String>,
}

/// What happens to the definitions of crds/.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DefinitionPolicy {
    /// Nothing.
    Skip,
    /// Those that are missing are created.
    Create,
    /// They are kept as the chart has them.
    CreateReplace,
}

/// Whether and how a release is tested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Whether it is, after each step.
    #[serde(default)]
    pub enable: bool,
    /// How long a test may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Whether a test that fails is no failure.
    #[serde(default)]
    pub ignore_failures: bool,
    /// Which tests are run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<TestFilter>,
}

/// Which tests are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestFilter {
    /// The name of the test.
    pub name: String,
    /// Whether it is left out.
    #[serde(default)]
    pub exclude: bool,
}

/// Labels and annotations of all objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Helm's bound on the name of a release.
const MAX_NAME: usize = 53;

impl HelmRelease {
    /// The API group.
    pub const GROUP: &'static str = "helm.toolkit.fluxcd.io";
    /// The versions that are read.
    pub const VERSIONS: [&'static str; 3] = ["v2", "v2beta2", "v2beta1"];

    /// Types an object.
    ///
    /// # Errors
    /// Every field that is unknown, missing or malformed, all at once.
    pub fn parse(gvk: &GroupVersionKind, value: &Value) -> Result<HelmRelease, Vec<FieldError>> {
        if !Self::VERSIONS.contains(&gvk.version.as_str()) {
            let served = Self::VERSIONS.map(|version| format!("{}/{version}", Self::GROUP)).join(", ");
            return Err(vec![
                FieldError::new("/apiVersion", format!("{} is not served", gvk.api_version()))
                    .hint(format!("write one of {served}")),
            ]);
        }
        let release: HelmRelease = strict::parse(value)?;
        let mut errors = Vec::new();
        match (&release.spec.chart, &release.spec.chart_ref) {
            (None, None) => errors
                .push(FieldError::new("/spec", "names no chart").hint("give spec.chart or spec.chartRef")),
            (Some(_), Some(_)) => errors.push(
                FieldError::new("/spec/chartRef", "stands beside spec.chart").hint("keep one of the two"),
            ),
            _ => {}
        }
        if let Some(name) = &release.spec.release_name
            && (name.is_empty() || name.len() > MAX_NAME)
        {
            errors
                .push(FieldError::new("/spec/releaseName", format!("must have 1 to {MAX_NAME} characters")));
        }
        for (at, dependency) in release.spec.depends_on.iter().enumerate() {
            let expression = dependency.ready_expr.as_deref();
            if let Some(Err(error)) = expression.map(cel::Program::compile) {
                let pointer = format!("/spec/dependsOn/{at}/readyExpr");
                let hint = "write a CEL expression of self and dep, such as dep.metadata.labels.x == 'y'";
                errors.push(FieldError::new(pointer, error.to_string()).hint(hint));
            }
        }
        release.check_durations(&mut errors);
        if errors.is_empty() { Ok(release) } else { Err(errors) }
    }

    /// The namespace of the object itself.
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or("default")
    }

    /// Where its objects go.
    pub fn target_namespace(&self) -> &str {
        self.spec.target_namespace.as_deref().unwrap_or_else(|| self.namespace())
    }

    /// Where Helm's records of it are kept.
    pub fn storage_namespace(&self) -> &str {
        self.spec.storage_namespace.as_deref().unwrap_or_else(|| self.namespace())
    }

    /// The user whose permissions are used for it: its service account, in its namespace.
    pub fn acting_as(&self) -> Option<Arc<str>> {
        let name = self.spec.service_account_name.as_ref()?;
        Some(format!("system:serviceaccount:{}:{name}", self.namespace()).into())
    }

    /// The name of the release, composed and shortened as Flux does it.
    pub fn release_name(&self) -> String {
        if let Some(name) = &self.spec.release_name {
            return name.clone();
        }
        let name = match &self.spec.target_namespace {
            Some(namespace) => format!("{namespace}-{}", self.metadata.name),
            None => self.metadata.name.clone(),
        };
        shortened(&name)
    }
}

/// A name that Helm takes: what is too long ends with a piece of its digest.
fn shortened(name: &str) -> String {
    use sha2::Digest as _;
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let digest = sha2::Sha256::digest(name.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).take(6).collect();
    let mut cut = MAX_NAME - 13;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}-{digest}", &name[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn release(spec: Value) -> Result<HelmRelease, Vec<FieldError>> {
        let value = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"}, "spec": spec,
        });
        HelmRelease::parse(&GroupVersionKind::parse("helm.toolkit.fluxcd.io/v2", "HelmRelease"), &value)
    }

    #[test]
    fn releases_are_named_as_flux_names_them() {
        let chart = json!({"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "r"}}});
        let named = |spec: Value| release(spec).unwrap().release_name();
        assert_eq!(named(json!({"chart": chart})), "web");
        assert_eq!(named(json!({"chart": chart, "targetNamespace": "shop"})), "shop-web");
        assert_eq!(named(json!({"chart": chart, "releaseName": "mine"})), "mine");
        let long = named(
            json!({"chart": chart, "targetNamespace": "a-namespace-with-a-name-of-more-than-fifty-characters"}),
        );
        assert_eq!(long.len(), 53);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let chart = json!({"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "r"}}});
        for (spec, pointer) in [
            (json!({}), "/spec"),
            (json!({"chart": chart, "chartRef": {"kind": "OCIRepository", "name": "x"}}), "/spec/chartRef"),
            (json!({"chart": chart, "valeus": {}}), "/spec/valeus"),
            (
                json!({"chart": chart, "upgrade": {"remediation": {"strategy": "undo"}}}),
                "/spec/upgrade/remediation/strategy",
            ),
            (json!({"chart": chart, "releaseName": "x".repeat(54)}), "/spec/releaseName"),
        ] {
            assert_eq!(release(spec.clone()).unwrap_err()[0].pointer, pointer, "{spec}");
        }
    }
}
