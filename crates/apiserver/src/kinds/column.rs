//! Columns of the tables that `kubectl get` prints for custom kinds.

use serde_json::Value;
use serde_json_path::JsonPath;

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub name: Box<str>,
    /// The type of its cells.
    pub kind: Box<str>,
    /// The format of its cells.
    pub format: Box<str>,
    /// What it shows, for people.
    pub description: Box<str>,
    /// Zero for what is always shown.
    pub priority: i64,
    path: JsonPath,
}

impl Column {
    /// Reads an entry of `additionalPrinterColumns`.
    ///
    /// # Errors
    /// Why the path makes no sense.
    pub fn read(column: &Value) -> Result<Column, String> {
        let text = |field: &str| column[field].as_str().unwrap_or_default();
        let path = JsonPath::parse(&format!("${}", text("jsonPath"))).map_err(|error| error.to_string())?;
        Ok(Column {
            name: text("name").into(),
            kind: text("type").into(),
            format: text("format").into(),
            description: text("description").into(),
            priority: column["priority"].as_i64().unwrap_or(0),
            path,
        })
    }

    /// The cell of an object.
    pub fn cell(&self, object: &Value) -> Value {
        let found = self.path.query(object);
        let Some(first) = found.first() else { return Value::Null };
        match (&*self.kind, first) {
            ("date", Value::String(time)) => crate::table::age(time).into(),
            ("integer", Value::Number(_)) | ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => {
                first.clone()
            }
            (_, Value::String(text)) => text.as_str().into(),
            (_, value) => value.to_string().into(),
        }
    }
}
