//! Texts as times, by their layout.

use jiff::tz::{Offset, TimeZone};

use super::Time;
use super::layout::{Chunk, DAYS, MONTHS, next_chunk};
use crate::go::quote::quote;

/// RFC 3339, as TOML's dates are written.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    parse("2006-01-02T15:04:05.999999999Z07:00", text).or_else(|_| parse("2006-01-02", text)).ok()
}

/// `time.ParseInLocation(layout, text, time.Local)`.
///
/// # Errors
/// As Go words them: `parsing time "..." as "...": cannot parse "..." as "..."`.
pub fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let quoted = |text: &str| quote(text.as_bytes(), '"', false);
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
