//! Layouts: what Go writes of the second of January 2006, as the pieces they are made of.

/// A piece of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
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
pub(super) fn next_chunk(layout: &str) -> (&str, Option<Chunk>, &str) {
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

pub(super) const MONTHS: [&str; 12] = [
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
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
