//! From a body to an object of the kind that is asked for.

use serde_json::{Value, json};

use super::Call;
use crate::error::ApiError;
use crate::kinds::FieldValidation;
use crate::request::{Decoded, Format, decode};

/// A body with its format, not read yet.
pub(crate) struct Payload {
    pub format: Format,
    pub body: bytes::Bytes,
}

impl Payload {
    pub fn decode(&self) -> Result<Decoded, ApiError> {
        decode(self.format, &self.body)
    }
}

impl Call<'_> {
    /// Reads a body as an object of the kind.
    pub fn accept(&mut self, payload: &Payload) -> Result<Value, ApiError> {
        let Decoded { mut value, duplicates } = payload.decode()?;
        self.check_type(&mut value)?;
        self.check_metadata(&value)?;
        let (object, warnings) = self.written(value, &duplicates).map_err(|why| self.unreadable(&why))?;
        self.warnings.extend(warnings);
        self.placed(object)
    }

    /// A body cannot be read as an object of the kind.
    pub fn unreadable(&self, why: &str) -> ApiError {
        let (kind, version) = (&self.resource.kind, &self.version.name);
        ApiError::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    }

    /// The object as it is written, with complaints about what it does not have.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn written(&self, mut object: Value, duplicates: &[String]) -> Result<(Value, Vec<String>), String> {
        let mut unknown = Vec::new();
        let kind = &self.resource.kind;
        self.version.normalize(kind, &mut object, &mut unknown).map_err(|error| error.message)?;
        let complaints: Vec<String> = unknown
            .iter()
            .map(|path| format!("unknown field {path:?}"))
            .chain(duplicates.iter().map(|path| format!("duplicate field {path:?}")))
            .collect();
        let warnings = match self.field_validation() {
            FieldValidation::Ignore => Vec::new(),
            FieldValidation::Warn => complaints,
            FieldValidation::Strict if complaints.is_empty() => Vec::new(),
            FieldValidation::Strict => {
                return Err(format!("strict decoding error: {}", complaints.join(", ")));
            }
        };
        Ok((object, warnings))
    }

    /// The body says what it is, and it is what the path says.
    fn check_type(&self, value: &mut Value) -> Result<(), ApiError> {
        let wanted = (self.api_version(), &*self.resource.kind);
        let text = value.to_string();
        let Some(fields) = value.as_object_mut() else {
            let found = if text.starts_with('[') { "array" } else { "scalar" };
            let kind = &self.resource.kind;
            return Err(
                self.unreadable(&format!("json: cannot unmarshal {found} into Go value of type {kind}"))
            );
        };
        for (field, default) in [("apiVersion", wanted.0.as_str()), ("kind", wanted.1)] {
            match fields.get(field).map(Value::as_str) {
                None | Some(Some("")) if !self.resource.is_custom => {
                    fields.insert(field.into(), default.into());
                }
                None | Some(Some("")) => {
                    let shown: String = text.chars().take(200).collect();
                    let name = if field == "kind" { "Kind" } else { "apiVersion" };
                    return Err(ApiError::bad_request(format!("Object '{name}' is missing in '{shown}'")));
                }
                Some(None) => {
                    return Err(ApiError::bad_request(format!(
                        "couldn't get version/kind; json parse error: {field} is no text"
                    )));
                }
                Some(Some(_)) => {}
            }
        }
        let found =
            (fields["apiVersion"].as_str().unwrap_or_default(), fields["kind"].as_str().unwrap_or_default());
        if found.0 != wanted.0 {
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({}) does not match the expected API version ({})",
                found.0, wanted.0
            )));
        }
        if found.1 != wanted.1 {
            return Err(ApiError::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: the kind in the data does not match the expected kind",
                found.1, self.version.name, wanted.1
            )));
        }
        Ok(())
    }

    fn check_metadata(&self, value: &Value) -> Result<(), ApiError> {
        match value.get("metadata") {
            None | Some(Value::Null | Value::Object(_)) => Ok(()),
            Some(_) => Err(self.unreadable(&format!(
                "json: cannot unmarshal into Go struct field {}.metadata of type v1.ObjectMeta",
                self.resource.kind
            ))),
        }
    }

    /// The object in the namespace of the path.
    pub fn placed(&self, mut object: Value) -> Result<Value, ApiError> {
        let Some(fields) = object.as_object_mut() else { return Ok(object) };
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if !metadata.is_object() {
            *metadata = json!({});
        }
        let given = metadata["namespace"].as_str().unwrap_or_default();
        if self.resource.is_namespaced() {
            if given.is_empty() {
                metadata["namespace"] = self.namespace.into();
            } else if given != self.namespace {
                return Err(ApiError::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        } else if !given.is_empty() {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        Ok(object)
    }
}
