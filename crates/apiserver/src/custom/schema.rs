//! Structural schemas, read once.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::rules::Rule;
use crate::error::Problem;

/// The deepest schema that is read.
const MAX_DEPTH: usize = 100;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Not said.
    Any,
    /// A mapping.
    Object,
    /// A list.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A whole number or text.
    IntOrString,
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Not at all.
    Atomic,
    /// By their values.
    Set,
    /// By these keys.
    Map(Vec<Box<str>>),
}

/// What values of a field look like.
#[derive(Debug)]
pub struct Schema {
    /// The type.
    pub kind: Type,
    /// Whether null is a value.
    pub nullable: bool,
    /// What stands for nothing.
    pub default: Option<Value>,
    /// The fields.
    pub properties: BTreeMap<Box<str>, Schema>,
    /// What other fields look like, if any are taken.
    pub additional: Option<Box<Schema>>,
    /// Whether fields that are not named are kept.
    pub keeps_unknown: bool,
    /// Whether values are whole objects, with metadata.
    pub is_embedded: bool,
    /// The items.
    pub items: Option<Box<Schema>>,
    /// How items are told apart.
    pub listing: Listing,
    /// Whether a mapping is owned as a whole.
    pub is_atomic: bool,
    /// Fields that must be there.
    pub required: Vec<Box<str>>,
    /// What else must hold.
    pub limits: Option<Box<Limits>>,
    /// Rules in CEL.
    pub rules: Vec<Rule>,
}

/// What must hold of a value beside its type.
#[derive(Debug, Default)]
pub struct Limits {
    /// The values there are.
    pub allowed: Vec<Value>,
    /// The pattern of a text.
    pub pattern: Option<Regex>,
    /// The format of a text.
    pub format: Option<Box<str>>,
    /// The least number, and whether it is excluded.
    pub minimum: Option<(f64, bool)>,
    /// The greatest number, and whether it is excluded.
    pub maximum: Option<(f64, bool)>,
    /// What the number is a multiple of.
    pub multiple_of: Option<f64>,
    /// The least length of a text, list or mapping.
    pub at_least: Option<usize>,
    /// The greatest length of a text, list or mapping.
    pub at_most: Option<usize>,
    /// Whether items must differ.
    pub unique: bool,
    /// All of these must hold.
    pub all_of: Vec<Schema>,
    /// One of these at least.
    pub any_of: Vec<Schema>,
    /// One of these exactly.
    pub one_of: Vec<Schema>,
    /// This must not.
    pub not: Option<Box<Schema>>,
}

impl Schema {
    /// A schema that takes anything.
    pub fn anything() -> Schema {
        Schema {
            kind: Type::Any,
            nullable: true,
            default: None,
            properties: BTreeMap::new(),
            additional: None,
            keeps_unknown: true,
            is_embedded: false,
            items: None,
            listing: Listing::Atomic,
            is_atomic: false,
            required: Vec::new(),
            limits: None,
            rules: Vec::new(),
        }
    }

    /// Reads an OpenAPI schema; adds what is wrong with it to `problems`.
    pub fn read(schema: &Value, path: &str, problems: &mut Vec<Problem>) -> Schema {
        Reader { problems, depth: 0, is_structural: true }.schema(schema, path)
    }

    /// Whether there are rules in CEL anywhere in it.
    pub fn has_rules(&self) -> bool {
        let mut parts =
            self.properties.values().chain(self.additional.as_deref()).chain(self.items.as_deref());
        !self.rules.is_empty() || parts.any(Schema::has_rules)
    }

    /// The schema of a field, if one is said.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}

struct Reader<'r> {
    problems: &'r mut Vec<Problem>,
    depth: usize,
    /// Whether types are needed: not inside of `allOf` and the like.
    is_structural: bool,
}

impl Reader<'_> {
    fn schema(&mut self, source: &Value, path: &str) -> Schema {
        let mut schema = Schema { nullable: false, keeps_unknown: false, ..Schema::anything() };
        let Some(fields) = source.as_object() else { return Schema::anything() };
        if self.depth >= MAX_DEPTH {
            self.problems.push(Problem::forbidden(path, "the schema is too deep"));
            return Schema::anything();
        }
        self.depth += 1;
        let flag = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        schema.nullable = flag("nullable");
        schema.keeps_unknown = flag("x-kubernetes-preserve-unknown-fields");
        schema.is_embedded = flag("x-kubernetes-embedded-resource");
        schema.is_atomic = fields.get("x-kubernetes-map-type").is_some_and(|kind| kind == "atomic");
        schema.default = fields.get("default").filter(|default| !default.is_null()).cloned();
        schema.kind = self.kind(fields, path, flag("x-kubernetes-int-or-string"), schema.keeps_unknown);
        for (name, property) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let below = self.schema(property, &format!("{path}.properties[{name}]"));
            schema.properties.insert(name.as_str().into(), below);
        }
        match fields.get("additionalProperties") {
            Some(Value::Bool(true)) => schema.additional = Some(Box::new(Schema::anything())),
            Some(additional @ Value::Object(_)) => {
                if !schema.properties.is_empty() && self.is_structural {
                    let why = "additionalProperties and properties are mutual exclusive";
                    self.problems.push(Problem::forbidden(format!("{path}.additionalProperties"), why));
                }
                let below = self.schema(additional, &format!("{path}.additionalProperties"));
                schema.additional = Some(Box::new(below));
            }
            _ => {}
        }
        match fields.get("items") {
            Some(items @ Value::Object(_)) => {
                schema.items = Some(Box::new(self.schema(items, &format!("{path}.items"))));
            }
            _ if schema.kind == Type::Array && self.is_structural => {
                self.problems.push(Problem::required(format!("{path}.items"), "must be specified"));
            }
            _ => {}
        }
        schema.listing = self.listing(fields, path, &schema);
        schema.required = texts(fields.get("required"));
        schema.limits = self.limits(fields, path);
        for (index, rule) in list(fields, "x-kubernetes-validations").iter().enumerate() {
            let path = format!("{path}.x-kubernetes-validations[{index}]");
            match Rule::read(rule) {
                Ok(rule) => schema.rules.push(rule),
                Err(why) => self.problems.push(Problem::invalid(format!("{path}.rule"), &rule["rule"], &why)),
            }
        }
        self.depth -= 1;
        schema
    }

    fn kind(&mut self, fields: &Map<String, Value>, path: &str, int_or_string: bool, keeps: bool) -> Type {
        match fields.get("type").and_then(Value::as_str) {
            Some("object") => Type::Object,
            Some("array") => Type::Array,
            Some("string") => Type::String,
            Some("integer") => Type::Integer,
            Some("number") => Type::Number,
            Some("boolean") => Type::Boolean,
            Some("") | None if int_or_string => Type::IntOrString,
            Some("") | None => {
                if self.is_structural && !keeps {
                    let why = "must not be empty for specified object fields";
                    self.problems.push(Problem::required(format!("{path}.type"), why));
                }
                Type::Any
            }
            Some(other) => {
                let kinds = ["array", "boolean", "integer", "number", "object", "string"];
                self.problems.push(Problem::unsupported(format!("{path}.type"), &other.into(), &kinds));
                Type::Any
            }
        }
    }

    fn listing(&mut self, fields: &Map<String, Value>, path: &str, schema: &Schema) -> Listing {
        let keys = texts(fields.get("x-kubernetes-list-map-keys"));
        match fields.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => {
                let items = schema.items.as_deref();
                let is_granular = items.is_some_and(|items| match items.kind {
                    Type::Object => !items.is_atomic,
                    Type::Array => !matches!(items.listing, Listing::Atomic),
                    _ => false,
                });
                if is_granular {
                    let why = "items of a set must be scalar or atomic";
                    self.problems.push(Problem::invalid(format!("{path}.items"), &Value::Null, why));
                }
                Listing::Set
            }
            Some("map") => {
                if keys.is_empty() {
                    let why = "must not be empty if x-kubernetes-list-type is map";
                    self.problems.push(Problem::required(format!("{path}.x-kubernetes-list-map-keys"), why));
                }
                for key in &keys {
                    let items = schema.items.as_deref();
                    let is_given = items.is_some_and(|items| {
                        items.required.contains(key)
                            || items.properties.get(key).is_some_and(|key| key.default.is_some())
                    });
                    if !is_given {
                        let field = format!("{path}.items.properties[{key}].default");
                        self.problems.push(Problem::required(
                            field,
                            "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
                        ));
                    }
                }
                Listing::Map(keys)
            }
            _ => Listing::Atomic,
        }
    }

    fn limits(&mut self, fields: &Map<String, Value>, path: &str) -> Option<Box<Limits>> {
        const NAMES: &[&str] = &[
            "enum",
            "pattern",
            "format",
            "minimum",
            "maximum",
            "multipleOf",
            "minLength",
            "minItems",
            "minProperties",
            "maxLength",
            "maxItems",
            "maxProperties",
            "uniqueItems",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
        ];
        if !NAMES.iter().any(|name| fields.contains_key(*name)) {
            return None;
        }
        let mut limits = Limits::default();
        let flag = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        let size =
            |name: &str| fields.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let number = |name: &str| fields.get(name).and_then(Value::as_f64);
        limits.allowed = list(fields, "enum").to_vec();
        if let Some(pattern) = fields.get("pattern").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            match Regex::new(pattern) {
                Ok(regex) => limits.pattern = Some(regex),
                Err(error) => {
                    let why = format!("must be a valid regular expression, but isn't: {error}");
                    self.problems.push(Problem::invalid(format!("{path}.pattern"), &pattern.into(), &why));
                }
            }
        }
        limits.format = fields.get("format").and_then(Value::as_str).map(Box::from);
        limits.minimum = number("minimum").map(|bound| (bound, flag("exclusiveMinimum")));
        limits.maximum = number("maximum").map(|bound| (bound, flag("exclusiveMaximum")));
        limits.multiple_of = number("multipleOf");
        limits.at_least = size("minLength").or(size("minItems")).or(size("minProperties"));
        limits.at_most = size("maxLength").or(size("maxItems")).or(size("maxProperties"));
        limits.unique = flag("uniqueItems");
        let outer = std::mem::replace(&mut self.is_structural, false);
        let mut all = |name: &str| -> Vec<Schema> {
            let schemas = list(fields, name).iter().enumerate();
            schemas.map(|(index, schema)| self.schema(schema, &format!("{path}.{name}[{index}]"))).collect()
        };
        limits.all_of = all("allOf");
        limits.any_of = all("anyOf");
        limits.one_of = all("oneOf");
        limits.not = fields.get("not").map(|not| Box::new(self.schema(not, &format!("{path}.not"))));
        self.is_structural = outer;
        Some(Box::new(limits))
    }
}

fn list<'f>(fields: &'f Map<String, Value>, name: &str) -> &'f [Value] {
    fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn texts(value: Option<&Value>) -> Vec<Box<str>> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(Box::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(schema: Value) -> Vec<String> {
        let mut problems = Vec::new();
        Schema::read(&schema, "schema", &mut problems);
        problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
    }

    #[test]
    fn a_schema_that_is_not_structural_is_refused_with_the_field() {
        assert_eq!(
            problems(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
            Vec::<String>::new()
        );
        assert_eq!(
            problems(
                json!({"type": "object", "properties": {"a": {}, "b": {"type": "array"}, "c": {"type": "text"}}})
            ),
            [
                "schema.properties[a].type: Required value: must not be empty for specified object fields",
                "schema.properties[b].items: Required value: must be specified",
                "schema.properties[c].type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
            ]
        );
        assert_eq!(problems(json!({"x-kubernetes-preserve-unknown-fields": true})), Vec::<String>::new());
    }
}
