//! What rules say of values.

use std::cell::Cell;

use super::{Counted, EXACT, Rule, Scalar, Schema, Types, Usual};
use crate::go::{Map, Value};

/// How deep rules and values may lie in each other before the validator is asked.
const MAX_DEPTH: usize = 100;

/// How many rules are looked at: alternatives of alternatives can be very many.
const MAX_RULES: u32 = 1 << 20;

impl Usual {
    /// Whether it surely allows the values.
    pub(in super::super) fn allows(&self, values: &Map) -> bool {
        let walk = Walk { root: &self.0, rules: Cell::new(MAX_RULES) };
        walk.schema(&self.0, &Value::Map(values.clone()), 0) == Verdict::Allowed
    }
}

/// What is said of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Refused,
    /// For the validator.
    Unsure,
}

impl Verdict {
    fn of(allowed: bool) -> Verdict {
        if allowed { Verdict::Allowed } else { Verdict::Refused }
    }

    /// Both say so.
    fn and(self, other: impl FnOnce() -> Verdict) -> Verdict {
        match self {
            Verdict::Allowed => other(),
            Verdict::Refused => Verdict::Refused,
            Verdict::Unsure if other() == Verdict::Refused => Verdict::Refused,
            Verdict::Unsure => Verdict::Unsure,
        }
    }

    /// All say so.
    fn all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        let mut all = Verdict::Allowed;
        for verdict in verdicts {
            all = all.and(|| verdict);
            if all == Verdict::Refused {
                break;
            }
        }
        all
    }

    fn not(self) -> Verdict {
        match self {
            Verdict::Allowed => Verdict::Refused,
            Verdict::Refused => Verdict::Allowed,
            Verdict::Unsure => Verdict::Unsure,
        }
    }
}

struct Walk<'u> {
    root: &'u Schema,
    rules: Cell<u32>,
}

impl Walk<'_> {
    fn schema(&self, schema: &Schema, value: &Value, depth: usize) -> Verdict {
        match schema {
            Schema::Anything => Verdict::Allowed,
            Schema::Nothing => Verdict::Refused,
            Schema::Rule(_) if depth > MAX_DEPTH || self.rules.get() == 0 => Verdict::Unsure,
            Schema::Rule(rule) => {
                self.rules.update(|left| left - 1);
                self.rule(rule, value, depth + 1)
            }
        }
    }

    fn rule(&self, rule: &Rule, value: &Value, depth: usize) -> Verdict {
        let beside = self.value(rule, value, depth).and(|| self.alternatives(rule, value, depth));
        let Some(reference) = &rule.reference else { return beside };
        // Until 2019-09, what stands beside a reference says nothing.
        let beside = if beside == Verdict::Refused { Verdict::Unsure } else { beside };
        let target = reference.target(self.root).map(|target| self.schema(target, value, depth));
        beside.and(|| target.unwrap_or(Verdict::Unsure))
    }

    /// What a rule says of a value itself and of what is in it.
    fn value(&self, rule: &Rule, value: &Value, depth: usize) -> Verdict {
        let types = |types: Types| Verdict::of(rule.types.has_any(types));
        let choice = |is_it: &dyn Fn(&Scalar) -> bool| {
            Verdict::of(rule.choices.as_ref().is_none_or(|choices| choices.iter().any(is_it)))
        };
        let number = |number: f64| {
            if number.abs() >= EXACT || number.is_nan() {
                return Verdict::Unsure;
            }
            let is_a = if number.fract() == 0.0 { Types::INTEGER } else { Types::FRACTION };
            types(is_a)
                .and(|| choice(&|choice| *choice == Scalar::Number(number)))
                .and(|| Verdict::of(rule.minimum <= number && number <= rule.maximum))
        };
        let size = |counted: Counted, size: usize| {
            let allowed = rule.sizes[counted as usize];
            Verdict::of((allowed.least..=allowed.most).contains(&(size as u64)))
        };
        match value {
            Value::Invalid | Value::Nil => types(Types::NULL).and(|| choice(&|it| *it == Scalar::Null)),
            Value::Bool(flag) => types(Types::BOOLEAN).and(|| choice(&|it| *it == Scalar::Boolean(*flag))),
            Value::Int(integer) | Value::Int64(integer) => number(*integer as f64),
            Value::Float(float) => number(*float),
            Value::String(text) => {
                let Some(text) = text.as_utf8() else { return Verdict::Unsure };
                let format = if rule.has_format { Verdict::Unsure } else { Verdict::Allowed };
                types(Types::STRING)
                    .and(|| choice(&|choice| matches!(choice, Scalar::Text(choice) if choice == text)))
                    .and(|| size(Counted::Characters, text.chars().count()))
                    .and(|| format)
            }
            // Choices are no lists and no maps.
            Value::List(list) => types(Types::ARRAY)
                .and(|| choice(&|_| false))
                .and(|| size(Counted::Items, list.len()))
                .and(|| Verdict::all(list.iter().map(|item| self.schema(&rule.items, item, depth)))),
            Value::Map(map) => types(Types::OBJECT)
                .and(|| choice(&|_| false))
                .and(|| size(Counted::Properties, map.len()))
                .and(|| {
                    Verdict::all(rule.required.iter().map(|name| Verdict::of(map.contains(name.as_bytes()))))
                })
                .and(|| self.properties(rule, map, depth)),
            Value::Uint(..) | Value::Bytes(_) | Value::Object(_) => Verdict::Unsure,
        }
    }

    fn properties(&self, rule: &Rule, map: &Map, depth: usize) -> Verdict {
        if rule.properties.is_empty() && matches!(rule.additional, Schema::Anything) {
            return Verdict::Allowed;
        }
        map.with(|entries| {
            Verdict::all(entries.iter().map(|(name, value)| match name.as_utf8() {
                Some(name) => {
                    self.schema(rule.properties.get(name).unwrap_or(&rule.additional), value, depth)
                }
                None => Verdict::Unsure,
            }))
        })
    }

    fn alternatives(&self, rule: &Rule, value: &Value, depth: usize) -> Verdict {
        let each = |schema| self.schema(schema, value, depth);
        let all = || Verdict::all(rule.all_of.iter().map(each));
        // Not all are refused.
        let any = || Verdict::all(rule.any_of.iter().map(each).map(Verdict::not)).not();
        let one = || {
            let verdicts: Vec<Verdict> = rule.one_of.iter().map(each).collect();
            let allowed = verdicts.iter().filter(|verdict| **verdict == Verdict::Allowed).count();
            if verdicts.contains(&Verdict::Unsure) { Verdict::Unsure } else { Verdict::of(allowed == 1) }
        };
        let where_given = |schemas: &[Schema], verdict: &dyn Fn() -> Verdict| {
            if schemas.is_empty() { Verdict::Allowed } else { verdict() }
        };
        all()
            .and(|| where_given(&rule.any_of, &any))
            .and(|| where_given(&rule.one_of, &one))
            .and(|| each(&rule.not).not())
            .and(|| match rule.condition.as_ref().map(each) {
                None => Verdict::Allowed,
                Some(Verdict::Allowed) => each(&rule.then),
                Some(Verdict::Refused) => each(&rule.otherwise),
                Some(Verdict::Unsure) => Verdict::Unsure,
            })
    }
}
