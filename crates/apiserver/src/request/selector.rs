//! Label and field selectors, as text.

use std::str::FromStr;

use crate::error::ApiError;
use crate::names::{is_label_key, is_label_value};
use crate::store::Record;

/// Which labels an object must have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    label: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object has the labels.
    pub fn matches(&self, record: &Record) -> bool {
        self.0.iter().all(|requirement| {
            let value = record.label(&requirement.label);
            match &requirement.test {
                Test::In(values) => value.is_some_and(|value| values.iter().any(|other| other == value)),
                Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|other| other != value)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::Above(bound) => number(value).is_some_and(|number| number > *bound),
                Test::Below(bound) => number(value).is_some_and(|number| number < *bound),
            }
        })
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

impl FromStr for LabelSelector {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<LabelSelector, ApiError> {
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if part.is_empty() {
                if text.trim().is_empty() {
                    continue;
                }
                return Err(malformed(text, "found an empty requirement"));
            }
            requirements.push(requirement(text, part)?);
        }
        Ok(LabelSelector(requirements))
    }
}

fn malformed(text: &str, why: &str) -> ApiError {
    ApiError::bad_request(format!("unable to parse requirement: {why} in {text:?}"))
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_u32, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn requirement(text: &str, part: &str) -> Result<Requirement, ApiError> {
    let make = |label: &str, test: Test| {
        let label = label.trim();
        if !is_label_key(label) {
            return Err(malformed(text, "a label is malformed"));
        }
        match &test {
            Test::In(values) | Test::NotIn(values) if !values.iter().all(|value| is_label_value(value)) => {
                Err(malformed(text, "a value is none that a label can have"))
            }
            _ => Ok(Requirement { label: label.into(), test }),
        }
    };
    if let Some(label) = part.strip_prefix('!') {
        return make(label, Test::Absent);
    }
    if let Some(open) = part.find('(') {
        let values = part[open + 1..].strip_suffix(')').ok_or_else(|| malformed(text, "expected ')'"))?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = part[..open].split_whitespace();
        let (label, operator) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        return match operator {
            "in" => make(label, Test::In(values)),
            "notin" => make(label, Test::NotIn(values)),
            _ => Err(malformed(text, "expected 'in' or 'notin'")),
        };
    }
    for (operator, is_equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((label, value)) = part.split_once(operator) {
            let values = vec![value.trim().to_owned()];
            return make(label, if is_equal { Test::In(values) } else { Test::NotIn(values) });
        }
    }
    for (operator, is_above) in [(">", true), ("<", false)] {
        if let Some((label, value)) = part.split_once(operator) {
            let bound = value.trim().parse().map_err(|_| malformed(text, "expected a whole number"))?;
            return make(label, if is_above { Test::Above(bound) } else { Test::Below(bound) });
        }
    }
    make(part, Test::Exists)
}

/// Which fields an object must have: the field, the value, and whether it must be
/// equal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FieldSelector(pub Vec<(String, String, bool)>);

impl FieldSelector {
    /// The one name that is asked for, if one is.
    pub fn name(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _, is_equal)| *is_equal && field == "metadata.name")
            .map(|(_, value, _)| value.as_str())
    }
}

impl FromStr for FieldSelector {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<FieldSelector, ApiError> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let term = [("!=", false), ("==", true), ("=", true)].iter().find_map(|(operator, is_equal)| {
                let (field, value) = part.split_once(operator)?;
                Some((field.to_owned(), value.to_owned(), *is_equal))
            });
            terms.push(term.ok_or_else(|| {
                ApiError::bad_request(format!("invalid selector: {text:?}; can't understand {part:?}"))
            })?);
        }
        Ok(FieldSelector(terms))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::Encoded;

    #[test]
    fn label_selectors_select_as_the_api_does() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "2", "example.com/x": ""}}});
        let record = Encoded::new(&object).at(1);
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier=2", true),
            ("app!=web", false),
            ("other!=web", true),
            ("app in (api, web),!gone", true),
            ("app notin (web)", false),
            ("example.com/x", true),
            ("tier>1", true),
            ("tier<2", false),
            ("gone", false),
        ] {
            assert_eq!(text.parse::<LabelSelector>().unwrap().matches(&record), expected, "{text}");
        }
        for text in ["a,,b", "a in b", "a in (b", "=x", "a b", "a>x", "a of (b)"] {
            assert!(text.parse::<LabelSelector>().is_err(), "{text}");
        }
    }

    #[test]
    fn field_selectors_are_equalities() {
        let selector: FieldSelector = "metadata.name=a,status.phase!=Running".parse().unwrap();
        assert_eq!(selector.name(), Some("a"));
        assert!(!selector.0[1].2);
        assert!("a>b".parse::<FieldSelector>().is_err());
    }
}
