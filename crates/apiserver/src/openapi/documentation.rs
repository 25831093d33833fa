//! What fields mean, which of them must be there, and which have one of a few values.
//! Meaning is known from the types of `k8s-openapi`, which carry the documentation of
//! Kubernetes; values from a table that a real server's document was made into. Only
//! documents of schemas need all that, so it is made when one is asked for.

use std::collections::HashMap;

use k8s_openapi::schemars::SchemaGenerator;
use k8s_openapi::schemars::generate::SchemaSettings;
use k8s_openapi::{api, apiextensions_apiserver, kube_aggregator};
use serde_json::{Map, Value, json};

macro_rules! add {
    ($generator:ident: $($kind:ty,)*) => { $(let _ = $generator.subschema_for::<$kind>();)* };
}

/// `core.v1.ServicePort protocol SCTP TCP UDP`, a line a field.
const ENUMS: &str = include_str!("enums.txt");

/// Documentation by the names of types.
pub(super) struct Documentation {
    types: Map<String, Value>,
    enums: HashMap<(&'static str, &'static str), Vec<&'static str>>,
}

impl Documentation {
    /// Of all built-in kinds.
    pub fn of_builtin_kinds() -> Documentation {
        let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
        add_all(&mut generator);
        let enums = ENUMS.lines().filter_map(|line| {
            let mut words = line.split(' ');
            Some(((words.next()?, words.next()?), words.collect()))
        });
        Documentation { types: generator.take_definitions(false), enums: enums.collect() }
    }

    /// Adds to the schema of a type, by its full and its short name, what is known of it.
    pub fn describe(&self, name: &str, short_name: &str, schema: &mut Value) {
        for (field, schema) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if let Some(values) = self.enums.get(&(short_name, field.as_str())) {
                schema["enum"] = values.as_slice().into();
            }
            if let Some(values) = self.enums.get(&(short_name, format!("{field}[]").as_str())) {
                schema["items"]["enum"] = values.as_slice().into();
            }
        }
        let Some(known) = self.types.get(name) else { return };
        if let Some(description) = known.get("description") {
            schema["description"] = description.clone();
        }
        // Nobody has to give an object metadata to have it read.
        let required = known["required"].as_array().into_iter().flatten();
        let required: Vec<&Value> = required.filter(|field| **field != "metadata").collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (field, schema) in fields.into_iter().flatten() {
            if let Some(description) = known["properties"][field].get("description") {
                schema["description"] = description.clone();
            }
        }
    }
}

fn add_all(generator: &mut SchemaGenerator) {
    add! {
        generator:
        api::admissionregistration::v1::MutatingAdmissionPolicy,
        api::admissionregistration::v1::MutatingAdmissionPolicyBinding,
        api::admissionregistration::v1::MutatingWebhookConfiguration,
        api::admissionregistration::v1::ValidatingAdmissionPolicy,
        api::admissionregistration::v1::ValidatingAdmissionPolicyBinding,
        api::admissionregistration::v1::ValidatingWebhookConfiguration,
        api::apps::v1::ControllerRevision,
        api::apps::v1::DaemonSet,
        api::apps::v1::Deployment,
        api::apps::v1::ReplicaSet,
        api::apps::v1::StatefulSet,
        api::autoscaling::v1::HorizontalPodAutoscaler,
        api::autoscaling::v2::HorizontalPodAutoscaler,
        api::batch::v1::CronJob,
        api::batch::v1::Job,
        api::certificates::v1::CertificateSigningRequest,
        api::coordination::v1::Lease,
        api::core::v1::ConfigMap,
        api::core::v1::Endpoints,
        api::core::v1::Event,
        api::core::v1::LimitRange,
        api::core::v1::Namespace,
        api::core::v1::Node,
        api::core::v1::PersistentVolume,
        api::core::v1::PersistentVolumeClaim,
        api::core::v1::Pod,
        api::core::v1::PodTemplate,
        api::core::v1::ReplicationController,
        api::core::v1::ResourceQuota,
        api::core::v1::Secret,
        api::core::v1::Service,
        api::core::v1::ServiceAccount,
        api::discovery::v1::EndpointSlice,
        api::events::v1::Event,
        api::flowcontrol::v1::FlowSchema,
        api::flowcontrol::v1::PriorityLevelConfiguration,
        api::networking::v1::IPAddress,
        api::networking::v1::Ingress,
        api::networking::v1::IngressClass,
        api::networking::v1::NetworkPolicy,
        api::networking::v1::ServiceCIDR,
        api::node::v1::RuntimeClass,
        api::policy::v1::PodDisruptionBudget,
        api::rbac::v1::ClusterRole,
        api::rbac::v1::ClusterRoleBinding,
        api::rbac::v1::Role,
        api::rbac::v1::RoleBinding,
        api::resource::v1::DeviceClass,
        api::resource::v1::ResourceClaim,
        api::resource::v1::ResourceClaimTemplate,
        api::resource::v1::ResourceSlice,
        api::scheduling::v1::PriorityClass,
        api::storage::v1::CSIDriver,
        api::storage::v1::CSINode,
        api::storage::v1::CSIStorageCapacity,
        api::storage::v1::StorageClass,
        api::storage::v1::VolumeAttachment,
        api::storage::v1::VolumeAttributesClass,
        apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
        kube_aggregator::pkg::apis::apiregistration::v1::APIService,
    }
}
