//! YAML as `sigs.k8s.io/yaml` writes it, byte for byte: what `toYaml` gives ends up in
//! ConfigMaps and checksums. Reading is the work of `syncline-manifest`.

use super::number::{format_float, format_json_float};
use super::text::Str;
use super::value::{MAX_DEPTH, Map, MapType, Value};
use syncline_manifest::yaml::Document;

/// How sequences stand under their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `sigs.k8s.io/yaml`: dashes level with the key.
    Compact,
    /// yaml.v3 with an indent of two, as `toYamlPretty`: dashes two spaces further in.
    Indented,
}

/// `yaml.Marshal`; ends with a newline.
///
/// # Errors
/// Infinity and NaN have no JSON, which the writer goes through.
pub fn marshal(value: &Value, layout: Layout) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), layout };
    writer.root(value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    layout: Layout,
}

impl Writer {
    fn root(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Map(map) if !map.is_empty() => map.with(|_| self.mapping(map, 0)),
            Value::List(list) if !list.is_empty() => self.sequence(list, 0),
            Value::Object(object) => self.root(&Value::from_json(&object.json())),
            other => {
                self.scalar(other, 2)?;
                self.out.push('\n');
                Ok(())
            }
        }
    }

    fn indent(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
    }

    /// The entries; the first stands where the writer is.
    fn mapping(&mut self, map: &Map, columns: usize) -> Result<(), String> {
        bound(columns)?;
        let mut entries = map.entries();
        entries.sort_by(|(a, _), (b, _)| natural(a, b));
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 {
                self.indent(columns);
            }
            self.key(key, columns);
            self.out.push(':');
            self.nested(value, columns)?;
        }
        Ok(())
    }

    fn key(&mut self, key: &Str, columns: usize) {
        let text = key.to_text();
        // Longer keys are no simple keys of YAML.
        if text.len() > 128 || text.contains('\n') {
            self.out.push_str("? ");
            self.text(&text, columns + 2, false);
            self.out.push('\n');
            self.indent(columns);
        } else {
            self.text(&text, columns, true);
        }
    }

    fn nested(&mut self, value: &Value, columns: usize) -> Result<(), String> {
        match value {
            Value::Map(map) if !map.is_empty() => {
                self.out.push('\n');
                self.indent(columns + 2);
                self.mapping(map, columns + 2)
            }
            Value::List(list) if !list.is_empty() => {
                let columns = if self.layout == Layout::Compact { columns } else { columns + 2 };
                self.out.push('\n');
                self.indent(columns);
                self.sequence(list, columns)
            }
            Value::Object(object) => self.nested(&Value::from_json(&object.json()), columns),
            other => {
                self.out.push(' ');
                self.scalar(other, columns + 2)?;
                self.out.push('\n');
                Ok(())
            }
        }
    }

    fn sequence(&mut self, items: &[Value], columns: usize) -> Result<(), String> {
        bound(columns)?;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.indent(columns);
            }
            self.out.push_str("- ");
            match item {
                Value::Map(map) if !map.is_empty() => self.mapping(map, columns + 2)?,
                Value::List(list) if !list.is_empty() => self.sequence(list, columns + 2)?,
                Value::Object(object) => {
                    let value = Value::from_json(&object.json());
                    match &value {
                        Value::Map(map) if !map.is_empty() => self.mapping(map, columns + 2)?,
                        other => {
                            self.scalar(other, columns + 2)?;
                            self.out.push('\n');
                        }
                    }
                }
                other => {
                    self.scalar(other, columns + 2)?;
                    self.out.push('\n');
                }
            }
        }
        Ok(())
    }

    fn scalar(&mut self, value: &Value, columns: usize) -> Result<(), String> {
        match value {
            Value::Invalid | Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.out.push_str(&value.to_string()),
            Value::Uint(_, value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.float(*value)?,
            Value::String(text) => self.text(&text.to_text(), columns, false),
            Value::Bytes(bytes) => {
                use base64::Engine as _;
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                self.text(&text, columns, false);
            }
            Value::List(list) => self.out.push_str(if list.is_nil() { "null" } else { "[]" }),
            Value::Map(_) | Value::Object(_) => self.out.push_str("{}"),
        }
        Ok(())
    }

    /// A number goes through JSON, and what looks like an integer there is one.
    fn float(&mut self, value: f64) -> Result<(), String> {
        if !value.is_finite() {
            return Err(format!("json: unsupported value: {}", format_float(value)));
        }
        if self.layout == Layout::Indented {
            self.out.push_str(&format_float(value));
            return Ok(());
        }
        let json = format_json_float(value);
        let is_integer =
            !json.contains(['.', 'e']) && (json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok());
        if json == "-0" {
            self.out.push('0');
        } else if is_integer {
            self.out.push_str(&json);
        } else {
            self.out.push_str(&format_float(value));
        }
        Ok(())
    }

    fn text(&mut self, text: &str, columns: usize, simple_key: bool) {
        let analysis = Analysis::of(text);
        if text.contains('\n') {
            match (simple_key, analysis.block_allowed) {
                (true, _) => self.double_quoted(text),
                (false, true) => self.literal(text, columns),
                (false, false) => self.folded(text, Style::Double, self.column(), columns),
            }
            return;
        }
        let resolves_to_text =
            syncline_manifest::yaml::is_plain_text(text) && !is_base60_float(text) && !is_timestamp(text);
        let style = if !resolves_to_text {
            Style::Double
        } else if analysis.plain_allowed && !(text.is_empty() && simple_key) {
            Style::Plain
        } else if analysis.single_quoted_allowed {
            Style::Single
        } else {
            Style::Double
        };
        let column = self.column();
        if !simple_key && column + text.len() > WIDTH {
            return self.folded(text, style, column, columns);
        }
        match style {
            Style::Plain => self.out.push_str(text),
            Style::Single => {
                self.out.push('\'');
                self.out.push_str(&text.replace('\'', "''"));
                self.out.push('\'');
            }
            Style::Double => self.double_quoted(text),
        }
    }

    /// How many characters the line has so far.
    fn column(&self) -> usize {
        self.out[self.out.rfind('\n').map_or(0, |at| at + 1)..].chars().count()
    }

    /// A text that may go beyond the width: broken at single spaces behind it.
    fn folded(&mut self, text: &str, style: Style, column: usize, columns: usize) {
        let mut column = column;
        if style != Style::Plain {
            self.out.push(style.quote());
            column += 1;
        }
        let last = text.len().saturating_sub(1);
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let space_follows = chars.peek().is_some_and(|(_, c)| *c == ' ');
            let inside = style == Style::Plain || at > 0 && at < last;
            // Double quotes can break before a space, which a backslash then keeps.
            let breaks =
                inside && !after_space && column > WIDTH && (!space_follows || style == Style::Double);
            if c == ' ' && breaks {
                self.out.push('\n');
                self.indent(columns);
                column = columns;
                if space_follows && style == Style::Double {
                    self.out.push('\\');
                    column += 1;
                }
            } else {
                let before = self.out.len();
                match style {
                    Style::Double => self.double_quoted_char(c),
                    Style::Single if c == '\'' => self.out.push_str("''"),
                    _ => self.out.push(c),
                }
                column += self.out[before..].chars().count();
            }
            after_space = c == ' ';
        }
        if style != Style::Plain {
            self.out.push(style.quote());
        }
    }

    fn literal(&mut self, text: &str, columns: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            self.out.push('2');
        }
        let mut back = text.chars().rev();
        match (back.next().is_some_and(is_break), back.next()) {
            (false, _) => self.out.push('-'),
            (true, None) => self.out.push('+'),
            (true, Some(c)) if is_break(c) => self.out.push('+'),
            (true, Some(_)) => {}
        }
        self.out.push('\n');
        let body = text.strip_suffix('\n').unwrap_or(text);
        for (at, line) in body.split('\n').enumerate() {
            if at > 0 {
                self.out.push('\n');
            }
            if !line.is_empty() {
                self.indent(columns);
                self.out.push_str(line);
            }
        }
    }

    fn double_quoted(&mut self, text: &str) {
        self.out.push('"');
        text.chars().for_each(|c| self.double_quoted_char(c));
        self.out.push('"');
    }

    fn double_quoted_char(&mut self, c: char) {
        use std::fmt::Write as _;
        let code = u32::from(c);
        let escape = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c if is_printable(c) => return self.out.push(c),
            _ => {
                // Writing to a String cannot fail.
                let _ = match code {
                    0..0x100 => write!(self.out, "\\x{code:02X}"),
                    0x100..0x10000 => write!(self.out, "\\u{code:04X}"),
                    _ => write!(self.out, "\\U{code:08X}"),
                };
                return;
            }
        };
        self.out.push('\\');
        self.out.push(escape);
    }
}

/// Each level is two columns further in.
fn bound(columns: usize) -> Result<(), String> {
    if columns > 2 * MAX_DEPTH {
        return Err("json: unsupported value: encountered a cycle".to_owned());
    }
    Ok(())
}

/// The column behind which lines of text are broken.
const WIDTH: usize = 80;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

impl Style {
    fn quote(self) -> char {
        if self == Style::Single { '\'' } else { '"' }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What libyaml takes for printable: the basic plane without its specials.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Which styles can carry a text, by libyaml's analysis of scalars.
struct Analysis {
    plain_allowed: bool,
    single_quoted_allowed: bool,
    block_allowed: bool,
}

impl Analysis {
    fn of(text: &str) -> Analysis {
        if text.is_empty() {
            return Analysis { plain_allowed: true, single_quoted_allowed: true, block_allowed: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks, mut break_space, mut space_break) = (false, false, false, false);
        let (mut previous_space, mut previous_break) = (false, false);
        let mut preceded_by_blank = true;
        let last = text.chars().last();
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let followed_by_blank = chars.peek().is_none_or(|c| matches!(c, ' ' | '\t'));
            if first {
                indicators |= "#,[]{}&*!|>'\"%@`".contains(c) || "?:-".contains(c) && followed_by_blank;
            } else {
                indicators |= c == ':' && followed_by_blank || c == '#' && preceded_by_blank;
            }
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            preceded_by_blank = matches!(c, ' ' | '\t') || is_break(c);
            first = false;
        }
        let at_edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
        let edges = at_edge(text.chars().next()) || at_edge(last);
        let unquotable = space_break || special;
        Analysis {
            plain_allowed: !(edges || break_space || unquotable || breaks || indicators),
            single_quoted_allowed: !(break_space || unquotable),
            block_allowed: !(last == Some(' ') || unquotable),
        }
    }
}

/// `1:30` is a number of YAML 1.1 to others, so it is quoted.
fn is_base60_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((head, rest)) = unsigned.split_once(':') else { return false };
    let (minutes, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let head_fits = head.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && head.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let minutes_fit = minutes.split(':').all(|part| match part.as_bytes() {
        [b] => b.is_ascii_digit(),
        [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
        _ => false,
    });
    head_fits && minutes_fit && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// `2001-12-14`, `2001-12-14T21:59:43.10-05:00` and their likes: a date of YAML 1.1.
fn is_timestamp(text: &str) -> bool {
    if !text
        .as_bytes()
        .get(..5)
        .is_some_and(|head| head[..4].iter().all(u8::is_ascii_digit) && head[4] == b'-')
    {
        return false;
    }
    [
        "2006-1-2",
        "2006-1-2T15:4:5.999999999Z07:00",
        "2006-1-2t15:4:5.999999999Z07:00",
        "2006-1-2 15:4:5.999999999",
    ]
    .into_iter()
    .any(|layout| super::time::parse(layout, text).is_ok())
}

/// The order of keys: letters by their code, numbers within by their value.
fn natural(a: &Str, b: &Str) -> std::cmp::Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_text().chars().collect(), b.to_text().chars().collect());
    for at in 0..a.len().min(b.len()) {
        if a[at] == b[at] {
            continue;
        }
        let (a_letter, b_letter) = (a[at].is_alphabetic(), b[at].is_alphabetic());
        if a_letter && b_letter {
            return a[at].cmp(&b[at]);
        }
        if a_letter || b_letter {
            return if b_letter { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
        }
        let mut start = 0i64;
        if a[at] == '0' || b[at] == '0' {
            let before = a[..at].iter().rev().take_while(|c| c.is_ascii_digit());
            start = i64::from(before.into_iter().any(|c| *c != '0'));
        }
        let number = |chars: &[char]| {
            let digits = chars[at..].iter().take_while(|c| c.is_ascii_digit());
            let mut length = 0usize;
            let value = digits.fold(start, |value, c| {
                length += 1;
                value.wrapping_mul(10).wrapping_add(i64::from(u32::from(*c) - u32::from('0')))
            });
            (value, length)
        };
        let (a_number, b_number) = (number(&a), number(&b));
        return a_number.cmp(&b_number).then(a[at].cmp(&b[at]));
    }
    a.len().cmp(&b.len())
}

/// `yaml.Unmarshal` into an `interface{}`: the first document, all numbers `float64`.
///
/// # Errors
/// The text is no YAML.
pub fn unmarshal(text: &str) -> Result<Value, String> {
    let documents = syncline_manifest::yaml::read_lenient(text).map_err(|error| {
        format!("error converting YAML to JSON: yaml: line {}: {}", error.position.line, error.message)
    })?;
    Ok(documents
        .first()
        .filter(|document| document.index == 0)
        .map_or(Value::Nil, |Document { value, .. }| super::json::with_floats(value)))
}

/// As [`unmarshal`], into a `map[string]interface{}`; nothing is an empty map.
///
/// # Errors
/// The text is no YAML, or no mapping.
pub fn unmarshal_map(text: &str) -> Result<Map, String> {
    match unmarshal(text)? {
        Value::Map(map) => Ok(map.converted(MapType::Any)),
        Value::Nil => Ok(Map::new()),
        other => Err(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            json_name(&other)
        )),
    }
}

/// The name by which `encoding/json` speaks of a value that does not fit.
pub fn json_name(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        Value::Invalid | Value::Nil => "null",
        _ => "number",
    }
}
