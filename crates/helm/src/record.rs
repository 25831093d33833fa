//! Helm's record of a release: a Secret for each revision, in which all of it is kept.
//! `helm list`, `helm get` and `helm history` read them.
//!
//! Follows `pkg/storage/driver/secrets.go` and `pkg/release` of Helm 3: JSON, compressed,
//! in base 64, and that in a Secret of type `helm.sh/release.v1`.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::chart::{Chart, ChartFile};
use crate::release::Hook;

/// The type of Secrets that hold records.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";
/// What a record may unfold to: the bound of what a Secret holds is 1 MiB.
const MAX_RECORD: u64 = 256 << 20;

/// How a revision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is what runs.
    Deployed,
    /// A later one took its place.
    Superseded,
    /// It did not come to be as it should.
    Failed,
    /// It was removed.
    Uninstalled,
    /// Whoever wrote it was not done: it is under way, or was when its writer was killed.
    Unfinished,
}

impl Status {
    /// The name in records and labels.
    pub fn name(self) -> &'static str {
        match self {
            Status::Deployed => "deployed",
            Status::Superseded => "superseded",
            Status::Failed => "failed",
            Status::Uninstalled => "uninstalled",
            Status::Unfinished => "unknown",
        }
    }

    /// Reads a name; `pending-install` and the like are unfinished.
    pub fn read(name: &str) -> Status {
        match name {
            "deployed" => Status::Deployed,
            "superseded" => Status::Superseded,
            "failed" => Status::Failed,
            "uninstalled" => Status::Uninstalled,
            _ => Status::Unfinished,
        }
    }
}

/// How a hook ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRun {
    /// The kind and the name of its object.
    pub hook: (String, String),
    /// Whether it did what it should.
    pub phase: HookPhase,
    /// When it began, as RFC 3339.
    pub started: String,
    /// When it ended.
    pub completed: String,
}

/// What became of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookPhase {
    /// It did what it should.
    Succeeded,
    /// It did not, or not in time.
    Failed,
}

impl HookPhase {
    fn name(self) -> &'static str {
        match self {
            HookPhase::Succeeded => "Succeeded",
            HookPhase::Failed => "Failed",
        }
    }
}

/// What a new revision is made of.
#[derive(Debug)]
pub struct Revision<'r> {
    /// The name of the release.
    pub name: &'r str,
    /// Where its objects are.
    pub namespace: &'r str,
    /// The number of the revision, from 1.
    pub number: u64,
    /// How it is.
    pub status: Status,
    /// What is said of it.
    pub description: &'r str,
    /// The chart.
    pub chart: &'r Chart,
    /// The values of the user.
    pub values: &'r Map<String, Json>,
    /// All manifests as text.
    pub manifest: &'r str,
    /// Its hooks.
    pub hooks: &'r [Hook],
    /// How those ran that did.
    pub runs: &'r [HookRun],
    /// What is said to who installed it.
    pub notes: &'r str,
    /// When the first revision came to be, as RFC 3339.
    pub first_deployed: &'r str,
    /// When this one did.
    pub deployed: &'r str,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The number of the revision.
    pub number: u64,
    /// All of it, as Helm keeps it.
    pub release: Json,
}

impl Record {
    fn text(&self, pointer: &str) -> &str {
        self.release.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
    }

    /// How the revision is.
    pub fn status(&self) -> Status {
        Status::read(self.text("/info/status"))
    }

    /// Where the objects of the release are.
    pub fn namespace(&self) -> &str {
        self.text("/namespace")
    }

    /// All manifests as text.
    pub fn manifest(&self) -> &str {
        self.text("/manifest")
    }

    /// When the first revision came to be.
    pub fn first_deployed(&self) -> Option<&str> {
        Some(self.text("/info/first_deployed")).filter(|time| !time.is_empty())
    }

    /// Its hooks; those for events that nobody knows are left out.
    pub fn hooks(&self) -> Vec<Hook> {
        let hooks = self.release["hooks"].as_array();
        hooks.into_iter().flatten().map(Hook::of_record).filter(|hook| !hook.events.is_empty()).collect()
    }
}

/// Why a Secret holds no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is of another type.
    #[error("the Secret is no record of a release")]
    NoRecord,
    /// It cannot be unpacked.
    #[error("the record cannot be read: {0}")]
    Damaged(String),
}

fn files(files: &[ChartFile]) -> Json {
    files
        .iter()
        .map(|file| json!({"name": file.name, "data": STANDARD.encode(file.data.read().map_or(&b""[..], |text| text.as_bytes()))}))
        .collect()
}

fn chart(chart: &Chart) -> Json {
    json!({
        "metadata": chart.metadata.json(),
        "lock": null,
        "templates": files(&chart.templates),
        "values": chart.values.read().map_or(Json::Null, |values| crate::go::json::to_json(&values.thaw())),
        "schema": chart.schema.as_ref().map(|schema| STANDARD.encode(schema.text().as_bytes())),
        "files": files(&chart.files),
    })
}

impl Revision<'_> {
    fn last_run(&self, hook: &Hook) -> Json {
        let ran = |run: &&HookRun| run.hook.0 == hook.kind && run.hook.1 == hook.name;
        match self.runs.iter().rfind(ran) {
            Some(run) => {
                json!({"started_at": run.started, "completed_at": run.completed, "phase": run.phase.name()})
            }
            None => json!({"started_at": "", "completed_at": "", "phase": ""}),
        }
    }

    /// The release as Helm keeps it.
    pub fn release(&self) -> Json {
        let hooks: Json = self
            .hooks
            .iter()
            .map(|hook| {
                json!({
                    "name": hook.name,
                    "kind": hook.kind,
                    "path": hook.path,
                    "manifest": hook.manifest,
                    "events": hook.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
                    "last_run": self.last_run(hook),
                    "weight": hook.weight,
                    "delete_policies": hook.delete_policies.iter().map(|policy| policy.name()).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "name": self.name,
            "info": {
                "first_deployed": self.first_deployed,
                "last_deployed": self.deployed,
                "deleted": "",
                "description": self.description,
                "status": self.status.name(),
                "notes": self.notes,
            },
            "chart": chart(self.chart),
            "config": self.values,
            "manifest": self.manifest,
            "hooks": hooks,
            "version": self.number,
            "namespace": self.namespace,
        })
    }
}

/// The name of the Secret of a revision.
pub fn secret_name(release: &str, number: u64) -> String {
    format!("sh.helm.release.v1.{release}.v{number}")
}

/// The Secret that keeps a release; `seconds` since 1970 is when it was written.
pub fn secret(release: &Json, storage_namespace: &str, seconds: u64) -> Json {
    let name = release["name"].as_str().unwrap_or_default();
    let number = release["version"].as_u64().unwrap_or_default();
    let status = release.pointer("/info/status").and_then(Json::as_str).unwrap_or_default();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory cannot fail.
    let bytes =
        packed.write_all(release.to_string().as_bytes()).and_then(|()| packed.finish()).unwrap_or_default();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_name(name, number),
            "namespace": storage_namespace,
            "labels": {
                "name": name,
                "owner": "helm",
                "status": status,
                "version": number.to_string(),
                "modifiedAt": seconds.to_string(),
            },
        },
        "type": SECRET_TYPE,
        // Helm encodes what it stores, and the Secret encodes that.
        "data": {"release": STANDARD.encode(STANDARD.encode(bytes))},
    })
}

/// Reads a Secret.
///
/// # Errors
/// It is no record, or a damaged one.
pub fn read(secret: &Json) -> Result<Record, RecordError> {
    if secret["type"] != SECRET_TYPE {
        return Err(RecordError::NoRecord);
    }
    let damaged = |error: &dyn std::fmt::Display| RecordError::Damaged(error.to_string());
    let outer = secret.pointer("/data/release").and_then(Json::as_str).ok_or(RecordError::NoRecord)?;
    let inner = STANDARD.decode(outer).map_err(|error| damaged(&error))?;
    let packed = STANDARD.decode(&inner).map_err(|error| damaged(&error))?;
    let bytes = if packed.starts_with(&[0x1f, 0x8b]) {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .take(MAX_RECORD)
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(&error))?;
        bytes
    } else {
        packed
    };
    let release: Json = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
    let number = release["version"].as_u64().ok_or_else(|| damaged(&"it has no version"))?;
    Ok(Record { number, release })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let release =
            json!({"name": "web", "version": 3, "info": {"status": "deployed"}, "manifest": "a: 1\n"});
        let secret = secret(&release, "ns", 5);
        assert_eq!(secret["metadata"]["name"], "sh.helm.release.v1.web.v3");
        assert_eq!(read(&secret).unwrap(), Record { number: 3, release });
        assert!(read(&json!({"type": "Opaque"})).is_err());
        assert!(read(&json!({"type": SECRET_TYPE, "data": {"release": "eA=="}})).is_err());
    }
}
