//! `.Capabilities`: what the target can do.

use std::rc::Rc;

use crate::go::{Called, List, ListType, Object, Str, Value};
use crate::version::Version;

/// The version of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeVersion {
    /// Such as `v1.33.0`.
    pub version: String,
    /// Such as `1`.
    pub major: String,
    /// Such as `33`.
    pub minor: String,
}

impl KubeVersion {
    /// Reads what a user gives for `--kube-version`.
    ///
    /// # Errors
    /// The text is no version.
    pub fn parse(text: &str) -> Result<KubeVersion, String> {
        let version =
            Version::parse(text).map_err(|error| format!("invalid kube version {text:?}: {error}"))?;
        Ok(KubeVersion {
            version: format!("v{version}"),
            major: version.major.to_string(),
            minor: version.minor.to_string(),
        })
    }
}

/// What a target can do; without a target, what Helm assumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of the cluster.
    pub kube_version: KubeVersion,
    /// `apps/v1`, and for a cluster that was asked also `apps/v1/Deployment`.
    pub api_versions: Vec<String>,
}

/// The version of Helm whose behaviour is rendered.
pub const HELM_VERSION: &str = "v3.18.6";

/// The API versions that Helm's client of Kubernetes 1.33 knows.
const KNOWN: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "autoscaling/v2beta1",
    "autoscaling/v2beta2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1alpha1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha1",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1alpha1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

impl Default for Capabilities {
    fn default() -> Capabilities {
        Capabilities {
            kube_version: KubeVersion {
                version: "v1.33.0".to_owned(),
                major: "1".to_owned(),
                minor: "33".to_owned(),
            },
            api_versions: KNOWN.iter().map(|version| (*version).to_owned()).collect(),
        }
    }
}

impl Capabilities {
    /// `.Capabilities` for one rendering.
    pub(super) fn value(&self) -> Value {
        let versions = self.api_versions.iter().map(|version| Value::text(version.as_str())).collect();
        Value::Object(Rc::new(CapabilitiesObject {
            kube_version: Value::Object(Rc::new(KubeVersionObject(self.kube_version.clone()))),
            api_versions: Value::List(List::new(ListType::VersionSet, versions)),
            helm_version: Value::Object(Rc::new(HelmVersionObject)),
        }))
    }
}

struct CapabilitiesObject {
    kube_version: Value,
    api_versions: Value,
    helm_version: Value,
}

impl Object for CapabilitiesObject {
    fn type_name(&self) -> &'static str {
        "*chartutil.Capabilities"
    }

    fn kind(&self) -> crate::go::Kind {
        crate::go::Kind::Pointer
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "KubeVersion" => Some(self.kube_version.clone()),
            "APIVersions" => Some(self.api_versions.clone()),
            "HelmVersion" => Some(self.helm_version.clone()),
            _ => None,
        }
    }

    fn print(&self) -> String {
        let printed = |value: &Value| String::from_utf8_lossy(&crate::go::format::sprint(value)).into_owned();
        format!(
            "&{{{} {} {}}}",
            printed(&self.kube_version),
            printed(&self.api_versions),
            printed(&self.helm_version)
        )
    }

    fn json(&self) -> serde_json::Value {
        let json = crate::go::json::to_json;
        serde_json::json!({
            "KubeVersion": json(&self.kube_version),
            "APIVersions": json(&self.api_versions),
            "HelmVersion": json(&self.helm_version),
        })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

struct KubeVersionObject(KubeVersion);

impl Object for KubeVersionObject {
    fn type_name(&self) -> &'static str {
        "chartutil.KubeVersion"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::text(self.0.version.as_str())),
            "Major" => Some(Value::text(self.0.major.as_str())),
            "Minor" => Some(Value::text(self.0.minor.as_str())),
            _ => None,
        }
    }

    fn call(&self, name: &str, _arguments: &[Value]) -> Option<Called> {
        // The two names by which charts for Helm 2 know the version.
        matches!(name, "String" | "GitVersion").then(|| Ok(Value::text(self.0.version.as_str())))
    }

    fn print(&self) -> String {
        self.0.version.clone()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"Version": self.0.version, "Major": self.0.major, "Minor": self.0.minor})
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

struct HelmVersionObject;

impl Object for HelmVersionObject {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::text(HELM_VERSION)),
            "GitCommit" | "GitTreeState" | "GoVersion" => Some(Value::String(Str::default())),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{HELM_VERSION}   }}")
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"version": HELM_VERSION})
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
