//! Package `time`: layouts, durations and the methods of `time.Time`.

mod duration;
mod layout;
mod parse;

pub use duration::{Duration, format_duration, parse_duration};
pub use parse::{parse, parse_rfc3339};

use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::object::{Called, Object};
use super::value::{Kind, Value};
use layout::{Chunk, DAYS, MONTHS, next_chunk};

/// A `time.Time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time(Zoned);

impl Time {
    /// The present, in the machine's zone.
    pub fn now() -> Time {
        Time(Zoned::now())
    }

    /// `time.Unix(seconds, 0)`; what is out of range is the zero time.
    pub fn unix(seconds: i64) -> Time {
        Time(Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::system()))
    }

    /// `time.Time{}`: the first of January of the year 1.
    pub fn zero() -> Time {
        Time(Timestamp::from_second(-62_135_596_800).unwrap_or_default().to_zoned(TimeZone::UTC))
    }

    /// The same instant in another zone, or None when there is none of this name.
    pub fn in_zone(&self, name: &str) -> Option<Time> {
        let zone = match name {
            "" | "UTC" => TimeZone::UTC,
            "Local" => TimeZone::system(),
            name => TimeZone::get(name).ok()?,
        };
        Some(Time(self.0.timestamp().to_zoned(zone)))
    }

    /// The same instant in UTC.
    pub fn utc(&self) -> Time {
        Time(self.0.timestamp().to_zoned(TimeZone::UTC))
    }

    /// Seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.0.timestamp().as_second()
    }

    /// Later by so many nanoseconds.
    pub fn add(&self, nanoseconds: i64) -> Time {
        let span = jiff::SignedDuration::from_nanos(nanoseconds);
        self.0.checked_add(span).map_or_else(|_| self.clone(), Time)
    }

    /// Nanoseconds from `earlier` to this.
    pub fn since(&self, earlier: &Time) -> i64 {
        i64::try_from(self.0.timestamp().as_nanosecond() - earlier.0.timestamp().as_nanosecond())
            .unwrap_or(i64::MAX)
    }

    /// The time as a value of templates.
    pub fn into_value(self) -> Value {
        Value::Object(Rc::new(self))
    }

    /// The time that a value is.
    pub fn of(value: &Value) -> Option<&Time> {
        let Value::Object(object) = value else { return None };
        object.as_any().downcast_ref()
    }

    fn zone_name(&self) -> String {
        let info = self.0.time_zone().to_offset_info(self.0.timestamp());
        let name = info.abbreviation().to_owned();
        if self.0.time_zone() == &TimeZone::UTC { "UTC".to_owned() } else { name }
    }

    /// `Time.Format`.
    pub fn format(&self, layout: &str) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let mut rest = layout;
        let time = &self.0;
        loop {
            let (before, chunk, after) = next_chunk(rest);
            out.push_str(before);
            let Some(chunk) = chunk else { return out };
            rest = after;
            let month = MONTHS[usize::from(time.month().unsigned_abs()) - 1];
            let weekday = DAYS[usize::from(time.weekday().to_sunday_zero_offset().unsigned_abs())];
            let hour12 = if time.hour() % 12 == 0 { 12 } else { time.hour() % 12 };
            // Writing to a String cannot fail.
            let _ = match chunk {
                Chunk::LongMonth => write!(out, "{month}"),
                Chunk::Month => write!(out, "{}", &month[..3]),
                Chunk::NumMonth => write!(out, "{}", time.month()),
                Chunk::ZeroMonth => write!(out, "{:02}", time.month()),
                Chunk::LongWeekDay => write!(out, "{weekday}"),
                Chunk::WeekDay => write!(out, "{}", &weekday[..3]),
                Chunk::Day => write!(out, "{}", time.day()),
                Chunk::UnderDay => write!(out, "{:2}", time.day()),
                Chunk::ZeroDay => write!(out, "{:02}", time.day()),
                Chunk::UnderYearDay => write!(out, "{:3}", time.day_of_year()),
                Chunk::ZeroYearDay => write!(out, "{:03}", time.day_of_year()),
                Chunk::Hour => write!(out, "{:02}", time.hour()),
                Chunk::Hour12 => write!(out, "{hour12}"),
                Chunk::ZeroHour12 => write!(out, "{hour12:02}"),
                Chunk::Minute => write!(out, "{}", time.minute()),
                Chunk::ZeroMinute => write!(out, "{:02}", time.minute()),
                Chunk::Second => write!(out, "{}", time.second()),
                Chunk::ZeroSecond => write!(out, "{:02}", time.second()),
                Chunk::LongYear => write!(out, "{:04}", time.year()),
                Chunk::Year => write!(out, "{:02}", time.year().rem_euclid(100)),
                Chunk::UpperPm => write!(out, "{}", if time.hour() >= 12 { "PM" } else { "AM" }),
                Chunk::LowerPm => write!(out, "{}", if time.hour() >= 12 { "pm" } else { "am" }),
                Chunk::ZoneName => {
                    out.push_str(&self.zone_name());
                    Ok(())
                }
                Chunk::Iso { .. } if time.offset().seconds() == 0 => write!(out, "Z"),
                Chunk::Iso { parts, colons } | Chunk::Numeric { parts, colons } => {
                    offset(&mut out, time.offset().seconds(), parts, colons);
                    Ok(())
                }
                Chunk::Fraction0(digits, point) => {
                    let all = format!("{:09}", time.subsec_nanosecond());
                    write!(out, "{point}{}", &all[..digits.min(9)])
                }
                Chunk::Fraction9(digits, point) => {
                    let all = format!("{:09}", time.subsec_nanosecond());
                    let kept = all[..digits.min(9)].trim_end_matches('0');
                    if kept.is_empty() { Ok(()) } else { write!(out, "{point}{kept}") }
                }
            };
        }
    }
}

fn offset(out: &mut String, seconds: i32, parts: u8, colons: bool) {
    out.push(if seconds < 0 { '-' } else { '+' });
    let seconds = seconds.abs();
    for (at, number) in
        [seconds / 3600, seconds / 60 % 60, seconds % 60].into_iter().take(parts.into()).enumerate()
    {
        if at > 0 && colons {
            out.push(':');
        }
        out.push_str(&format!("{number:02}"));
    }
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        let time = &self.0;
        let other = || arguments.first().and_then(Time::of);
        let int = |at: usize| match arguments.get(at) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        };
        let value = match (name, arguments.len()) {
            ("Format", 1) => match &arguments[0] {
                Value::String(layout) => Value::text(self.format(&layout.to_text())),
                other => {
                    return Some(Err(format!(
                        "wrong type for value; expected string; got {}",
                        other.type_name()
                    )));
                }
            },
            ("Unix", 0) => Value::Int64(self.seconds()),
            ("UnixMilli", 0) => Value::Int64(time.timestamp().as_millisecond()),
            ("UnixMicro", 0) => Value::Int64(time.timestamp().as_microsecond()),
            ("UnixNano", 0) => {
                Value::Int64(i64::try_from(time.timestamp().as_nanosecond()).unwrap_or(i64::MAX))
            }
            ("Year", 0) => Value::Int(time.year().into()),
            ("Month", 0) => Value::text(MONTHS[usize::from(time.month().unsigned_abs()) - 1]),
            ("Day", 0) => Value::Int(time.day().into()),
            ("Hour", 0) => Value::Int(time.hour().into()),
            ("Minute", 0) => Value::Int(time.minute().into()),
            ("Second", 0) => Value::Int(time.second().into()),
            ("Nanosecond", 0) => Value::Int(time.subsec_nanosecond().into()),
            ("YearDay", 0) => Value::Int(time.day_of_year().into()),
            ("Weekday", 0) => {
                Value::text(DAYS[usize::from(time.weekday().to_sunday_zero_offset().unsigned_abs())])
            }
            ("IsZero", 0) => Value::Bool(*self == Time::zero()),
            ("String", 0) => Value::text(self.print()),
            ("UTC", 0) => self.utc().into_value(),
            ("Local", 0) => self.in_zone("Local").unwrap_or_else(|| self.clone()).into_value(),
            ("Before", 1) => Value::Bool(*time < other()?.0),
            ("After", 1) => Value::Bool(*time > other()?.0),
            ("Equal", 1) => Value::Bool(time.timestamp() == other()?.0.timestamp()),
            ("AddDate", 3) => {
                let span = jiff::Span::new().try_years(int(0)?).ok()?.try_months(int(1)?).ok()?;
                let moved = time.checked_add(span).ok()?;
                Time(moved.checked_add(jiff::Span::new().try_days(int(2)?).ok()?).ok()?).into_value()
            }
            _ => return None,
        };
        Some(Ok(value))
    }

    fn print(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn json(&self) -> serde_json::Value {
        self.format("2006-01-02T15:04:05.999999999Z07:00").into()
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_gos() {
        let time = parse("2006-01-02T15:04:05.999Z07:00", "2024-02-05T13:04:09.07Z").unwrap();
        for (layout, text) in [
            ("2006-01-02", "2024-02-05"),
            ("Mon Jan _2 15:04:05 MST 2006", "Mon Feb  5 13:04:09 UTC 2024"),
            ("Monday, 02-Jan-06 03:04PM", "Monday, 05-Feb-24 01:04PM"),
            ("2006-01-02T15:04:05Z07:00", "2024-02-05T13:04:09Z"),
            ("2006-01-02T15:04:05.000 -0700", "2024-02-05T13:04:09.070 +0000"),
            ("20060102150405.999", "20240205130409.07"),
            ("January 2, 3:4:5 pm (002)", "February 5, 1:4:9 pm (036)"),
            ("Jane 1", "Jane 2"),
        ] {
            assert_eq!(time.format(layout), text, "{layout}");
        }
        assert_eq!(time.in_zone("America/New_York").unwrap().format("15:04 MST -07"), "08:04 EST -05");
        assert_eq!(time.seconds(), 1_707_138_249);
        assert_eq!(Time::zero().print(), "0001-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn dates_that_do_not_fit_their_layout_are_refused() {
        for (layout, text) in [
            ("2006-01-02", "2024-13-01"),
            ("2006-01-02", "2024-02-30"),
            ("2006-01-02", "2024-02-01x"),
            ("2006-01-02", "24-02-01"),
            ("15:04", "25:00"),
            ("Jan 2", "Foo 2"),
        ] {
            assert!(parse(layout, text).is_err(), "{layout} {text}");
        }
        assert_eq!(
            parse("2006-01-02", "x").unwrap_err(),
            r#"parsing time "x" as "2006-01-02": cannot parse "x" as "2006""#
        );
    }
}
