//! Arithmetic, on what `github.com/spf13/cast` makes of any value.

use super::{Int, Rest, Table};
use crate::go::format::sprint;
use crate::go::number::{parse_float, parse_int};
use crate::go::{List, ListType, Str, Value};

/// Numbers that one template may list: more is a mistake, or an attack.
const MAX_STEPS: i64 = 10_000_000;

pub(super) fn add(table: &mut Table) {
    table.add("int", |value: Value| Int(to_int(&value)));
    table.add("int64", |value: Value| to_int(&value));
    table.add("float64", |value: Value| to_float(&value));
    table.add("atoi", |text: Str| Int(text.as_utf8().map_or(0, atoi)));
    table.add("toDecimal", |value: Value| -> i64 {
        String::from_utf8(sprint(&value)).ok().and_then(|text| parse_int(&text, 8)).unwrap_or(0)
    });
    table.add("add1", |value: Value| to_int(&value).wrapping_add(1));
    table.add("add", |values: Rest<Value>| values.0.iter().map(to_int).fold(0i64, i64::wrapping_add));
    table.add("sub", |a: Value, b: Value| to_int(&a).wrapping_sub(to_int(&b)));
    table.add("mul", |a: Value, others: Rest<Value>| {
        others.0.iter().map(to_int).fold(to_int(&a), i64::wrapping_mul)
    });
    table.add("div", |a: Value, b: Value| divide(to_int(&a), to_int(&b), i64::wrapping_div));
    table.add("mod", |a: Value, b: Value| divide(to_int(&a), to_int(&b), i64::wrapping_rem));
    for name in ["max", "biggest"] {
        table.add(name, |a: Value, others: Rest<Value>| {
            others.0.iter().map(to_int).fold(to_int(&a), i64::max)
        });
    }
    table.add("min", |a: Value, others: Rest<Value>| others.0.iter().map(to_int).fold(to_int(&a), i64::min));
    table.add("maxf", |a: Value, others: Rest<Value>| fold_floats(&a, &others.0, f64::max));
    table.add("minf", |a: Value, others: Rest<Value>| fold_floats(&a, &others.0, f64::min));
    table.add("add1f", |a: Value| decimal(&a, &[Value::Int(1)], Operation::Add));
    table.add("addf", |values: Rest<Value>| decimal(&Value::Float(0.0), &values.0, Operation::Add));
    table.add("subf", |a: Value, others: Rest<Value>| decimal(&a, &others.0, Operation::Subtract));
    table.add("mulf", |a: Value, others: Rest<Value>| decimal(&a, &others.0, Operation::Multiply));
    table.add("divf", |a: Value, others: Rest<Value>| -> Result<f64, String> {
        if others.0.iter().any(|value| to_float(value) == 0.0) {
            return Err("decimal division by 0".to_owned());
        }
        Ok(decimal(&a, &others.0, Operation::Divide))
    });
    table.add("ceil", |value: Value| to_float(&value).ceil());
    table.add("floor", |value: Value| to_float(&value).floor());
    table.add("round", |value: Value, places: Int, on: Rest<f64>| {
        round(to_float(&value), places.0, on.0.first().copied().unwrap_or(0.5))
    });
    table.add("until", |count: Int| steps(0, count.0, if count.0 < 0 { -1 } else { 1 }).map(ints));
    table.add("untilStep", |start: Int, stop: Int, step: Int| steps(start.0, stop.0, step.0).map(ints));
    table
        .add("seq", |numbers: Rest<Int>| seq(&numbers.0.iter().map(|number| number.0).collect::<Vec<i64>>()));
}

/// `cast.ToInt64`: 0 for what is no number. Text is read with the prefix of its base.
pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Uint(_, value) => i64::try_from(*value).unwrap_or(i64::MAX),
        Value::Float(value) => truncate(*value),
        Value::Bool(value) => i64::from(*value),
        Value::String(text) => {
            text.as_utf8().and_then(|text| parse_int(without_zero_decimals(text), 0)).unwrap_or(0)
        }
        _ => 0,
    }
}

/// A conversion as processors of the amd64 family do it: what does not fit is the least integer.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncate(value: f64) -> i64 {
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        return i64::MIN;
    }
    value as i64
}

/// "12.00" is 12.
fn without_zero_decimals(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() && decimals.bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// `cast.ToFloat64`: 0 for what is no number.
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(value) => *value,
        Value::Int(value) | Value::Int64(value) => *value as f64,
        Value::Uint(_, value) => *value as f64,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::String(text) => text.as_utf8().and_then(parse_float).unwrap_or(0.0),
        _ => 0.0,
    }
}

fn divide(a: i64, b: i64, operation: fn(i64, i64) -> i64) -> Result<i64, String> {
    if b == 0 {
        return Err("runtime error: integer divide by zero".to_owned());
    }
    Ok(operation(a, b))
}

fn fold_floats(first: &Value, others: &[Value], operation: fn(f64, f64) -> f64) -> f64 {
    others
        .iter()
        .map(to_float)
        .fold(to_float(first), |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { operation(a, b) })
}

/// sprig computes in decimals, so that 0.1 + 0.2 is 0.3.
fn decimal(first: &Value, others: &[Value], operation: Operation) -> f64 {
    let mut exact = Decimal::of(to_float(first));
    let mut rough = to_float(first);
    for other in others.iter().map(to_float) {
        exact = exact.zip(Decimal::of(other)).and_then(|(a, b)| a.apply(b, operation));
        rough = match operation {
            Operation::Add => rough + other,
            Operation::Subtract => rough - other,
            Operation::Multiply => rough * other,
            Operation::Divide => rough / other,
        };
    }
    // What does not fit the exact form is large, and its last digits are of no matter.
    exact.and_then(Decimal::to_float).unwrap_or(rough)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// `digits * 10^exponent`, as `github.com/shopspring/decimal` holds a number.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    /// The shortest decimal that reads as this float.
    fn of(value: f64) -> Option<Decimal> {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let places = i32::try_from(fraction.len()).ok()?;
        Some(Decimal {
            digits: format!("{whole}{fraction}").parse().ok()?,
            exponent: exponent.parse::<i32>().ok()? - places,
        })
    }

    fn to_float(self) -> Option<f64> {
        format!("{}e{}", self.digits, self.exponent).parse().ok()
    }

    /// The digits with a smaller exponent.
    fn scaled(self, exponent: i32) -> Option<i128> {
        let places = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.digits.checked_mul(10i128.checked_pow(places)?)
    }

    fn apply(self, other: Decimal, operation: Operation) -> Option<Decimal> {
        let exponent = self.exponent.min(other.exponent);
        match operation {
            Operation::Add => Some(Decimal {
                digits: self.scaled(exponent)?.checked_add(other.scaled(exponent)?)?,
                exponent,
            }),
            Operation::Subtract => Some(Decimal {
                digits: self.scaled(exponent)?.checked_sub(other.scaled(exponent)?)?,
                exponent,
            }),
            Operation::Multiply => Some(Decimal {
                digits: self.digits.checked_mul(other.digits)?,
                exponent: self.exponent.checked_add(other.exponent)?,
            }),
            Operation::Divide => self.divided(other),
        }
    }

    /// The quotient with sixteen digits behind the point, the last rounded.
    fn divided(self, other: Decimal) -> Option<Decimal> {
        const PLACES: i32 = 16;
        // digits * 10^shift / other.digits has the exponent -PLACES.
        let shift = self.exponent.checked_sub(other.exponent)?.checked_add(PLACES)?;
        let (numerator, denominator) = if shift >= 0 {
            (self.digits.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?, other.digits)
        } else {
            (self.digits, other.digits.checked_mul(10i128.checked_pow(u32::try_from(-shift).ok()?)?)?)
        };
        let (quotient, rest) = (numerator.checked_div(denominator)?, numerator.checked_rem(denominator)?);
        let rounds_up = rest.unsigned_abs().checked_mul(2)? >= denominator.unsigned_abs();
        let sign = numerator.signum() * denominator.signum();
        Some(Decimal { digits: quotient + if rounds_up { sign } else { 0 }, exponent: -PLACES })
    }
}

fn round(value: f64, places: i64, on: f64) -> f64 {
    let power = 10f64.powi(i32::try_from(places).unwrap_or(i32::MAX));
    let digit = power * value;
    let rounded = if digit.fract() >= on { digit.ceil() } else { digit.floor() };
    rounded / power
}

fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, String> {
    let mut out = Vec::new();
    if stop < start && step >= 0 || stop >= start && step <= 0 {
        return Ok(out);
    }
    let count = (i128::from(stop) - i128::from(start)).abs() / i128::from(step).abs();
    if count > i128::from(MAX_STEPS) {
        return Err(format!("more than {MAX_STEPS} numbers between {start} and {stop}"));
    }
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        out.push(at);
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(out)
}

fn ints(numbers: Vec<i64>) -> Value {
    Value::List(List::new(ListType::Ints, numbers.into_iter().map(Value::Int).collect()))
}

fn seq(numbers: &[i64]) -> Result<String, String> {
    let numbers = match *numbers {
        [end] => {
            let increment = if end < 1 { -1 } else { 1 };
            steps(1, end.saturating_add(increment), increment)?
        }
        [start, end] => {
            let step = if end < start { -1 } else { 1 };
            steps(start, end.saturating_add(step), step)?
        }
        [start, step, end] => {
            let increment = if end < start { -1 } else { 1 };
            if end < start && step > 0 {
                return Ok(String::new());
            }
            steps(start, end.saturating_add(increment), step)?
        }
        _ => return Ok(String::new()),
    };
    Ok(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" "))
}

/// `strconv.Atoi`, but for its error: what is too large is the largest.
fn atoi(text: &str) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    match parse_int(text, 10) {
        Some(number) => number,
        None if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => 0,
        None if text.starts_with('-') => i64::MIN,
        None => i64::MAX,
    }
}
