//! Dates and durations.

use super::Table;
use crate::go::number::parse_int;
use crate::go::time::{Time, format_duration, parse, parse_duration};
use crate::go::{Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("now", Time::now);
    table.add("date", |layout: Str, date: Value| in_zone(&layout, &date, "Local"));
    for name in ["dateInZone", "date_in_zone"] {
        table.add(name, |layout: Str, date: Value, zone: Str| in_zone(&layout, &date, &zone.to_text()));
    }
    table.add("htmlDate", |date: Value| in_zone(&"2006-01-02".into(), &date, "Local"));
    table.add("htmlDateInZone", |date: Value, zone: Str| {
        in_zone(&"2006-01-02".into(), &date, &zone.to_text())
    });
    for name in ["dateModify", "date_modify"] {
        table.add(name, |duration: Str, date: Time| match parse_duration(&duration.to_text()) {
            Ok(duration) => date.add(duration),
            Err(_) => date,
        });
    }
    for name in ["mustDateModify", "must_date_modify"] {
        table.add(name, |duration: Str, date: Time| {
            parse_duration(&duration.to_text()).map(|duration| date.add(duration))
        });
    }
    table.add("toDate", |layout: Str, text: Str| {
        parse(&layout.to_text(), &text.to_text()).unwrap_or_else(|_| Time::zero())
    });
    table.add("mustToDate", |layout: Str, text: Str| parse(&layout.to_text(), &text.to_text()));
    table.add("unixEpoch", |date: Time| date.seconds().to_string());
    table.add("ago", |date: Value| {
        let since = Time::now().since(&time_of(&date));
        // Rounded to the second, halves away from zero.
        let seconds = (since + since.signum() * 500_000_000) / 1_000_000_000;
        format_duration(seconds.saturating_mul(1_000_000_000))
    });
    table.add("duration", |seconds: Value| {
        let seconds = match &seconds {
            Value::String(text) => text.as_utf8().and_then(|text| parse_int(text, 10)).unwrap_or(0),
            Value::Int64(seconds) => *seconds,
            _ => 0,
        };
        format_duration(seconds.wrapping_mul(1_000_000_000))
    });
    table.add("durationRound", |duration: Value| {
        let nanoseconds = match &duration {
            Value::String(text) => parse_duration(&text.to_text()).unwrap_or(0),
            Value::Int64(nanoseconds) => *nanoseconds,
            other => Time::of(other).map_or(0, |time| Time::now().since(time)),
        };
        let total = nanoseconds.unsigned_abs();
        const SECOND: u64 = 1_000_000_000;
        let units = [
            (SECOND * 3600 * 24 * 365, "y"),
            (SECOND * 3600 * 24 * 30, "mo"),
            (SECOND * 3600 * 24, "d"),
            (SECOND * 3600, "h"),
            (SECOND * 60, "m"),
            (SECOND, "s"),
        ];
        let unit = units.iter().find(|(unit, _)| total > *unit);
        unit.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", total / unit))
    });
}

/// A time, or seconds since 1970; anything else is the present.
fn time_of(value: &Value) -> Time {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Time::unix(*seconds),
        other => Time::of(other).cloned().unwrap_or_else(Time::now),
    }
}

fn in_zone(layout: &Str, date: &Value, zone: &str) -> String {
    let time = time_of(date);
    time.in_zone(zone).unwrap_or_else(|| time.utc()).format(&layout.to_text())
}
