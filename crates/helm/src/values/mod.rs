//! Values: how they are read, merged, and checked against a schema.
//!
//! Outside of a rendering they are JSON, in which a float is a number of a YAML file and
//! an integer is one that `--set` gave: Go tells `float64` from `int64` by that.

mod coalesce;
mod dependencies;
mod frozen;
mod node;
mod schema;
mod set;

pub use frozen::Frozen;
pub use schema::{Schema, SchemaViolation};
pub use set::{SetError, SetKind, set, set_file, set_json, set_literal};

pub(crate) use coalesce::{Nulls, coalesce_values};
pub(crate) use dependencies::process;
pub(crate) use node::Node;
pub(crate) use schema::validate;

use serde_json::{Map, Number, Value as Json};

/// Why a text holds no values.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// It is no YAML.
    #[error("{name}:{source}")]
    Yaml {
        /// The file.
        name: String,
        /// Where, and what is wrong.
        source: syncline_manifest::yaml::YamlError,
    },
    /// It is YAML, but not a mapping.
    #[error("{name}: the values are no mapping")]
    NoMapping {
        /// The file.
        name: String,
    },
}

/// Reads a values file; nothing is an empty mapping.
///
/// # Errors
/// The text is no YAML mapping.
pub fn read(name: &str, text: &str) -> Result<Map<String, Json>, ValuesError> {
    let documents = syncline_manifest::yaml::read_lenient(text)
        .map_err(|source| ValuesError::Yaml { name: name.to_owned(), source })?;
    match documents.into_iter().find(|document| document.index == 0).map(|document| document.value) {
        None => Ok(Map::new()),
        Some(Json::Object(mut entries)) => {
            entries.values_mut().for_each(make_floats);
            Ok(entries)
        }
        Some(_) => Err(ValuesError::NoMapping { name: name.to_owned() }),
    }
}

/// Makes every number a float, which is what Go's reader of YAML gives.
pub fn make_floats(value: &mut Json) {
    match value {
        Json::Number(number) => {
            if let Some(float) = number.as_f64().and_then(Number::from_f64) {
                *number = float;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(make_floats),
        Json::Object(entries) => entries.values_mut().for_each(make_floats),
        _ => {}
    }
}

/// Lays values over others: mappings merge, all else replaces, null too. What several
/// `-f` files and `spec.valuesFrom` become.
pub fn merge(base: &mut Map<String, Json>, over: Map<String, Json>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Json::Object(base)), Json::Object(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
