//! Durations as values: functions that Helm 4 has.

use super::Table;
use super::conversion::Reflected;
use crate::go::Value;
use crate::go::number::parse_float;
use crate::go::time::{Duration, parse_duration};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

pub(super) fn add(table: &mut Table) {
    table.add("mustToDuration", |value: Reflected| duration_of(&value.0));
    // All others take what is no duration for none.
    let or_zero = |value: &Value| duration_of(value).unwrap_or(Duration(0));
    table.add("durationSeconds", move |value: Reflected| or_zero(&value.0).in_units(SECOND));
    table.add("durationMinutes", move |value: Reflected| or_zero(&value.0).in_units(60 * SECOND));
    table.add("durationHours", move |value: Reflected| or_zero(&value.0).in_units(HOUR));
    table.add("durationDays", move |value: Reflected| or_zero(&value.0).in_units(HOUR) / 24.0);
    table.add("durationWeeks", move |value: Reflected| or_zero(&value.0).in_units(HOUR) / 24.0 / 7.0);
    table.add("durationMilliseconds", move |value: Reflected| or_zero(&value.0).0 / 1_000_000);
    table.add("durationMicroseconds", move |value: Reflected| or_zero(&value.0).0 / 1_000);
    table.add("durationNanoseconds", move |value: Reflected| or_zero(&value.0).0);
    table.add("durationRoundTo", move |value: Reflected, multiple: Reflected| {
        let (duration, multiple) = (or_zero(&value.0), duration_of(&multiple.0));
        multiple.map_or(duration, |multiple| duration.round(multiple))
    });
    table.add("durationTruncateTo", move |value: Reflected, multiple: Reflected| {
        let (duration, multiple) = (or_zero(&value.0), duration_of(&multiple.0));
        multiple.map_or(duration, |multiple| duration.truncate(multiple))
    });
}

/// A duration, a text that is one, or a number of seconds.
fn duration_of(value: &Value) -> Result<Duration, String> {
    let whole = |seconds: i128| {
        let nanoseconds = i64::try_from(seconds * i128::from(SECOND));
        nanoseconds.map(Duration).map_err(|_| format!("duration seconds overflow: {seconds}"))
    };
    let float = |seconds: f64| {
        if !seconds.is_finite() {
            return Err(format!("invalid duration seconds: {seconds}"));
        }
        let nanoseconds = seconds * SECOND as f64;
        if nanoseconds.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(format!("duration seconds overflow: {seconds}"));
        }
        Ok(Duration(nanoseconds as i64))
    };
    if let Some(duration) = Duration::of(value) {
        return Ok(duration);
    }
    match value {
        Value::String(text) => {
            let shown = text.to_text();
            let text = shown.trim();
            if text.is_empty() {
                return Err("empty duration".to_owned());
            }
            match (parse_duration(text), parse_float(text)) {
                (Ok(nanoseconds), _) => Ok(Duration(nanoseconds)),
                (Err(_), Some(seconds)) => float(seconds),
                (Err(_), None) => Err(format!("could not parse duration {shown:?}")),
            }
        }
        Value::Nil | Value::Invalid => Err("invalid duration".to_owned()),
        Value::Int(seconds) | Value::Int64(seconds) => whole((*seconds).into()),
        Value::Uint(_, seconds) => whole((*seconds).into()),
        Value::Float(seconds) => float(*seconds),
        other => Err(format!("unsupported duration type {}", other.type_name())),
    }
}
