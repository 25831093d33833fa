//! What an untagged or tagged scalar means: the YAML 1.1 rules of the library
//! that kubectl reads with (`go.yaml.in/yaml/v2`), which differ from YAML 1.2:
//! `yes` is true, `0644` is 420, `1_000` is 1000, dates stay strings.

use std::borrow::Cow;

use base64::Engine as _;
use granit_parser::ScalarStyle;
use serde_json::{Number, Value};

/// Why a scalar has no JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScalarError {
    #[error("JSON has no infinity and no NaN")]
    NotFinite,
    #[error("the value does not fit its tag")]
    WrongTag,
    #[error("the value is not base64")]
    NotBase64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Implicit,
    Str,
    Int,
    Float,
    Bool,
    Null,
    Binary,
    Timestamp,
    Other,
}

/// The JSON value of a scalar as written.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Tag) -> Result<Value, ScalarError> {
    let quoted = style != ScalarStyle::Plain;
    match tag {
        Tag::Str => Ok(Value::from(text)),
        Tag::Implicit | Tag::Other if quoted => Ok(Value::from(text)),
        Tag::Implicit => plain(text),
        Tag::Other => Ok(Value::from(text)),
        Tag::Binary => decode_binary(text),
        Tag::Timestamp => Ok(Value::from(text)),
        Tag::Int | Tag::Float | Tag::Bool | Tag::Null => tagged(text, tag),
    }
}

fn decode_binary(text: &str) -> Result<Value, ScalarError> {
    let compact: String = text.split_whitespace().collect();
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(compact).map_err(|_| ScalarError::NotBase64)?;
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

fn tagged(text: &str, tag: Tag) -> Result<Value, ScalarError> {
    let value = plain(text)?;
    let fits = match (&value, tag) {
        (Value::Bool(_), Tag::Bool) | (Value::Null, Tag::Null) => true,
        (Value::Number(n), Tag::Int) => !n.is_f64(),
        (Value::Number(_), Tag::Float) => true,
        _ => false,
    };
    if fits { Ok(value) } else { Err(ScalarError::WrongTag) }
}

/// The value of a plain (unquoted) scalar without a tag.
pub(super) fn plain(text: &str) -> Result<Value, ScalarError> {
    let Some(first) = text.bytes().next() else {
        return Ok(Value::Null);
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            Ok(word(text).unwrap_or_else(|| Value::from(text)))
        }
        b'.' => match text {
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => Err(ScalarError::NotFinite),
            _ if is_decimal_float(text) => float(text),
            _ => Ok(Value::from(text)),
        },
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Ok(Value::from(text)),
    }
}

fn word(text: &str) -> Option<Value> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(Value::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Value::Bool(false))
        }
        "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        _ => None,
    }
}

fn number(text: &str) -> Result<Value, ScalarError> {
    if matches!(text, "+.inf" | "-.inf" | "+.Inf" | "-.Inf" | "+.INF" | "-.INF") {
        return Err(ScalarError::NotFinite);
    }
    if is_timestamp(text) {
        return Ok(Value::from(text));
    }
    let digits = if text.contains('_') { Cow::from(text.replace('_', "")) } else { Cow::from(text) };
    if let Some(integer) = integer(&digits) {
        return Ok(integer);
    }
    if is_decimal_float(&digits) {
        return match float(&digits) {
            // A number too large for a float is left as it was written.
            Err(ScalarError::NotFinite) => Ok(Value::from(text)),
            other => other,
        };
    }
    Ok(Value::from(text))
}

/// Go's `strconv.ParseInt(s, 0, 64)`, then `ParseUint`: the prefix gives the base.
fn integer(text: &str) -> Option<Value> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = i64::try_from(-i128::from(magnitude)).ok()?;
        return Some(Value::from(value));
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Value::from(value)),
        // Go's ParseUint takes no sign.
        Err(_) if text.starts_with('+') => None,
        Err(_) => Some(Value::from(magnitude)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['-', '+']).unwrap_or(e);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_fits && exponent_fits
}

fn float(text: &str) -> Result<Value, ScalarError> {
    let value: f64 = text.parse().map_err(|_| ScalarError::WrongTag)?;
    if !value.is_finite() {
        return Err(ScalarError::NotFinite);
    }
    Ok(canonical_number(value))
}

/// JSON makes no difference between 1000.0 and 1000; Go prints the latter.
pub(super) fn canonical_number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT && !(value == 0.0 && value.is_sign_negative()) {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// JSON has string keys only; kubectl spells the other scalars as Go prints them. None is
/// what can be no key.
pub(super) fn key_text(key: Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.is_f64() => float_key(float),
            _ => number.to_string(),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Go's `FormatFloat(value, 'g', -1, 32)`: the shortest text of the nearest
/// single-precision number, with an exponent from 1e+06 on and below 1e-04.
fn float_key(value: f64) -> String {
    let narrow = value as f32;
    let scientific = format!("{narrow:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{narrow}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Dates as YAML 1.1 has them stay strings: `YYYY-M-D` with an optional time.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[5..].iter().all(|b| b.is_ascii_digit() || b"-:.+TtZz ".contains(b))
}
