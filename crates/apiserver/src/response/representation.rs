//! The form in which objects are shown: whole, as rows of a table, or their metadata
//! alone; in JSON or YAML.

use http::StatusCode;
use serde_json::{Value, json};

use super::Reply;
use crate::error::ApiError;
use crate::table;
use crate::verbs::Call;

/// A media type of an `Accept` header, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// The type, as `application/json`.
    pub name: String,
    /// `as`, if given.
    pub form: String,
    /// `g`, if given.
    pub group: String,
    /// `v`, if given.
    pub version: String,
}

impl MediaType {
    /// Reads an `Accept` header.
    pub fn all(accept: &str) -> impl Iterator<Item = MediaType> + '_ {
        accept.split(',').map(|part| {
            let mut words = part.split(';').map(str::trim);
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            let mut found =
                MediaType { name, form: String::new(), group: String::new(), version: String::new() };
            for (key, value) in words.filter_map(|word| word.split_once('=')) {
                match key {
                    "as" => found.form = value.into(),
                    "g" => found.group = value.into(),
                    "v" => found.version = value.into(),
                    _ => {}
                }
            }
            found
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Table,
    Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Json,
    Pretty,
    Yaml,
}

/// How objects are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representation {
    form: Form,
    text: Text,
}

impl Representation {
    /// The first form that is accepted and that there is.
    ///
    /// # Errors
    /// When there is none.
    pub fn negotiate(accept: &str, is_pretty: bool) -> Result<Representation, ApiError> {
        let json = if is_pretty { Text::Pretty } else { Text::Json };
        if accept.is_empty() {
            return Ok(Representation { form: Form::Whole, text: json });
        }
        for wanted in MediaType::all(accept) {
            let text = match wanted.name.as_str() {
                "application/json" | "*/*" | "application/*" => json,
                "application/yaml" => Text::Yaml,
                _ => continue,
            };
            let form = match wanted.form.as_str() {
                "" => Form::Whole,
                "Table" if wanted.version == "v1" => Form::Table,
                "PartialObjectMetadata" | "PartialObjectMetadataList" if wanted.version == "v1" => {
                    Form::Metadata
                }
                _ => continue,
            };
            return Ok(Representation { form, text });
        }
        Err(ApiError::not_acceptable())
    }

    /// Whether objects are shown as they are stored.
    pub fn is_plain(&self) -> bool {
        self.form == Form::Whole && self.text == Text::Json
    }

    /// One object.
    pub(crate) fn object(&self, call: &Call<'_>, status: StatusCode, object: &Value) -> Reply {
        self.written(status, &self.shown(call, object))
    }

    /// What is shown of one object.
    pub(crate) fn shown(&self, call: &Call<'_>, object: &Value) -> Value {
        match self.form {
            Form::Whole => object.clone(),
            Form::Table => {
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                table::table(call.resource, call.version, &metadata, std::slice::from_ref(object))
            }
            Form::Metadata => partial(object),
        }
    }

    /// A list of objects.
    pub(crate) fn list(&self, call: &Call<'_>, metadata: &Value, objects: &[Value]) -> Reply {
        let list = match self.form {
            Form::Whole => json!({
                "kind": call.resource.list_kind, "apiVersion": call.api_version(), "metadata": metadata, "items": objects,
            }),
            Form::Table => table::table(call.resource, call.version, metadata, objects),
            Form::Metadata => {
                // Of nothing the real server makes null, here alone.
                let items: Option<Vec<Value>> =
                    (!objects.is_empty()).then(|| objects.iter().map(partial).collect());
                json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata, "items": items,
                })
            }
        };
        self.written(StatusCode::OK, &list)
    }

    /// The scale of an object.
    pub(crate) fn scale(&self, status: StatusCode, scale: &Value) -> Reply {
        match self.form {
            Form::Whole => self.written(status, scale),
            Form::Table => self.written(status, &table::scale(scale)),
            Form::Metadata => self.written(status, &partial(scale)),
        }
    }

    /// A bookmark of a watch.
    pub(crate) fn bookmark(&self, bookmark: &Value) -> Value {
        match self.form {
            Form::Whole => bookmark.clone(),
            Form::Metadata => partial(bookmark),
            Form::Table => json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": [],
                "metadata": {"resourceVersion": bookmark["metadata"]["resourceVersion"]},
                "rows": [{"cells": [], "object": partial(bookmark)}],
            }),
        }
    }

    fn written(&self, status: StatusCode, value: &Value) -> Reply {
        match self.text {
            Text::Json => Reply::value(status, value),
            Text::Pretty => Reply::json(status, serde_json::to_vec_pretty(value).unwrap_or_default().into()),
            Text::Yaml => {
                let mut text = String::new();
                syncline_manifest::yaml::write(&mut text, value);
                Reply::bytes(status, "application/yaml", text.into())
            }
        }
    }
}

/// An object's metadata alone.
pub(crate) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_there_is_is_taken() {
        let negotiated = |accept: &str| {
            Representation::negotiate(accept, false).map(|found| (found.form, found.text)).ok()
        };
        assert_eq!(negotiated(""), Some((Form::Whole, Text::Json)));
        assert_eq!(negotiated("*/*"), Some((Form::Whole, Text::Json)));
        assert_eq!(
            negotiated("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
            Some((Form::Table, Text::Json))
        );
        assert_eq!(
            negotiated("application/vnd.kubernetes.protobuf, application/json"),
            Some((Form::Whole, Text::Json))
        );
        assert_eq!(
            negotiated("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Some((Form::Metadata, Text::Json))
        );
        assert_eq!(negotiated("application/yaml"), Some((Form::Whole, Text::Yaml)));
        assert_eq!(negotiated("text/html"), None);
    }
}
