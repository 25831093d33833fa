//! What the server hands out: addresses and ports of services.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::Call;
use crate::error::{ApiError, Problem};

/// The addresses of services: 10.0.0.0/16.
const FIRST: u32 = u32::from_be_bytes([10, 0, 0, 2]);
const COUNT: u32 = 65_000;
/// The ports of services on nodes.
const PORTS: std::ops::Range<i64> = 30_000..32_768;
const TRIES: usize = 1_000;

impl Call<'_> {
    /// Gives a service what it lacks. `before` is the object that it replaces.
    pub(super) fn allocate(&self, object: &mut Value, before: Option<&Value>) -> Result<(), ApiError> {
        if &*self.resource.table != "services" || !self.subresource.is_empty() {
            return Ok(());
        }
        let kind = object["spec"]["type"].as_str().unwrap_or_default().to_owned();
        if let Some(before) = before {
            keep(&before["spec"], &mut object["spec"], &kind);
            drop_what_its_type_has_not(&before["spec"], &mut object["spec"], &kind);
        }
        let spec = &mut object["spec"];
        if kind == "ExternalName" {
            return Ok(());
        }
        if spec["clusterIP"].as_str().is_none_or(str::is_empty) {
            let address = match spec["clusterIPs"][0].as_str().filter(|address| !address.is_empty()) {
                Some(address) => address.to_owned(),
                None => self.free_address()?,
            };
            spec["clusterIP"] = address.into();
        }
        let address = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
        if address != "None" && address.parse::<std::net::IpAddr>().is_err() {
            let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            return Err(self.invalid(Problem::invalid("spec.clusterIPs[0]", &address.into(), why)));
        }
        if spec["clusterIPs"].as_array().is_none_or(Vec::is_empty) {
            spec["clusterIPs"] = json!([address]);
        }
        if spec["ipFamilies"].as_array().is_none_or(Vec::is_empty) {
            spec["ipFamilies"] = json!(["IPv4"]);
        }
        if spec["ipFamilyPolicy"].as_str().is_none_or(str::is_empty) {
            // Services without a selector and an address get whatever there will be.
            let is_free = address == "None" && spec["selector"].as_object().is_none_or(|all| all.is_empty());
            spec["ipFamilyPolicy"] = if is_free { "RequireDualStack" } else { "SingleStack" }.into();
            if is_free {
                spec["ipFamilies"] = json!(["IPv4", "IPv6"]);
            }
        }
        let allocates =
            kind == "NodePort" || (kind == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] != false);
        if allocates {
            let mut used = None;
            for port in spec["ports"].as_array_mut().into_iter().flatten() {
                if port["nodePort"].as_i64().unwrap_or(0) == 0 {
                    let used = used.get_or_insert_with(|| self.used_ports());
                    let free = std::iter::repeat_with(|| rand::random_range(PORTS))
                        .take(TRIES)
                        .find(|port| used.insert(*port));
                    port["nodePort"] = free.ok_or_else(|| ApiError::internal("no node port is free"))?.into();
                }
            }
        }
        Ok(())
    }

    /// Draws addresses until one is free.
    fn free_address(&self) -> Result<String, ApiError> {
        let mut used = self.api.addresses();
        if used.is_empty() || used.len() > COUNT as usize / 2 {
            let listed = self.api.store.list_now("services", None, None, |_, _| true, usize::MAX);
            *used = listed.records.iter().filter_map(|(_, record)| address_of(&record.value())).collect();
        }
        let draw = || Ipv4Addr::from(FIRST + rand::random_range(0..COUNT));
        let free = std::iter::repeat_with(draw).take(TRIES).find(|address| used.insert(*address));
        free.map(|address| address.to_string()).ok_or_else(|| ApiError::internal("no address is free"))
    }

    fn used_ports(&self) -> HashSet<i64> {
        let listed = self.api.store.list_now("services", None, None, |_, _| true, usize::MAX);
        let ports = listed.records.iter().flat_map(|(_, record)| {
            let object = record.value();
            let ports = object["spec"]["ports"].as_array().cloned().unwrap_or_default();
            ports.into_iter().filter_map(|port| port["nodePort"].as_i64())
        });
        ports.collect()
    }
}

fn address_of(service: &Value) -> Option<Ipv4Addr> {
    service["spec"]["clusterIP"].as_str()?.parse().ok()
}

/// What a service had for its type, and did not change, goes when its type does.
fn drop_what_its_type_has_not(before: &Value, spec: &mut Value, kind: &str) {
    let was = before["type"].as_str().unwrap_or_default();
    let has_address = |kind: &str| kind != "ExternalName";
    let has_node_ports = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    let balances = |kind: &str| kind == "LoadBalancer";
    let mut gone: Vec<&str> = Vec::new();
    if has_address(was) && !has_address(kind) {
        gone.extend(["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]);
    }
    if has_node_ports(was) && !has_node_ports(kind) {
        gone.push("externalTrafficPolicy");
        let node_ports = |spec: &Value| -> Vec<Value> {
            spec["ports"].as_array().into_iter().flatten().map(|port| port["nodePort"].clone()).collect()
        };
        if node_ports(before) == node_ports(spec) {
            for port in spec["ports"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                port.remove("nodePort");
            }
        }
    }
    if balances(was) && !balances(kind) {
        gone.extend(["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"]);
    }
    let Some(fields) = spec.as_object_mut() else { return };
    for field in gone {
        if fields.get(field) == before.get(field) {
            fields.remove(field);
        }
    }
}

/// What a service keeps when it is replaced by one that does not say.
fn keep(before: &Value, spec: &mut Value, kind: &str) {
    let Some(fields) = spec.as_object_mut() else { return };
    if kind == "ExternalName" {
        return;
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(value) = before.get(field)
            && !fields.contains_key(field)
        {
            fields.insert(field.into(), value.clone());
        }
    }
    if matches!(kind, "NodePort" | "LoadBalancer") {
        let empty = Vec::new();
        let ports_before = before["ports"].as_array().unwrap_or(&empty);
        for port in fields.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let same = ports_before
                .iter()
                .find(|other| other["port"] == port["port"] && other["protocol"] == port["protocol"]);
            if port["nodePort"].as_i64().unwrap_or(0) == 0
                && let Some(node_port) = same.and_then(|same| same.get("nodePort"))
            {
                port["nodePort"] = node_port.clone();
            }
        }
    }
}
