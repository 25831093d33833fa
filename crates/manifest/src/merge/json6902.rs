//! RFC 6902 operations.

use serde_json::Value;

/// Why operations could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Json6902Error {
    /// The text is not a list of operations.
    #[error("not a list of JSON 6902 operations: {0}")]
    Malformed(String),
    /// One operation does not fit the object; nothing was changed.
    #[error("operation {index}: {reason}")]
    Operation {
        /// Its place in the list, from 0.
        index: usize,
        /// What does not fit.
        reason: String,
    },
}

/// Applies a list of JSON 6902 operations to an object, all or none.
///
/// # Errors
/// When the operations are malformed or one does not fit the object.
pub fn json6902(target: &mut Value, operations: &Value) -> Result<(), Json6902Error> {
    let patch: json_patch::Patch = serde_json::from_value(operations.clone())
        .map_err(|error| Json6902Error::Malformed(error.to_string()))?;
    json_patch::patch(target, &patch)
        .map_err(|error| Json6902Error::Operation { index: error.operation, reason: error.kind.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_apply_all_or_none() {
        let mut value = json!({"a": [1, 2], "b/c": 1});
        json6902(
            &mut value,
            &json!([{"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/b~1c"}]),
        )
        .unwrap();
        assert_eq!(value, json!({"a": [1, 2, 3]}));
        let failed = json6902(
            &mut value,
            &json!([{"op": "remove", "path": "/a"}, {"op": "test", "path": "/x", "value": 1}]),
        );
        assert!(matches!(failed, Err(Json6902Error::Operation { index: 1, .. })), "{failed:?}");
        assert_eq!(value, json!({"a": [1, 2, 3]}));
    }
}
