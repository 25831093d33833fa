//! Semantic versions and their constraints as `github.com/Masterminds/semver/v3`
//! defines them, which is what charts are written for: `v1.2`, `>=1.20-0`, `~1.2 || ^3`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A version; a leading `v` and missing numbers are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    /// What follows `-`.
    pub pre: String,
    /// What follows `+`; it does not count when versions are compared.
    pub metadata: String,
    /// As it was written.
    pub original: Arc<str>,
}

/// The pieces of a version as it is written: up to three numbers, which constraints may
/// write as `x`, and what follows `-` and `+`; and the rest of the text.
struct Pieces<'t> {
    text: &'t str,
    numbers: [&'t str; 3],
    pre: &'t str,
    metadata: &'t str,
    rest: &'t str,
}

impl<'t> Pieces<'t> {
    /// Reads a version at the beginning of a text; `is_number` says which characters its
    /// numbers may have.
    fn read(text: &'t str, is_number: fn(char) -> bool) -> Option<Pieces<'t>> {
        let run = |text: &'t str, fits: fn(char) -> bool| {
            text.split_at(text.find(|c| !fits(c)).unwrap_or(text.len()))
        };
        let mut numbers = [""; 3];
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        (numbers[0], rest) = run(rest, is_number);
        if numbers[0].is_empty() {
            return None;
        }
        for number in &mut numbers[1..] {
            let Some(after) = rest.strip_prefix('.') else { break };
            let (found, after) = run(after, is_number);
            if found.is_empty() {
                break;
            }
            (*number, rest) = (found, after);
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let words = |text: &'t str| -> (&'t str, &'t str) {
            let mut end = 0;
            loop {
                let (word, _) = run(&text[end..], is_word);
                if word.is_empty() {
                    // A dot with nothing behind it is no part of the words.
                    return text.split_at(end.saturating_sub(1));
                }
                end += word.len();
                if !text[end..].starts_with('.') {
                    return text.split_at(end);
                }
                end += 1;
            }
        };
        let (mut pre, mut metadata) = ("", "");
        if let Some(after) = rest.strip_prefix('-') {
            let (found, after) = words(after);
            if !found.is_empty() {
                (pre, rest) = (found, after);
            }
        }
        if let Some(after) = rest.strip_prefix('+') {
            let (found, after) = words(after);
            if !found.is_empty() {
                (metadata, rest) = (found, after);
            }
        }
        Some(Pieces { text: &text[..text.len() - rest.len()], numbers, pre, metadata, rest })
    }
}

impl Version {
    /// `semver.NewVersion`.
    ///
    /// # Errors
    /// The text is no version.
    pub fn parse(text: &str) -> Result<Version, String> {
        let pieces = Pieces::read(text, |c| c.is_ascii_digit()).filter(|pieces| pieces.rest.is_empty());
        let Some(pieces) = pieces else { return Err("Invalid Semantic Version".to_owned()) };
        let number = |text: &str| match text {
            "" => Ok(0),
            text => text.parse().map_err(|error| format!("error parsing version segment: {error}")),
        };
        for part in pieces.pre.split('.') {
            if part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit()) {
                return Err("Version segment starts with 0".to_owned());
            }
        }
        Ok(Version {
            major: number(pieces.numbers[0])?,
            minor: number(pieces.numbers[1])?,
            patch: number(pieces.numbers[2])?,
            pre: pieces.pre.to_owned(),
            metadata: pieces.metadata.to_owned(),
            original: text.into(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Version {
    /// The order of versions, by the specification's rules.
    pub fn compare(&self, other: &Version) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

#[derive(Debug, Clone)]
struct Clause {
    operator: Operator,
    version: Version,
    /// A number was left out or is an `x`.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

/// What versions are wanted: alternatives, each of clauses that must all hold.
#[derive(Debug, Clone)]
pub struct Constraint {
    alternatives: Vec<Vec<Clause>>,
}

/// What the numbers of a constraint may be made of.
fn is_open_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*' | '|')
}

/// The operators, the longer before the shorter.
const OPERATORS: [(&str, Operator); 12] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::TildeOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::TildeOrEqual),
];

impl Constraint {
    /// `semver.NewConstraint`.
    ///
    /// # Errors
    /// The text is no constraint.
    pub fn parse(text: &str) -> Result<Constraint, String> {
        let mut alternatives = Vec::new();
        for part in text.split("||") {
            if part.is_empty() {
                alternatives.push(vec![Clause::any()]);
                continue;
            }
            let improper = || format!("improper constraint: {part}");
            let mut rest = part.trim_start();
            let mut clauses = Vec::new();
            loop {
                let (operator, pieces) = Clause::read(rest).ok_or_else(improper)?;
                rest = pieces.rest;
                // "1.2 - 1.4" is ">= 1.2, <= 1.4".
                let range = rest.trim_start().strip_prefix('-').filter(|end| {
                    end.starts_with(char::is_whitespace) && rest.starts_with(char::is_whitespace)
                });
                if let Some(end) = range {
                    let end = Pieces::read(end.trim_start(), is_open_number).ok_or_else(improper)?;
                    rest = end.rest;
                    clauses.push(Clause::of(Operator::GreaterEqual, &pieces)?);
                    clauses.push(Clause::of(Operator::LessEqual, &end)?);
                } else {
                    clauses.push(Clause::of(operator, &pieces)?);
                }
                let behind = rest.trim_start();
                if behind.is_empty() {
                    break;
                }
                let separated = behind.strip_prefix(',').or((behind.len() < rest.len()).then_some(behind));
                rest = separated.ok_or_else(improper)?.trim_start();
            }
            alternatives.push(clauses);
        }
        Ok(Constraint { alternatives })
    }

    /// Whether a version is wanted.
    pub fn check(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|clauses| clauses.iter().all(|clause| clause.check(version)))
    }
}

impl Clause {
    fn any() -> Clause {
        Clause {
            operator: Operator::TildeOrEqual,
            version: Version {
                major: 0,
                minor: 0,
                patch: 0,
                pre: String::new(),
                metadata: String::new(),
                original: "0.0.0".into(),
            },
            dirty: true,
            minor_dirty: false,
            patch_dirty: false,
        }
    }

    /// An operator and the version behind it, at the beginning of a text.
    fn read(text: &str) -> Option<(Operator, Pieces<'_>)> {
        let (operator, rest) =
            OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))?;
        Some((operator, Pieces::read(rest.trim_start(), is_open_number)?))
    }

    fn of(operator: Operator, pieces: &Pieces<'_>) -> Result<Clause, String> {
        let is_open = |part: &str| matches!(part, "" | "x" | "X" | "*");
        let [major, minor, patch] = pieces.numbers;
        let pre = if pieces.pre.is_empty() { String::new() } else { format!("-{}", pieces.pre) };
        let (mut dirty, mut minor_dirty, mut patch_dirty) = (false, false, false);
        let text = if is_open(major) {
            dirty = true;
            format!("0.0.0{pre}")
        } else if is_open(minor) {
            (dirty, minor_dirty) = (true, true);
            format!("{major}.0.0{pre}")
        } else if is_open(patch) {
            (dirty, patch_dirty) = (true, true);
            format!("{major}.{minor}.0{pre}")
        } else {
            pieces.text.to_owned()
        };
        let version = Version::parse(&text).map_err(|_| "constraint parser error".to_owned())?;
        Ok(Clause { operator, version, dirty, minor_dirty, patch_dirty })
    }

    fn check(&self, version: &Version) -> bool {
        // Pre-releases are for who asks for them; what is just not one version is any other.
        let is_for_all = self.operator == Operator::NotEqual && !self.dirty;
        if !version.pre.is_empty() && self.version.pre.is_empty() && !is_for_all {
            return false;
        }
        let wanted = &self.version;
        let order = version.compare(wanted);
        match self.operator {
            Operator::NotEqual => self.differs(version, order),
            Operator::Greater => match (self.dirty, version.major.cmp(&wanted.major)) {
                (false, _) => order == Ordering::Greater,
                (true, Ordering::Greater) => true,
                (true, Ordering::Less) => false,
                (true, Ordering::Equal) if self.minor_dirty => false,
                (true, Ordering::Equal) if self.patch_dirty => version.minor > wanted.minor,
                (true, Ordering::Equal) => order == Ordering::Greater,
            },
            Operator::Less => order == Ordering::Less,
            Operator::GreaterEqual => order != Ordering::Less,
            Operator::LessEqual if !self.dirty => order != Ordering::Greater,
            Operator::LessEqual => {
                version.major < wanted.major
                    || version.major == wanted.major && (version.minor <= wanted.minor || self.minor_dirty)
            }
            Operator::Tilde => self.tilde(version, order),
            Operator::TildeOrEqual if self.dirty => self.tilde(version, order),
            Operator::TildeOrEqual => order == Ordering::Equal,
            Operator::Caret => self.caret(version, order),
        }
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if self.dirty {
            if wanted.major != version.major || wanted.minor != version.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if wanted.patch != version.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                let any_pre = !version.pre.is_empty() || !wanted.pre.is_empty();
                return any_pre && compare_pre(&version.pre, &wanted.pre) != Ordering::Equal;
            }
        }
        order != Ordering::Equal
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let zero = wanted.major == 0 && wanted.minor == 0 && wanted.patch == 0;
        if zero && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.minor_dirty)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if order == Ordering::Less {
            return false;
        }
        if wanted.major > 0 || self.minor_dirty {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.patch_dirty {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}

/// `chartutil.IsCompatibleRange`: false also when one of the two cannot be read.
pub fn is_compatible(constraint: &str, version: &str) -> bool {
    match (Version::parse(version), Constraint::parse(constraint)) {
        (Ok(version), Ok(constraint)) => constraint.check(&version),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_mean_what_masterminds_semver_means() {
        // From its documentation and its rules; the oracle test compares many more.
        for (constraint, version, wanted) in [
            ("1.2.3", "1.2.3", true),
            ("=1.2", "1.2.9", true),
            ("1", "1.9.9", true),
            ("*", "3.1.0", true),
            ("", "3.1.0", true),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("^0.2.3", "0.2.9", true),
            ("^0.2.3", "0.3.0", false),
            ("^0.0.3", "0.0.3", true),
            ("^0.0.3", "0.0.4", false),
            ("^0", "0.9.0", true),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("~1", "1.9.0", true),
            (">=1.20-0", "1.25.3-gke.100", true),
            (">=1.20", "1.25.3-gke.100", false),
            (">=1.2, <2", "1.9.0", true),
            (">=1.2 <2", "2.0.0", false),
            ("1.2 - 1.4.5", "1.4.5", true),
            ("1.2 - 1.4.5", "1.4.6", false),
            (">1.2", "1.2.9", false),
            (">1.2", "1.3.0", true),
            ("<=1.2", "1.2.9", true),
            ("!=1.2", "1.2.4", false),
            ("!=1.2.3", "1.2.4", true),
            ("!=1.2.3", "1.2.3-beta", true),
            ("!=1.2", "1.3.0-beta", false),
            (">=1.2-0 <2", "1.3.0-beta", false),
            (">=1.2-0 <2-0", "1.3.0-beta", true),
            ("<1.2 || >2", "3.0.0", true),
            ("1.x", "1.7.0", true),
            (">= 1.19.0-0", "v1.33.0", true),
            ("0.0.0 - 1.2", "1.1.0", true),
        ] {
            assert_eq!(is_compatible(constraint, version), wanted, "{constraint} on {version}");
        }
        assert!(Constraint::parse(">>1").is_err());
        assert!(Version::parse("1.2.3.4").is_err() && Version::parse("1.0.0-01").is_err());
        assert_eq!(Version::parse("v1.2-beta+x").unwrap().to_string(), "1.2.0-beta+x");
    }

    #[test]
    fn pre_releases_are_ordered_by_their_parts() {
        let ordered = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ];
        for pair in ordered.windows(2) {
            let (a, b) = (Version::parse(pair[0]).unwrap(), Version::parse(pair[1]).unwrap());
            assert_eq!(a.compare(&b), Ordering::Less, "{pair:?}");
        }
    }
}
