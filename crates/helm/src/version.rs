//! Semantic versions and their constraints as `github.com/Masterminds/semver/v3`
//! defines them, which is what charts are written for: `v1.2`, `>=1.20-0`, `~1.2 || ^3`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::Regex;

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

static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?",
        r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?$",
    ))
    .expect("the expression is a constant")
});

impl Version {
    /// `semver.NewVersion`.
    ///
    /// # Errors
    /// The text is no version.
    pub fn parse(text: &str) -> Result<Version, String> {
        let invalid = || "Invalid Semantic Version".to_owned();
        let groups = VERSION.captures(text).ok_or_else(invalid)?;
        let number = |at: usize| -> Result<u64, String> {
            groups.get(at).map_or(Ok(0), |group| {
                group
                    .as_str()
                    .trim_start_matches('.')
                    .parse()
                    .map_err(|error| format!("error parsing version segment: {error}"))
            })
        };
        let text_of = |at: usize| groups.get(at).map_or(String::new(), |group| group.as_str().to_owned());
        let pre = text_of(5);
        for part in pre.split('.') {
            if part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit()) {
                return Err("version segment starts with 0".to_owned());
            }
        }
        Ok(Version {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3)?,
            pre,
            metadata: text_of(8),
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

/// The group of [`RANGE`] that holds its second version.
const FIRST_OF_SECOND: usize = 11;

const CV: &str = concat!(
    r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?",
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?",
);
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

fn expression(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the expression is a constant")
}

static CLAUSE: LazyLock<Regex> = LazyLock::new(|| expression(&format!(r"^\s*({OPERATORS})\s*({CV})\s*$")));
static RANGE: LazyLock<Regex> = LazyLock::new(|| expression(&format!(r"\s*({CV})\s+-\s+({CV})\s*")));
static FIND: LazyLock<Regex> = LazyLock::new(|| expression(&format!(r"({OPERATORS})\s*({CV})")));
static VALID: LazyLock<Regex> = LazyLock::new(|| {
    expression(&format!(r"^(\s*({OPERATORS})\s*({CV})\s*)((?:\s+|,\s*)({OPERATORS})\s*({CV})\s*)*$"))
});

impl Constraint {
    /// `semver.NewConstraint`.
    ///
    /// # Errors
    /// The text is no constraint.
    pub fn parse(text: &str) -> Result<Constraint, String> {
        // "1.2 - 1.4" is ">= 1.2, <= 1.4".
        let rewritten = RANGE.replace_all(text, |groups: &regex::Captures<'_>| {
            format!(">= {}, <= {} ", &groups[1], &groups[FIRST_OF_SECOND])
        });
        let mut alternatives = Vec::new();
        for part in rewritten.split("||") {
            if part.trim().is_empty() && part.is_empty() {
                alternatives.push(vec![Clause::any()]);
                continue;
            }
            if !VALID.is_match(part) {
                return Err(format!("improper constraint: {part}"));
            }
            let clauses: Result<Vec<Clause>, String> =
                FIND.find_iter(part).map(|found| Clause::parse(found.as_str())).collect();
            alternatives.push(clauses?);
        }
        Ok(Constraint { alternatives })
    }

    /// Whether a version is wanted.
    pub fn check(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|clauses| {
            let with_pre = clauses.iter().any(|clause| !clause.version.pre.is_empty());
            clauses.iter().all(|clause| clause.check(version, with_pre))
        })
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

    fn parse(text: &str) -> Result<Clause, String> {
        let groups = CLAUSE.captures(text).ok_or_else(|| format!("improper constraint: {text}"))?;
        let group = |at: usize| groups.get(at).map_or("", |group| group.as_str());
        let is_open = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
        let (major, minor, patch, pre) = (group(3), group(4), group(5), group(6));
        let operator = match group(1) {
            "" | "=" => Operator::TildeOrEqual,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterEqual,
            "<=" | "=<" => Operator::LessEqual,
            "~" | "~>" => Operator::Tilde,
            _ => Operator::Caret,
        };
        let (mut dirty, mut minor_dirty, mut patch_dirty) = (false, false, false);
        let text = if is_open(major) {
            dirty = true;
            format!("0.0.0{pre}")
        } else if is_open(minor) {
            (dirty, minor_dirty) = (true, true);
            format!("{major}.0.0{pre}")
        } else if is_open(patch) {
            (dirty, patch_dirty) = (true, true);
            format!("{major}{minor}.0{pre}")
        } else {
            group(2).to_owned()
        };
        let version = Version::parse(&text).map_err(|_| "constraint parser error".to_owned())?;
        Ok(Clause { operator, version, dirty, minor_dirty, patch_dirty })
    }

    fn check(&self, version: &Version, with_pre: bool) -> bool {
        if !version.pre.is_empty() && !with_pre {
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
