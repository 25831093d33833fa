//! Health as the fleet's own expressions tell it (`healthChecks` in syncline.yaml).

use std::collections::{BTreeMap, HashMap};

use cel::{Context, Program};
use serde_json::Value;
use syncline_manifest::GroupKind;

use super::health::{Health, health};
use crate::api::HealthCheck;
use crate::target::Live;

/// The compiled expressions, by kind.
#[derive(Default)]
pub(super) struct HealthExpressions {
    by_kind: BTreeMap<GroupKind, Expressions>,
}

struct Expressions {
    failed: Option<Program>,
    in_progress: Option<Program>,
    current: Program,
}

impl HealthExpressions {
    /// Compiles what the settings hold; they were checked when they were read.
    pub fn new(checks: &[HealthCheck]) -> HealthExpressions {
        let compiled = |text: &Option<String>| text.as_ref().and_then(|text| Program::compile(text).ok());
        let by_kind = checks.iter().filter_map(|check| {
            let group = check.api_version.split_once('/').map_or("", |(group, _)| group);
            let expressions = Expressions {
                failed: compiled(&check.failed),
                in_progress: compiled(&check.in_progress),
                current: Program::compile(&check.current).ok()?,
            };
            Some((GroupKind::new(group, &check.kind), expressions))
        });
        HealthExpressions { by_kind: by_kind.collect() }
    }

    /// The health of an object: by the expressions of its kind, else by the rules
    /// that hold everywhere.
    pub fn judge(&self, live: &Live) -> Health {
        match self.by_kind.get(&live.key.group_kind) {
            Some(expressions) if !live.is_terminating() => expressions.judge(&live.value),
            _ => health(live),
        }
    }
}

impl Expressions {
    fn judge(&self, object: &Value) -> Health {
        let mut context = Context::default();
        for (field, value) in object.as_object().into_iter().flatten() {
            context.add_variable_from_value(field.as_str(), to_cel(value));
        }
        let holds = |program: &Program| match program.execute(&context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the expression gives neither true nor false".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        // A field that does not exist yet is an error in CEL, and no failure.
        if self.failed.as_ref().is_some_and(|failed| holds(failed) == Ok(true)) {
            return Health::Failed("its health check says so".into());
        }
        if self.in_progress.as_ref().is_some_and(|in_progress| holds(in_progress) == Ok(true)) {
            return Health::Progressing("its health check says so".into());
        }
        match holds(&self.current) {
            Ok(true) => Health::Healthy,
            Ok(false) => Health::Progressing("its health check does not hold yet".into()),
            Err(error) => Health::Progressing(format!("its health check cannot tell: {error}").into()),
        }
    }
}

/// As Kubernetes does it: whole numbers are `int`, whatever their size.
/// Whether an expression holds, of variables that it names.
///
/// # Errors
/// It is none, or something that it reads does not exist.
pub(super) fn holds(expression: &str, variables: &[(&str, &Value)]) -> Result<bool, String> {
    let program = Program::compile(expression).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    for (name, value) in variables {
        context.add_variable_from_value(*name, to_cel(value));
    }
    match program.execute(&context) {
        Ok(cel::Value::Bool(holds)) => Ok(holds),
        Ok(_) => Err("the expression gives neither true nor false".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => cel::Value::Int(number),
            (None, Some(number)) => cel::Value::UInt(number),
            (None, None) => cel::Value::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => cel::Value::String(text.clone().into()),
        Value::Array(items) => cel::Value::List(items.iter().map(to_cel).collect::<Vec<_>>().into()),
        Value::Object(fields) => {
            let fields: HashMap<String, cel::Value> =
                fields.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect();
            cel::Value::Map(fields.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_decide_for_their_kind_in_any_version_and_for_no_other() {
        let check: HealthCheck = serde_json::from_value(json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "failed": "status.phase == 'Broken'",
            "inProgress": "metadata.generation > status.observedGeneration",
            "current": "status.conditions.exists(c, c.type == 'Up' && c.status == 'True') && status.ready >= spec.size",
        }))
        .unwrap();
        let expressions = HealthExpressions::new(&[check]);
        let judged = |kind: &str, status: Value| {
            let value = json!({"apiVersion": "example.com/v2", "kind": kind,
                "metadata": {"name": "w", "generation": 2}, "spec": {"size": 3}, "status": status});
            expressions.judge(&Live::new(&GroupKind::new("example.com", kind), value))
        };
        let up = |ready: u32, observed: u32| {
            json!({"observedGeneration": observed, "ready": ready,
                "conditions": [{"type": "Up", "status": "True"}]})
        };
        assert_eq!(judged("Widget", up(3, 2)), Health::Healthy);
        assert!(matches!(judged("Widget", up(2, 2)), Health::Progressing(_)));
        assert!(matches!(judged("Widget", up(3, 1)), Health::Progressing(_)));
        assert!(matches!(judged("Widget", json!({"phase": "Broken"})), Health::Failed(_)));
        assert!(matches!(judged("Widget", Value::Null), Health::Progressing(_)), "no status yet");
        assert_eq!(judged("Gadget", json!({"phase": "Broken"})), Health::Healthy, "another kind");
    }
}
