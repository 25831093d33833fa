//! Durations, in nanoseconds.

use crate::go::quote::quote;

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
