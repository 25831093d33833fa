//! Durations, in nanoseconds.

use std::rc::Rc;

use crate::go::object::{Called, Object};
use crate::go::quote::quote;
use crate::go::{Kind, Value};

const SECOND: i64 = 1_000_000_000;

/// `time.Duration`: nanoseconds with methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(pub i64);

impl Duration {
    /// The duration that a value is.
    pub fn of(value: &Value) -> Option<Duration> {
        match value {
            Value::Object(object) => object.as_any().downcast_ref().copied(),
            _ => None,
        }
    }

    /// In a unit, the whole and the fraction apart, as Go does it.
    pub fn in_units(self, unit: i64) -> f64 {
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }

    /// The nearest multiple, halves away from zero.
    pub fn round(self, multiple: Duration) -> Duration {
        if multiple.0 <= 0 {
            return self;
        }
        let rest = self.0 % multiple.0;
        let (down, up) = (self.0 - rest, multiple.0 * rest.signum());
        if rest.unsigned_abs() * 2 < multiple.0.unsigned_abs() {
            return Duration(down);
        }
        Duration(down.checked_add(up).unwrap_or(if up < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The multiple towards zero.
    pub fn truncate(self, multiple: Duration) -> Duration {
        if multiple.0 <= 0 { self } else { Duration(self.0 - self.0 % multiple.0) }
    }
}

impl From<Duration> for Value {
    fn from(duration: Duration) -> Value {
        Value::Object(Rc::new(duration))
    }
}

impl Object for Duration {
    fn type_name(&self) -> &'static str {
        "time.Duration"
    }

    fn kind(&self) -> Kind {
        Kind::Int64
    }

    fn integer(&self) -> Option<i64> {
        Some(self.0)
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        let other = || arguments.first().and_then(Duration::of);
        Some(Ok(match (name, arguments.len()) {
            ("Hours", 0) => Value::Float(self.in_units(3600 * SECOND)),
            ("Minutes", 0) => Value::Float(self.in_units(60 * SECOND)),
            ("Seconds", 0) => Value::Float(self.in_units(SECOND)),
            ("Milliseconds", 0) => Value::Int64(self.0 / 1_000_000),
            ("Microseconds", 0) => Value::Int64(self.0 / 1_000),
            ("Nanoseconds", 0) => Value::Int64(self.0),
            ("Abs", 0) => Duration(self.0.saturating_abs()).into(),
            ("Round", 1) => self.round(other()?).into(),
            ("Truncate", 1) => self.truncate(other()?).into(),
            ("String", 0) => Value::text(self.print()),
            _ => return None,
        }))
    }

    fn print(&self) -> String {
        format_duration(self.0)
    }

    fn json(&self) -> serde_json::Value {
        self.0.into()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// `time.ParseDuration`, in nanoseconds.
///
/// # Errors
/// As Go words them.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("time: invalid duration {}", quote(text.as_bytes(), '"', false));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: f64 = 0.0;
    let mut exact: i128 = 0;
    while !rest.is_empty() {
        let count = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let number = &rest[..count];
        if number.is_empty() || number == "." || number.matches('.').count() > 1 {
            return Err(wrong());
        }
        rest = &rest[count..];
        let unit_length = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit: i64 = match &rest[..unit_length] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => {
                let shown = quote(text.as_bytes(), '"', false);
                return Err(format!("time: missing unit in duration {shown}"));
            }
            unknown => {
                let (unknown, shown) =
                    (quote(unknown.as_bytes(), '"', false), quote(text.as_bytes(), '"', false));
                return Err(format!("time: unknown unit {unknown} in duration {shown}"));
            }
        };
        rest = &rest[unit_length..];
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if !whole.is_empty() {
            exact += whole.parse::<i128>().map_err(|_| wrong())? * i128::from(unit);
        }
        if !fraction.is_empty() {
            total += format!("0.{fraction}").parse::<f64>().map_err(|_| wrong())? * unit as f64;
        }
    }
    let nanoseconds = exact + total as i128;
    i64::try_from(if negative { -nanoseconds } else { nanoseconds }).map_err(|_| wrong())
}

/// `Duration.String`.
pub fn format_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let rest = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() { (value / unit).to_string() } else { format!("{}.{rest}", value / unit) }
    };
    if total == 0 {
        return "0s".to_owned();
    }
    if total < 1_000 {
        return format!("{sign}{total}ns");
    }
    if total < 1_000_000 {
        return format!("{sign}{}µs", fraction(total, 1_000));
    }
    if total < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(total, 1_000_000));
    }
    let minutes = total / 60_000_000_000;
    let seconds = fraction(total % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, nanoseconds, written) in [
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("-1.5s", -1_500_000_000, "-1.5s"),
            ("100ms", 100_000_000, "100ms"),
            ("1us", 1_000, "1µs"),
            ("0", 0, "0s"),
            ("24h", 86_400_000_000_000, "24h0m0s"),
        ] {
            assert_eq!(parse_duration(text).unwrap(), nanoseconds);
            assert_eq!(format_duration(nanoseconds), written);
        }
        for text in ["", "1", "1x", ".s", "1h-1m"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
