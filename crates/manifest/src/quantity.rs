//! Quantities, as `k8s.io/apimachinery/pkg/api/resource` defines them.

/// Whether two texts are the same quantity: `1000m` is `1`, `1024Mi` is `1Gi`.
/// Texts that are no quantities are compared as texts.
pub(crate) fn same_quantity(left: &str, right: &str) -> bool {
    left == right
        || match (nano_units(left), nano_units(right)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        }
}

/// The quantity in units of 10⁻⁹, the finest the API keeps, rounded up.
pub fn nano_units(text: &str) -> Option<i128> {
    let digits_end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && (*c == '-' || *c == '+'))))
        .map_or(text.len(), |(at, _)| at);
    let (number, suffix) = text.split_at(digits_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let negative = whole.starts_with('-');
    let whole = whole.trim_start_matches(['-', '+']);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut decimal_exponent = 9_i32.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let mut binary_factor = 1_i128;
    match suffix {
        "" => {}
        "n" => decimal_exponent -= 9,
        "u" => decimal_exponent -= 6,
        "m" => decimal_exponent -= 3,
        "k" => decimal_exponent += 3,
        "M" => decimal_exponent += 6,
        "G" => decimal_exponent += 9,
        "T" => decimal_exponent += 12,
        "P" => decimal_exponent += 15,
        "E" => decimal_exponent += 18,
        "Ki" => binary_factor = 1 << 10,
        "Mi" => binary_factor = 1 << 20,
        "Gi" => binary_factor = 1 << 30,
        "Ti" => binary_factor = 1 << 40,
        "Pi" => binary_factor = 1 << 50,
        "Ei" => binary_factor = 1 << 60,
        exponent => {
            let exponent = exponent.strip_prefix(['e', 'E'])?;
            decimal_exponent = decimal_exponent.checked_add(exponent.parse::<i32>().ok()?)?;
        }
    }
    let scaled = mantissa.checked_mul(binary_factor)?;
    let magnitude = if decimal_exponent >= 0 {
        scaled.checked_mul(10_i128.checked_pow(u32::try_from(decimal_exponent).ok()?)?)?
    } else {
        let divisor = 10_i128.checked_pow(decimal_exponent.unsigned_abs())?;
        scaled.checked_add(divisor - 1)? / divisor
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// The quantity as the API writes it: `1000m` is `1`, `1024Mi` is `1Gi`, `0.5` is
/// `500m`. None where the text is no quantity.
pub fn canonical(text: &str) -> Option<String> {
    let nanos = nano_units(text)?;
    let suffix = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    let one = 1_000_000_000_i128;
    let is_exponent = suffix.len() > 1 && suffix.starts_with(['e', 'E']);
    if suffix.ends_with('i') && nanos.abs() >= 1024 * one {
        // Rounded away from zero: binary suffixes are for whole numbers.
        let mut whole = nanos / one + if nanos % one == 0 { 0 } else { nanos.signum() };
        let mut power = 0;
        while whole % 1024 == 0 && power < 6 {
            whole /= 1024;
            power += 1;
        }
        return Some(format!("{whole}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]));
    }
    let (mut number, mut power) = (nanos, -3_i32);
    while number != 0 && number % 1000 == 0 && power < 6 {
        number /= 1000;
        power += 1;
    }
    if number == 0 {
        return Some("0".into());
    }
    if is_exponent && power != 0 {
        return Some(format!("{number}e{}", power * 3));
    }
    let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    // Between -3 and 6, so there is a suffix for it.
    let suffix = usize::try_from(power + 3).ok().and_then(|index| suffixes.get(index))?;
    Some(format!("{number}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_equal_by_value_and_not_by_spelling() {
        for (left, right, same) in [
            ("1000m", "1", true),
            ("1024Mi", "1Gi", true),
            ("0.5", "500m", true),
            (".5", "500m", true),
            ("1e3", "1k", true),
            ("1.5Gi", "1536Mi", true),
            ("100", "100Mi", false),
            ("1E", "1e18", true),
            ("-1", "1", false),
            ("x", "x", true),
            ("x", "1", false),
            ("", "0", false),
            ("1000u", "1m", true),
            ("99999999999999999999999999999E", "1", false),
        ] {
            assert_eq!(same_quantity(left, right), same, "{left} {right}");
        }
    }

    #[test]
    fn quantities_are_written_in_the_canonical_form_of_their_suffix() {
        for (text, expected) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("100m", "100m"),
            ("1", "1"),
            ("1000", "1k"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("512Ki", "512Ki"),
            ("100Ki", "100Ki"),
            ("0.5Ki", "512"),
            ("1e3", "1e3"),
            ("12e6", "12e6"),
            ("0", "0"),
            ("0Mi", "0"),
            ("128974848", "128974848"),
            ("-1.5", "-1500m"),
            ("1500000", "1500k"),
            ("123.4n", "124n"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(canonical("much"), None);
    }
}
