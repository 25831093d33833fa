//! `index.yaml`: what a HelmRepository has.

use std::collections::BTreeMap;

use serde_json::Value;
use syncline_helm::version::Version;
use syncline_manifest::yaml;

/// One version of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The version as it is written.
    pub version: String,
    /// The SHA-256 of the archive, in small letters.
    pub digest: Option<String>,
    urls: Vec<String>,
}

/// What a repository has.
#[derive(Debug)]
pub(super) struct Index {
    entries: BTreeMap<String, Vec<Entry>>,
}

impl Index {
    /// Reads an index; one that is written as JSON, as large ones are, is read faster.
    pub fn read(bytes: &[u8]) -> Result<Index, String> {
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(_) => {
                let text = std::str::from_utf8(bytes).map_err(|_| "is no text".to_owned())?;
                let documents = yaml::read_lenient(text).map_err(|error| error.to_string())?;
                documents.into_iter().next().map_or(Value::Null, |document| document.value)
            }
        };
        let Some(listed) = value["entries"].as_object() else {
            return Err("is no index of charts: it has no entries".to_owned());
        };
        let entries = listed.iter().map(|(name, versions)| {
            let versions = versions.as_array().into_iter().flatten().filter_map(entry).collect();
            (name.clone(), versions)
        });
        Ok(Index { entries: entries.collect() })
    }

    /// The versions of a chart, the newest first.
    pub fn versions(&self, chart: &str) -> Vec<(Version, Entry)> {
        let entries = self.entries.get(chart).into_iter().flatten();
        let mut versions: Vec<(Version, Entry)> =
            entries.filter_map(|entry| Some((Version::parse(&entry.version).ok()?, entry.clone()))).collect();
        versions.sort_by(|(a, _), (b, _)| b.compare(a));
        versions
    }

    /// The names of all charts.
    pub fn names(&self) -> Vec<&str> {
        self.entries.keys().map(String::as_str).collect()
    }
}

fn entry(value: &Value) -> Option<Entry> {
    let version = match &value["version"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let digest = value["digest"].as_str().map(|text| text.trim_start_matches("sha256:").to_lowercase());
    let urls = value["urls"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    Some(Entry { version, digest: digest.filter(|digest| !digest.is_empty()), urls: urls.collect() })
}

impl Entry {
    /// Where the archive is; relative addresses count from the repository.
    pub fn url(&self, repository: &str) -> Option<String> {
        let first = self.urls.first()?;
        if first.contains("://") {
            return Some(first.clone());
        }
        let base = reqwest::Url::parse(&format!("{}/", repository.trim_end_matches('/'))).ok()?;
        base.join(first).ok().map(|url| url.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_as_yaml_and_as_json() {
        let text = "apiVersion: v1\nentries:\n  web:\n  - {version: 1.2.0, urls: [web-1.2.0.tgz], digest: AB}\n  - {version: 1.10.0, urls: ['https://else.where/web.tgz']}\n  - {version: nonsense}\n";
        let value = yaml::read(text).unwrap().remove(0).value;
        for bytes in [text.as_bytes().to_vec(), value.to_string().into_bytes()] {
            let index = Index::read(&bytes).unwrap();
            let versions = index.versions("web");
            assert_eq!(
                versions.iter().map(|(_, entry)| entry.version.as_str()).collect::<Vec<_>>(),
                ["1.10.0", "1.2.0"]
            );
            assert_eq!(versions[0].1.url("http://a/b").unwrap(), "https://else.where/web.tgz");
            assert_eq!(versions[1].1.url("http://a/b/").unwrap(), "http://a/b/web-1.2.0.tgz");
            assert_eq!(versions[1].1.digest.as_deref(), Some("ab"));
        }
        assert!(Index::read(b"<html>").is_err() && Index::read(b"a: [").is_err());
    }
}
