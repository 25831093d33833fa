//! Semantic versions.

use std::rc::Rc;

use super::Table;
use crate::go::{Called, Kind, Object, Str, UintKind, Value};
use crate::version::{Constraint, Version};

pub(super) fn add(table: &mut Table) {
    table.add("semver", |text: Str| {
        Version::parse(&text.to_text()).map(|version| Value::Object(Rc::new(version)))
    });
    table.add("semverCompare", |constraint: Str, version: Str| -> Result<bool, String> {
        let constraint = Constraint::parse(&constraint.to_text())?;
        Ok(constraint.check(&Version::parse(&version.to_text())?))
    });
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind(&self) -> Kind {
        Kind::Pointer
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        let other = || {
            let Some(Value::Object(object)) = arguments.first() else { return None };
            object.as_any().downcast_ref::<Version>()
        };
        let number = |number: u64| Value::Uint(UintKind::U64, number);
        let incremented = |major, minor, patch| {
            let mut version = Version {
                major,
                minor,
                patch,
                pre: String::new(),
                metadata: String::new(),
                original: "".into(),
            };
            let v = if self.original.starts_with('v') { "v" } else { "" };
            version.original = format!("{v}{version}").into();
            Value::Object(Rc::new(version))
        };
        Some(Ok(match name {
            "Major" => number(self.major),
            "Minor" => number(self.minor),
            "Patch" => number(self.patch),
            "Prerelease" => Value::text(self.pre.as_str()),
            "Metadata" => Value::text(self.metadata.as_str()),
            "Original" => Value::text(&*self.original),
            "String" => Value::text(self.to_string()),
            "IncMajor" => incremented(self.major + 1, 0, 0),
            "IncMinor" => incremented(self.major, self.minor + 1, 0),
            // A pre-release becomes the version that it was for.
            "IncPatch" if !self.pre.is_empty() => incremented(self.major, self.minor, self.patch),
            "IncPatch" => incremented(self.major, self.minor, self.patch + 1),
            "Compare" => Value::Int(self.compare(other()?) as i64),
            "Equal" => Value::Bool(self.compare(other()?).is_eq()),
            "LessThan" => Value::Bool(self.compare(other()?).is_lt()),
            "LessThanEqual" => Value::Bool(self.compare(other()?).is_le()),
            "GreaterThan" => Value::Bool(self.compare(other()?).is_gt()),
            "GreaterThanEqual" => Value::Bool(self.compare(other()?).is_ge()),
            _ => return None,
        }))
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> serde_json::Value {
        self.to_string().into()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
