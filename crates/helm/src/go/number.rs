//! Numbers as `strconv` writes and reads them.

/// The shortest digits of a finite float and the exponent of its first digit:
/// `1234.5` is ("12345", 3).
fn shortest(value: f64) -> (String, i32) {
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    (mantissa.chars().filter(|c| *c != '.').collect(), exponent.parse().unwrap_or(0))
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`, which is what `%v` prints: `1e+06` and
/// `1e-05`, but `100000` and `0.0001`.
pub fn format_float(value: f64) -> String {
    if let Some(name) = special(value) {
        return name.to_owned();
    }
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    // Six digits decide, however many there are.
    if !(-4..6).contains(&exponent) {
        return format!("{sign}{}", scientific(&digits, exponent, 'e'));
    }
    format!("{sign}{}", positional(&digits, exponent))
}

/// A float as `encoding/json` writes it: without an exponent between 1e-6 and 1e21.
pub fn format_json_float(value: f64) -> String {
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) {
        // One digit of the exponent where one is enough, and a sign as in Go.
        let text = scientific(&digits, exponent, 'e');
        let text = match text.rsplit_once("e-0") {
            Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
            None => text,
        };
        return format!("{sign}{text}");
    }
    format!("{sign}{}", positional(&digits, exponent))
}

pub(crate) fn scientific(digits: &str, exponent: i32, letter: char) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}{letter}{sign}{:02}", exponent.abs())
}

fn positional(digits: &str, exponent: i32) -> String {
    let mut out = String::new();
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', usize::try_from(-exponent - 1).unwrap_or(0)));
        out.push_str(digits);
        return out;
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() <= whole {
        out.push_str(digits);
        out.extend(std::iter::repeat_n('0', whole - digits.len()));
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
    out
}

/// `strconv.FormatFloat` with a precision: `%e`, `%f` or `%g` by `verb`.
pub fn format_precise(value: f64, verb: char, precision: Option<usize>) -> String {
    if let Some(name) = special(value) {
        return name.to_owned();
    }
    let lower = verb.to_ascii_lowercase();
    let text = match (lower, precision) {
        ('f', Some(precision)) => format!("{value:.precision$}"),
        ('f', None) => {
            let (digits, exponent) = shortest(value);
            let sign = if value.is_sign_negative() { "-" } else { "" };
            format!("{sign}{}", positional(&digits, exponent))
        }
        ('e', precision) => {
            let text = match precision {
                Some(precision) => format!("{value:.precision$e}"),
                None => format!("{value:e}"),
            };
            with_go_exponent(&text)
        }
        (_, None) => format_float(value),
        (_, Some(precision)) => general(value, precision.max(1)),
    };
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// `%g` with a precision: that many significant digits, zeros at the end left out.
fn general(value: f64, precision: usize) -> String {
    let rounded = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let mut threshold = precision;
    if threshold > digits.len() && i64::from(exponent) < digits.len() as i64 {
        threshold = digits.len();
    }
    if exponent < -4 || i64::from(exponent) >= threshold as i64 {
        return format!("{sign}{}", scientific(digits, exponent, 'e'));
    }
    format!("{sign}{}", positional(digits, exponent))
}

fn with_go_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `strconv.ParseInt(text, base, 64)`; base 0 takes it from the prefix (`0x`, `0o`,
/// `0b`, `0`) and allows underscores between digits.
pub fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(unsigned, base)?;
    if negative { i64::try_from(-i128::from(magnitude)).ok() } else { i64::try_from(magnitude).ok() }
}

/// `strconv.ParseUint(text, base, 64)`.
pub fn parse_uint(text: &str, base: u32) -> Option<u64> {
    let (radix, digits, prefixed) = match (base, text.as_bytes()) {
        (0, [b'0', b'x' | b'X', ..]) => (16, &text[2..], true),
        (0, [b'0', b'o' | b'O', ..]) => (8, &text[2..], true),
        (0, [b'0', b'b' | b'B', ..]) => (2, &text[2..], true),
        (0, [b'0', _, ..]) => (8, &text[1..], true),
        (0, _) => (10, text, false),
        (radix, _) => (radix, text, false),
    };
    if base == 0 && digits.contains('_') {
        let well = !digits.ends_with('_') && !digits.contains("__") && (prefixed || !digits.starts_with('_'));
        let plain: String = digits.chars().filter(|c| *c != '_').collect();
        return if well { u64::from_str_radix(&plain, radix).ok() } else { None };
    }
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// `strconv.ParseFloat(text, 64)`.
pub fn parse_float(text: &str) -> Option<f64> {
    let plain: String;
    let text = if text.contains('_') {
        // Underscores are for literals with a prefix of their base only.
        return None;
    } else {
        plain = text.to_ascii_lowercase();
        plain.as_str()
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = unsigned.strip_prefix("0x") {
        return parse_hex_float(hex).map(|value| if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().ok()?;
    // Out of range is an error in Go; the words for infinity are not.
    if value.is_infinite() && !unsigned.starts_with("inf") { None } else { Some(value) }
}

fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value = 0.0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    Some(value * 2f64.powi(exponent - 4 * places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_go_prints_them() {
        // The second column is what `fmt.Println` prints.
        for (value, printed) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100000.0, "100000"),
            (1e6, "1e+06"),
            (1234567.0, "1.234567e+06"),
            (123456.789, "123456.789"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (3.0e-10, "3e-10"),
            (8080.0, "8080"),
            (2147483648.0, "2.147483648e+09"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(format_float(value), printed);
        }
        for (value, json) in
            [(1e6, "1000000"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.1, "0.1"), (1e20, "100000000000000000000")]
        {
            assert_eq!(format_json_float(value), json);
        }
        for (value, verb, precision, printed) in [
            (7.14159, 'f', Some(2), "7.14"),
            (3.0, 'f', Some(0), "3"),
            (1e6, 'g', Some(3), "1e+06"),
            (1234.5, 'e', Some(2), "1.23e+03"),
            (0.5, 'G', Some(6), "0.5"),
            (100.0, 'g', Some(3), "100"),
        ] {
            assert_eq!(format_precise(value, verb, precision), printed);
        }
    }

    #[test]
    fn integers_are_read_with_the_prefix_of_their_base() {
        for (text, base, value) in [
            ("12", 10, Some(12)),
            ("-0x1F", 0, Some(-31)),
            ("0o17", 0, Some(15)),
            ("017", 0, Some(15)),
            ("1_000", 0, Some(1000)),
            ("1_000", 10, None),
            ("", 10, None),
            ("08", 0, None),
            ("0777", 8, Some(511)),
        ] {
            assert_eq!(parse_int(text, base), value, "{text}");
        }
    }
}
