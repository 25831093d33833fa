//! Package `fmt`: the verbs of `printf` and what `print` makes of each value.

use super::number::{format_float, format_precise};
use super::quote::quote;
use super::value::{Kind, MAX_DEPTH, UintKind, Value};

/// What stands for values that lie too deep in others.
const TOO_DEEP: &[u8] = b"...";

/// What `fmt.Fprint` writes of one value: `%v`.
pub fn print_value(out: &mut Vec<u8>, value: &Value) {
    print_within(out, value, 0);
}

fn print_within(out: &mut Vec<u8>, value: &Value, depth: usize) {
    match value {
        _ if depth > MAX_DEPTH => out.extend_from_slice(TOO_DEEP),
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Invalid | Value::Nil => out.extend_from_slice(b"<nil>"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(value) | Value::Int64(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Uint(_, value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Float(value) => out.extend_from_slice(format_float(*value).as_bytes()),
        Value::Bytes(bytes) => {
            let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
            out.extend_from_slice(format!("[{}]", numbers.join(" ")).as_bytes());
        }
        Value::List(list) => {
            out.push(b'[');
            for (at, item) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                print_within(out, item, depth + 1);
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.extend_from_slice(b"map[");
            map.with(|entries| {
                for (at, (key, item)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push(b' ');
                    }
                    out.extend_from_slice(key.as_bytes());
                    out.push(b':');
                    print_within(out, item, depth + 1);
                }
            });
            out.push(b']');
        }
        Value::Object(object) => out.extend_from_slice(object.print().as_bytes()),
    }
}

/// `fmt.Sprint(value)`.
pub fn sprint(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    print_value(&mut out, value);
    out
}

/// `fmt.Sprint(values...)`: a space between two operands when neither is a string.
pub fn sprint_all(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::String(_));
        if at > 0 && !is_text(value) && !is_text(&values[at - 1]) {
            out.push(b' ');
        }
        print_value(&mut out, value);
    }
    out
}

#[derive(Default, Clone)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprintf`.
pub fn sprintf(format: &[u8], arguments: &[Value]) -> Vec<u8> {
    Printer { out: Vec::new(), format, at: 0, arguments, next: 0, reordered: false }.run()
}

struct Printer<'a> {
    out: Vec<u8>,
    format: &'a [u8],
    at: usize,
    arguments: &'a [Value],
    next: usize,
    reordered: bool,
}

impl Printer<'_> {
    fn run(mut self) -> Vec<u8> {
        while self.at < self.format.len() {
            let rest = &self.format[self.at..];
            let text = rest.iter().position(|b| *b == b'%').unwrap_or(rest.len());
            self.out.extend_from_slice(&rest[..text]);
            self.at += text;
            if self.at < self.format.len() {
                self.at += 1;
                self.verb();
            }
        }
        if !self.reordered && self.next < self.arguments.len() {
            self.out.extend_from_slice(b"%!(EXTRA ");
            for at in self.next..self.arguments.len() {
                if at > self.next {
                    self.out.extend_from_slice(b", ");
                }
                let value = &self.arguments[at];
                if value.is_nil() {
                    self.out.extend_from_slice(b"<nil>");
                } else {
                    self.out.extend_from_slice(value.type_name().as_bytes());
                    self.out.push(b'=');
                    print_value(&mut self.out, value);
                }
            }
            self.out.push(b')');
        }
        self.out
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        std::str::from_utf8(&self.format[start..self.at]).ok()?.parse().ok()
    }

    /// `[n]` selects the argument that is taken next; false when it is no good index.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return true;
        }
        self.reordered = true;
        let Some(end) = self.format[self.at..].iter().position(|b| *b == b']') else {
            self.at += 1;
            return false;
        };
        let inner = std::str::from_utf8(&self.format[self.at + 1..self.at + end]).unwrap_or_default();
        self.at += end + 1;
        match inner.parse::<usize>() {
            Ok(n) if n >= 1 && n <= self.arguments.len() => {
                self.next = n - 1;
                true
            }
            _ => false,
        }
    }

    fn star(&mut self) -> Option<i64> {
        let value = self.arguments.get(self.next).and_then(|value| match value {
            Value::Int(value) | Value::Int64(value) => Some(*value),
            Value::Uint(_, value) => i64::try_from(*value).ok(),
            _ => None,
        });
        self.next += 1;
        value.filter(|value| value.abs() <= 1_000_000)
    }

    fn verb(&mut self) {
        let mut flags = Flags::default();
        loop {
            match self.peek() {
                Some(b'+') => flags.plus = true,
                Some(b'-') => {
                    flags.minus = true;
                    flags.zero = false;
                }
                Some(b'#') => flags.sharp = true,
                Some(b' ') => flags.space = true,
                Some(b'0') => flags.zero = !flags.minus,
                _ => break,
            }
            self.at += 1;
        }
        let mut good_index = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                Some(width) => {
                    if width < 0 {
                        flags.minus = true;
                        flags.zero = false;
                    }
                    flags.width = usize::try_from(width.abs()).ok();
                }
                None => self.out.extend_from_slice(b"%!(BADWIDTH)"),
            }
        } else {
            flags.width = self.number().map(|width| width.min(1_000_000));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            good_index &= self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                match self.star() {
                    Some(precision) => flags.precision = usize::try_from(precision).ok(),
                    None => self.out.extend_from_slice(b"%!(BADPREC)"),
                }
            } else {
                flags.precision = Some(self.number().unwrap_or(0).min(1_000_000));
            }
        }
        good_index &= self.index();
        let Some(verb) = self.take_char() else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        if verb == '%' {
            self.out.push(b'%');
        } else if !good_index {
            self.out.extend_from_slice(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if let Some(value) = self.arguments.get(self.next) {
            self.next += 1;
            // Beside `v` it is for the fields of structs.
            flags.plus &= verb != 'v';
            format_value(&mut self.out, value, verb, &flags, 0);
        } else {
            self.out.extend_from_slice(format!("%!{verb}(MISSING)").as_bytes());
        }
    }

    fn take_char(&mut self) -> Option<char> {
        let rest = self.format.get(self.at..)?;
        let chunk = rest.utf8_chunks().next()?;
        let c = chunk.valid().chars().next();
        self.at += c.map_or(1, char::len_utf8);
        Some(c.unwrap_or('\u{fffd}'))
    }
}

fn pad(out: &mut Vec<u8>, text: &[u8], flags: &Flags) {
    let length = text.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum::<usize>();
    let missing = flags.width.unwrap_or(0).saturating_sub(length);
    if flags.minus {
        out.extend_from_slice(text);
        out.extend(std::iter::repeat_n(b' ', missing));
    } else {
        let fill = if flags.zero { b'0' } else { b' ' };
        out.extend(std::iter::repeat_n(fill, missing));
        out.extend_from_slice(text);
    }
}

/// A number with its sign; zeros are put behind the sign.
fn pad_number(out: &mut Vec<u8>, negative: bool, digits: &str, flags: &Flags) {
    let sign = if negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    };
    if flags.zero && flags.width.is_some() {
        let missing = flags.width.unwrap_or(0).saturating_sub(digits.len() + sign.len());
        let zeros = "0".repeat(missing);
        out.extend_from_slice(format!("{sign}{zeros}{digits}").as_bytes());
    } else {
        pad(out, format!("{sign}{digits}").as_bytes(), flags);
    }
}

fn bad_verb(out: &mut Vec<u8>, value: &Value, verb: char, flags: &Flags) {
    if value.is_nil() {
        out.extend_from_slice(format!("%!{verb}(<nil>)").as_bytes());
        return;
    }
    out.extend_from_slice(format!("%!{verb}({}=", value.type_name()).as_bytes());
    format_value(out, value, 'v', &Flags { sharp: false, ..flags.clone() }, 0);
    out.push(b')');
}

fn format_value(out: &mut Vec<u8>, value: &Value, verb: char, flags: &Flags, depth: usize) {
    if depth > MAX_DEPTH {
        return out.extend_from_slice(TOO_DEEP);
    }
    match verb {
        'T' => return pad(out, value.type_name().as_bytes(), flags),
        'v' if value.is_nil() => return pad(out, b"<nil>", flags),
        _ if value.is_nil() && depth > 0 => return out.extend_from_slice(b"<nil>"),
        'v' if flags.sharp => {
            let mut text = Vec::new();
            go_syntax(&mut text, value, depth);
            return pad(out, &text, flags);
        }
        _ => {}
    }
    match value {
        Value::Invalid | Value::Nil => bad_verb(out, value, verb, flags),
        Value::Bool(flag) if matches!(verb, 't' | 'v') => {
            pad(out, if *flag { b"true" } else { b"false" }, flags);
        }
        Value::Int(number) | Value::Int64(number) => integer(out, value, i128::from(*number), verb, flags),
        Value::Uint(_, number) => integer(out, value, i128::from(*number), verb, flags),
        Value::Float(number) => float(out, value, *number, verb, flags),
        Value::String(text) => string(out, value, text.as_bytes(), verb, flags),
        Value::Bytes(bytes) => match verb {
            's' | 'q' | 'x' | 'X' => string(out, value, bytes, verb, flags),
            _ => {
                list(out, bytes.iter().map(|b| Value::Uint(UintKind::U8, u64::from(*b))), verb, flags, depth)
            }
        },
        Value::List(items) => list(out, items.iter().cloned(), verb, flags, depth),
        Value::Map(map) => {
            out.extend_from_slice(b"map[");
            for (at, (key, item)) in map.entries().into_iter().enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                format_value(out, &Value::String(key), verb, flags, depth + 1);
                out.push(b':');
                format_value(out, &item, verb, flags, depth + 1);
            }
            out.push(b']');
        }
        Value::Object(object) => match verb {
            'v' | 's' | 'q' | 'x' | 'X' => string(out, value, object.print().as_bytes(), verb, flags),
            _ => match object.integer() {
                Some(number) => integer(out, value, i128::from(number), verb, flags),
                None => bad_verb(out, value, verb, flags),
            },
        },
        Value::Bool(_) => bad_verb(out, value, verb, flags),
    }
}

fn list(out: &mut Vec<u8>, items: impl Iterator<Item = Value>, verb: char, flags: &Flags, depth: usize) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        format_value(out, &item, verb, flags, depth + 1);
    }
    out.push(b']');
}

fn integer(out: &mut Vec<u8>, value: &Value, number: i128, verb: char, flags: &Flags) {
    let magnitude = number.unsigned_abs();
    let (digits, prefix) = match verb {
        'd' | 'v' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), if flags.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}"), if flags.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if flags.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if flags.sharp { "0X" } else { "" }),
        'c' | 'q' | 'U' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            let text = match verb {
                'c' => c.to_string(),
                'q' => quote(c.to_string().as_bytes(), '\'', flags.plus),
                _ => format!("U+{:04X}", number),
            };
            return pad(out, text.as_bytes(), &Flags { zero: false, ..flags.clone() });
        }
        _ => return bad_verb(out, value, verb, flags),
    };
    let mut flags = flags.clone();
    let mut digits = digits;
    if let Some(precision) = flags.precision {
        flags.zero = false;
        if precision == 0 && number == 0 {
            return pad(out, b"", &flags);
        }
        digits = format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
    }
    if flags.zero && !prefix.is_empty() {
        // The width counts the prefix, zeros stand behind it.
        let taken = prefix.len() + usize::from(number < 0 || flags.plus || flags.space);
        let missing = flags.width.unwrap_or(0).saturating_sub(digits.len() + taken);
        digits = format!("{}{digits}", "0".repeat(missing));
    }
    pad_number(out, number < 0, &format!("{prefix}{digits}"), &flags);
}

fn float(out: &mut Vec<u8>, value: &Value, number: f64, verb: char, flags: &Flags) {
    let text = match verb {
        'v' => match flags.precision {
            Some(_) => format_precise(number, 'g', flags.precision),
            None => format_float(number),
        },
        'e' | 'E' | 'f' | 'F' => {
            format_precise(number, if verb == 'F' { 'f' } else { verb }, Some(flags.precision.unwrap_or(6)))
        }
        'g' | 'G' => format_precise(number, verb, flags.precision),
        _ => return bad_verb(out, value, verb, flags),
    };
    let negative = text.starts_with('-');
    let digits = text.trim_start_matches(['-', '+']);
    if number.is_finite() {
        pad_number(out, negative, digits, flags);
    } else {
        pad(out, text.as_bytes(), &Flags { zero: false, ..flags.clone() });
    }
}

fn string(out: &mut Vec<u8>, value: &Value, bytes: &[u8], verb: char, flags: &Flags) {
    let cut = |bytes: &[u8]| -> Vec<u8> {
        let Some(precision) = flags.precision else { return bytes.to_vec() };
        let text = String::from_utf8_lossy(bytes);
        let end = text.char_indices().nth(precision).map_or(text.len(), |(at, _)| at);
        if end == text.len() { bytes.to_vec() } else { text.as_bytes()[..end].to_vec() }
    };
    match verb {
        'v' | 's' => pad(out, &cut(bytes), flags),
        'q' => {
            let bytes = cut(bytes);
            let can_backquote = flags.sharp
                && std::str::from_utf8(&bytes).is_ok_and(|t| {
                    !t.contains(['`', '\u{feff}', '\u{7f}']) && !t.chars().any(|c| c < ' ' && c != '\t')
                });
            if can_backquote {
                let text = format!("`{}`", String::from_utf8_lossy(&bytes));
                return pad(out, text.as_bytes(), flags);
            }
            pad(out, quote(&bytes, '"', flags.plus).as_bytes(), flags);
        }
        'x' | 'X' => {
            let shown = flags.precision.map_or(bytes, |precision| &bytes[..precision.min(bytes.len())]);
            let mut text = String::new();
            let prefix = if verb == 'x' { "0x" } else { "0X" };
            for (at, byte) in shown.iter().enumerate() {
                if at > 0 && flags.space {
                    text.push(' ');
                }
                if flags.sharp && (at == 0 || flags.space) {
                    text.push_str(prefix);
                }
                text.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
            }
            pad(out, text.as_bytes(), flags);
        }
        _ => bad_verb(out, value, verb, flags),
    }
}

/// `%#v`: the value as Go would write it in a program.
fn go_syntax(out: &mut Vec<u8>, value: &Value, depth: usize) {
    match value {
        _ if depth > MAX_DEPTH => out.extend_from_slice(TOO_DEEP),
        Value::Invalid | Value::Nil => out.extend_from_slice(b"interface {}(nil)"),
        Value::String(text) => out.extend_from_slice(quote(text.as_bytes(), '"', false).as_bytes()),
        Value::Uint(_, number) => out.extend_from_slice(format!("0x{number:x}").as_bytes()),
        Value::Bytes(bytes) => {
            let items: Vec<String> = bytes.iter().map(|b| format!("0x{b:x}")).collect();
            out.extend_from_slice(format!("[]byte{{{}}}", items.join(", ")).as_bytes());
        }
        Value::List(items) if items.is_nil() => {
            out.extend_from_slice(value.type_name().as_bytes());
            out.extend_from_slice(b"(nil)");
        }
        Value::List(items) => {
            out.extend_from_slice(value.type_name().as_bytes());
            out.push(b'{');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                go_syntax(out, item, depth + 1);
            }
            out.push(b'}');
        }
        Value::Map(map) => {
            out.extend_from_slice(value.type_name().as_bytes());
            out.push(b'{');
            for (at, (key, item)) in map.entries().into_iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                go_syntax(out, &Value::String(key), depth + 1);
                out.push(b':');
                go_syntax(out, &item, depth + 1);
            }
            out.push(b'}');
        }
        Value::Object(object) if object.kind() == Kind::Pointer => {
            out.extend_from_slice(format!("({})", object.type_name()).as_bytes());
            out.extend_from_slice(object.print().as_bytes());
        }
        other => print_value(out, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::{Map, Str};

    fn printf(format: &str, arguments: &[Value]) -> String {
        String::from_utf8(sprintf(format.as_bytes(), arguments)).unwrap()
    }

    #[test]
    fn verbs_print_as_in_go() {
        let map = Map::new();
        map.insert("b", Value::Int(1));
        map.insert("a", Value::Nil);
        let map = Value::Map(map);
        // The last column is the output of a Go program.
        for (format, arguments, printed) in [
            ("%d|%5d|%-5d|%05d|%+d", vec![Value::Int(42); 5], "42|   42|42   |00042|+42"),
            ("%x %X %o %b %c %U %q", vec![Value::Int(65); 7], "41 41 101 1000001 A U+0041 'A'"),
            ("%v %s %q", vec![Value::text("a\"b"); 3], "a\"b a\"b \"a\\\"b\""),
            ("%s", vec![Value::Int(1)], "%!s(int=1)"),
            ("%d", vec![Value::text("x")], "%!d(string=x)"),
            ("%d", vec![Value::Float(3.0)], "%!d(float64=3)"),
            ("%d", vec![], "%!d(MISSING)"),
            ("x", vec![Value::Int(1), Value::Nil], "x%!(EXTRA int=1, <nil>)"),
            ("%.2f %8.3f %e %g", vec![Value::Float(7.14159); 4], "7.14    7.142 7.141590e+00 7.14159"),
            ("%v %T", vec![map.clone(), map.clone()], "map[a:<nil> b:1] map[string]interface {}"),
            ("%s", vec![Value::Nil], "%!s(<nil>)"),
            ("%v", vec![Value::Nil], "<nil>"),
            ("%[2]s %[1]s", vec![Value::text("a"), Value::text("b")], "b a"),
            ("%*d", vec![Value::Int(4), Value::Int(7)], "   7"),
            ("%.3s|%10s|%-10s|", vec![Value::text("héllo"); 3], "hél|     héllo|héllo     |"),
            ("%x", vec![Value::text("hi")], "6869"),
            ("%t %v", vec![Value::Bool(true), Value::Bool(false)], "true false"),
            ("%%|%", vec![], "%|%!(NOVERB)"),
            ("%#v", vec![Value::strings([Str::from("a")])], "[]string{\"a\"}"),
            ("%s", vec![Value::strings([Str::from("a"), Str::from("b")])], "[a b]"),
            ("%d", vec![Value::list(vec![Value::Int(1), Value::text("x")])], "[1 %!d(string=x)]"),
        ] {
            assert_eq!(printf(format, &arguments), printed, "{format}");
        }
    }

    #[test]
    fn print_puts_spaces_between_operands_that_are_no_strings() {
        let values = [Value::Int(1), Value::Int(2), Value::text("a"), Value::text("b"), Value::Int(3)];
        assert_eq!(sprint_all(&values), b"1 2ab3");
    }
}
