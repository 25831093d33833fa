//! Rules in CEL (`x-kubernetes-validations`).

use std::sync::OnceLock;

use cel::{Context, Program};
use serde_json::Value;

use super::functions;
use crate::error::Problem;

/// One rule.
pub struct Rule {
    program: Program,
    source: Box<str>,
    message: Option<Box<str>>,
    message_expression: Option<Program>,
    reason: &'static str,
    field_path: Option<Box<str>>,
    /// Whether it compares with what was before: then it holds for what is new.
    needs_old: bool,
    /// Whether what was before may be absent (`optionalOldSelf`).
    old_is_optional: bool,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rule").field(&self.source).finish()
    }
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Why it does not compile.
    pub fn read(rule: &Value) -> Result<Rule, String> {
        let text = |name: &str| rule[name].as_str().filter(|text| !text.is_empty());
        let source = text("rule").ok_or("rule is not specified")?;
        let program = functions::compile(source)?;
        let needs_old = program.references().variables().contains(&"oldSelf");
        Ok(Rule {
            program,
            source: source.into(),
            message: text("message").map(Box::from),
            message_expression: text("messageExpression").map(functions::compile).transpose()?,
            reason: match text("reason") {
                Some("FieldValueForbidden") => "FieldValueForbidden",
                Some("FieldValueRequired") => "FieldValueRequired",
                Some("FieldValueDuplicate") => "FieldValueDuplicate",
                _ => "FieldValueInvalid",
            },
            field_path: text("fieldPath").map(Box::from),
            needs_old,
            old_is_optional: rule["optionalOldSelf"] == true,
        })
    }

    /// What breaks the rule in a value; `old` is the value before.
    pub fn check(&self, value: &Value, old: Option<&Value>, path: &str) -> Option<Problem> {
        if self.needs_old && old.is_none() && !self.old_is_optional {
            return None;
        }
        // What is as it was may break rules that are newer than it is (KEP-4008).
        if !self.needs_old && old == Some(value) {
            return None;
        }
        let mut context = surroundings().new_inner_scope();
        context.add_variable_from_value("self", to_cel(value));
        if let Some(old) = old {
            context.add_variable_from_value("oldSelf", to_cel(old));
        }
        let message = match self.program.execute(&context) {
            Ok(cel::Value::Bool(true)) => return None,
            Ok(cel::Value::Bool(false)) => self.message(&context),
            Ok(_) => "rule evaluated to no boolean".to_owned(),
            Err(error) => format!("rule evaluation error: {error} (rule: {})", self.source),
        };
        let field = format!("{path}{}", self.field_path.as_deref().unwrap_or_default());
        let field = field.trim_start_matches('.').to_owned();
        let message = match self.reason {
            "FieldValueForbidden" => format!("Forbidden: {message}"),
            "FieldValueRequired" => format!("Required value: {message}"),
            "FieldValueDuplicate" => format!("Duplicate value: {value}"),
            _ if value.is_object() || value.is_array() => format!("Invalid value: {message}"),
            _ => format!("Invalid value: {value}: {message}"),
        };
        Some(Problem { field, reason: self.reason, message })
    }

    fn message(&self, context: &Context<'_, '_>) -> String {
        if let Some(program) = &self.message_expression
            && let Ok(cel::Value::String(text)) = program.execute(context)
        {
            return text.to_string();
        }
        match &self.message {
            Some(message) => message.to_string(),
            None => format!("failed rule: {}", self.source),
        }
    }
}

/// What all rules see.
fn surroundings() -> &'static Context<'static, 'static> {
    static SURROUNDINGS: OnceLock<Context<'static, 'static>> = OnceLock::new();
    SURROUNDINGS.get_or_init(functions::context)
}

/// As Kubernetes does it: whole numbers are `int`, whatever their size.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => cel::Value::Int(number),
            None => cel::Value::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(fields) => {
            let fields: std::collections::HashMap<String, cel::Value> =
                fields.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect();
            fields.into()
        }
    }
}
