//! Package `time`: layouts, durations and the methods of `time.Time`.

use std::rc::Rc;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::object::{Called, Object};
use super::value::{Kind, Value};

/// A piece of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// `Z` for UTC, with how many parts and whether with colons.
    Iso {
        parts: u8,
        colons: bool,
    },
    /// Always a number.
    Numeric {
        parts: u8,
        colons: bool,
    },
    /// `.000`: so many digits, always.
    Fraction0(usize, char),
    /// `.999`: so many digits, zeros at the end left out.
    Fraction9(usize, char),
}

/// The words that a layout is made of, the longer before the shorter.
const WORDS: [(&str, Chunk); 33] = [
    ("January", Chunk::LongMonth),
    ("Jan", Chunk::Month),
    ("Monday", Chunk::LongWeekDay),
    ("Mon", Chunk::WeekDay),
    ("MST", Chunk::ZoneName),
    ("2006", Chunk::LongYear),
    ("__2", Chunk::UnderYearDay),
    ("002", Chunk::ZeroYearDay),
    ("_2", Chunk::UnderDay),
    ("01", Chunk::ZeroMonth),
    ("02", Chunk::ZeroDay),
    ("03", Chunk::ZeroHour12),
    ("04", Chunk::ZeroMinute),
    ("05", Chunk::ZeroSecond),
    ("06", Chunk::Year),
    ("15", Chunk::Hour),
    ("PM", Chunk::UpperPm),
    ("pm", Chunk::LowerPm),
    ("-07:00:00", Chunk::Numeric { parts: 3, colons: true }),
    ("-070000", Chunk::Numeric { parts: 3, colons: false }),
    ("-07:00", Chunk::Numeric { parts: 2, colons: true }),
    ("-0700", Chunk::Numeric { parts: 2, colons: false }),
    ("-07", Chunk::Numeric { parts: 1, colons: false }),
    ("Z07:00:00", Chunk::Iso { parts: 3, colons: true }),
    ("Z070000", Chunk::Iso { parts: 3, colons: false }),
    ("Z07:00", Chunk::Iso { parts: 2, colons: true }),
    ("Z0700", Chunk::Iso { parts: 2, colons: false }),
    ("Z07", Chunk::Iso { parts: 1, colons: false }),
    ("1", Chunk::NumMonth),
    ("2", Chunk::Day),
    ("3", Chunk::Hour12),
    ("4", Chunk::Minute),
    ("5", Chunk::Second),
];

/// The text before the next chunk of a layout, the chunk, and what follows.
fn next_chunk(layout: &str) -> (&str, Option<Chunk>, &str) {
    for (at, c) in layout.char_indices() {
        let rest = &layout[at..];
        if matches!(c, '.' | ',') {
            let after = &rest[1..];
            let digit = after.chars().next().filter(|c| matches!(c, '0' | '9'));
            if let Some(digit) = digit {
                let count = after.chars().take_while(|c| *c == digit).count();
                if !after[count..].starts_with(|c: char| c.is_ascii_digit()) {
                    let chunk =
                        if digit == '0' { Chunk::Fraction0(count, c) } else { Chunk::Fraction9(count, c) };
                    return (&layout[..at], Some(chunk), &after[count..]);
                }
            }
            continue;
        }
        for (word, chunk) in WORDS {
            if !rest.starts_with(word) {
                continue;
            }
            // "Jane" is no month, and "_2006" is an underscore and a year.
            if word == "Jan" && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
            if word == "Mon" && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
            if word == "_2" && rest.starts_with("_2006") {
                return (&layout[..=at], Some(Chunk::LongYear), &rest[5..]);
            }
            return (&layout[..at], Some(chunk), &rest[word.len()..]);
        }
    }
    (layout, None, "")
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

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

/// RFC 3339, as TOML's dates are written.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    parse("2006-01-02T15:04:05.999999999Z07:00", text).or_else(|_| parse("2006-01-02", text)).ok()
}

/// `time.ParseInLocation(layout, text, time.Local)`.
///
/// # Errors
/// As Go words them: `parsing time "..." as "...": cannot parse "..." as "..."`.
pub fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let quoted = |text: &str| super::quote::quote(text.as_bytes(), '"', false);
    let wrong = |rest: &str, piece: &str| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quoted(text),
            quoted(layout),
            quoted(rest),
            quoted(piece)
        )
    };
    let mut parts = Parts { year: 0, month: 1, day: 1, ..Parts::default() };
    let (mut layout_rest, mut rest) = (layout, text);
    loop {
        let (before, chunk, after) = next_chunk(layout_rest);
        let piece = &layout_rest[before.len()..layout_rest.len() - after.len()];
        rest = skip(rest, before).ok_or_else(|| wrong(rest, before))?;
        let Some(chunk) = chunk else {
            if !rest.is_empty() {
                return Err(format!(
                    "parsing time {} as {}: extra text: {}",
                    quoted(text),
                    quoted(layout),
                    quoted(rest)
                ));
            }
            break;
        };
        layout_rest = after;
        let at = rest;
        rest = parts.read(chunk, rest, after).ok_or_else(|| wrong(at, piece))?;
    }
    parts.finish().ok_or_else(|| format!("parsing time {}: day out of range", quoted(text)))
}

fn skip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let mut text = text;
    let mut prefix = prefix;
    while !prefix.is_empty() {
        if prefix.starts_with(' ') {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        let c = prefix.chars().next()?;
        text = text.strip_prefix(c)?;
        prefix = &prefix[c.len_utf8()..];
    }
    Some(text)
}

#[derive(Default)]
struct Parts {
    year: i16,
    month: i8,
    day: i8,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    pm: Option<bool>,
    offset: Option<i32>,
    zone: Option<String>,
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

impl Parts {
    fn read<'a>(&mut self, chunk: Chunk, text: &'a str, layout_after: &str) -> Option<&'a str> {
        let small = |(number, rest): (i32, &'a str)| Some((i8::try_from(number).ok()?, rest));
        let name = |names: &[&str], length: Option<usize>| -> Option<(usize, &'a str)> {
            names.iter().enumerate().find_map(|(at, name)| {
                let name = &name[..length.unwrap_or(name.len())];
                let head = text.get(..name.len())?;
                head.eq_ignore_ascii_case(name).then(|| (at, &text[name.len()..]))
            })
        };
        Some(match chunk {
            Chunk::LongMonth | Chunk::Month => {
                let (at, rest) = name(&MONTHS, (chunk == Chunk::Month).then_some(3))?;
                self.month = i8::try_from(at + 1).ok()?;
                rest
            }
            Chunk::LongWeekDay => name(&DAYS, None)?.1,
            Chunk::WeekDay => name(&DAYS, Some(3))?.1,
            Chunk::NumMonth | Chunk::ZeroMonth => {
                let (month, rest) = small(digits(text, if chunk == Chunk::NumMonth { 1 } else { 2 }, 2)?)?;
                self.month = Some(month).filter(|m| (1..=12).contains(m))?;
                rest
            }
            Chunk::Day | Chunk::UnderDay | Chunk::ZeroDay => {
                let text =
                    if chunk == Chunk::UnderDay { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (day, rest) = small(digits(text, if chunk == Chunk::ZeroDay { 2 } else { 1 }, 2)?)?;
                self.day = day;
                rest
            }
            Chunk::UnderYearDay | Chunk::ZeroYearDay => {
                let (day, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
                self.day_of_year = i16::try_from(day).ok();
                rest
            }
            Chunk::Hour => {
                let (hour, rest) = small(digits(text, 1, 2)?)?;
                self.hour = Some(hour).filter(|h| *h < 24)?;
                rest
            }
            Chunk::Hour12 | Chunk::ZeroHour12 => {
                let (hour, rest) = small(digits(text, if chunk == Chunk::Hour12 { 1 } else { 2 }, 2)?)?;
                self.hour = Some(hour).filter(|h| *h <= 12)?;
                rest
            }
            Chunk::Minute | Chunk::ZeroMinute => {
                let (minute, rest) = small(digits(text, if chunk == Chunk::Minute { 1 } else { 2 }, 2)?)?;
                self.minute = Some(minute).filter(|m| *m < 60)?;
                rest
            }
            Chunk::Second | Chunk::ZeroSecond => {
                let (second, rest) = small(digits(text, if chunk == Chunk::Second { 1 } else { 2 }, 2)?)?;
                self.second = Some(second).filter(|s| *s < 60)?;
                // A fraction may follow though the layout has none.
                let in_layout = matches!(
                    next_chunk(layout_after),
                    ("", Some(Chunk::Fraction0(..) | Chunk::Fraction9(..)), _)
                );
                if !in_layout
                    && rest.starts_with(['.', ','])
                    && rest[1..].starts_with(|c: char| c.is_ascii_digit())
                {
                    self.fraction(rest)?
                } else {
                    rest
                }
            }
            Chunk::LongYear => {
                let (year, rest) = digits(text, 4, 4)?;
                self.year = i16::try_from(year).ok()?;
                rest
            }
            Chunk::Year => {
                let (year, rest) = digits(text, 2, 2)?;
                self.year = i16::try_from(if year >= 69 { year + 1900 } else { year + 2000 }).ok()?;
                rest
            }
            Chunk::UpperPm | Chunk::LowerPm => {
                let (pm, am) = if chunk == Chunk::UpperPm { ("PM", "AM") } else { ("pm", "am") };
                self.pm = Some(text.starts_with(pm));
                text.strip_prefix(pm).or_else(|| text.strip_prefix(am))?
            }
            Chunk::ZoneName => {
                let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
                if !(3..=5).contains(&length) {
                    return None;
                }
                self.zone = Some(text[..length].to_owned());
                &text[length..]
            }
            Chunk::Iso { .. } if text.starts_with('Z') => {
                self.offset = Some(0);
                &text[1..]
            }
            Chunk::Iso { parts, colons } | Chunk::Numeric { parts, colons } => {
                let negative = text.starts_with('-');
                let mut rest = text.strip_prefix(['+', '-'])?;
                let mut seconds = 0;
                for (at, unit) in [3600, 60, 1].into_iter().take(parts.into()).enumerate() {
                    if at > 0 && colons {
                        rest = rest.strip_prefix(':')?;
                    }
                    let (number, after) = digits(rest, 2, 2)?;
                    seconds += number * unit;
                    rest = after;
                }
                self.offset = Some(if negative { -seconds } else { seconds });
                rest
            }
            Chunk::Fraction0(count, _) => {
                let after = text.strip_prefix(['.', ','])?;
                digits(after, count.min(9), count.min(9))?;
                let rest = self.fraction(&text[..=count])?;
                let _ = rest;
                &text[count + 1..]
            }
            Chunk::Fraction9(..) => {
                if text.starts_with(['.', ',']) && text[1..].starts_with(|c: char| c.is_ascii_digit()) {
                    self.fraction(text)?
                } else {
                    text
                }
            }
        })
    }

    fn fraction<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let count = text[1..].bytes().take_while(u8::is_ascii_digit).count();
        let mut padded: String = text[1..=count].chars().take(9).collect();
        while padded.len() < 9 {
            padded.push('0');
        }
        self.nanosecond = padded.parse().ok()?;
        Some(&text[count + 1..])
    }

    fn finish(self) -> Option<Time> {
        let mut hour = self.hour;
        match self.pm {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        let date = match self.day_of_year {
            Some(day) => jiff::civil::date(self.year, 1, 1).with().day_of_year(day).build().ok()?,
            None => jiff::civil::Date::new(self.year, self.month, self.day).ok()?,
        };
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let zone = match (self.offset, self.zone.as_deref()) {
            (Some(0), _) | (None, Some("UTC")) => TimeZone::UTC,
            (Some(seconds), _) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
            (None, Some(_)) => TimeZone::fixed(Offset::UTC),
            (None, None) => TimeZone::system(),
        };
        Some(Time(date.to_datetime(time).to_zoned(zone).ok()?))
    }
}

/// `time.ParseDuration`, in nanoseconds.
///
/// # Errors
/// As Go words them.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("time: invalid duration {}", super::quote::quote(text.as_bytes(), '"', false));
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
                let shown = super::quote::quote(text.as_bytes(), '"', false);
                return Err(format!("time: missing unit in duration {shown}"));
            }
            unknown => {
                let (unknown, shown) = (
                    super::quote::quote(unknown.as_bytes(), '"', false),
                    super::quote::quote(text.as_bytes(), '"', false),
                );
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
