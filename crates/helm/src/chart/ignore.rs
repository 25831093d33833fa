//! `.helmignore`: which files of a folder are no part of the chart.

use super::glob::matches_path;

#[derive(Debug, Clone)]
struct Rule {
    pattern: String,
    negate: bool,
    must_be_dir: bool,
    /// Where the pattern is laid on.
    whole_path: bool,
}

/// The rules of one `.helmignore`, with Helm's own.
#[derive(Debug, Clone)]
pub struct Rules(Vec<Rule>);

impl Default for Rules {
    fn default() -> Rules {
        Rules(vec![Rule {
            pattern: "templates/.?*".to_owned(),
            negate: false,
            must_be_dir: false,
            whole_path: true,
        }])
    }
}

impl Rules {
    /// Reads the rules, one a line.
    ///
    /// # Errors
    /// A pattern that Helm does not know.
    pub fn parse(text: &str) -> Result<Rules, String> {
        let mut rules = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains("**") {
                return Err(format!("double-star (**) syntax is not supported: {line}"));
            }
            let (negate, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
            let (must_be_dir, line) = line.strip_suffix('/').map_or((false, line), |line| (true, line));
            let (whole_path, pattern) = match line.strip_prefix('/') {
                Some(rooted) => (true, rooted),
                None => (line.contains('/'), line),
            };
            rules.push(Rule { pattern: pattern.to_owned(), negate, must_be_dir, whole_path });
        }
        rules.extend(Rules::default().0);
        Ok(Rules(rules))
    }

    /// Whether a path is left out.
    pub fn ignores(&self, path: &str, is_dir: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        for rule in &self.0 {
            let matched = matches_path(&rule.pattern, if rule.whole_path { path } else { name });
            if rule.negate {
                // All that does not match is left out, which is Helm's way.
                if rule.must_be_dir && !is_dir || !matched {
                    return true;
                }
            } else if matched && (!rule.must_be_dir || is_dir) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_helms() {
        let rules = Rules::parse("# comment\n\n*.bak\n/root.txt\nci/\nfoo/bar.*\n").unwrap();
        for (path, is_dir, ignored) in [
            ("a.bak", false, true),
            ("deep/a.bak", false, true),
            ("root.txt", false, true),
            ("deep/root.txt", false, false),
            ("ci", true, true),
            ("ci", false, false),
            ("foo/bar.yaml", false, true),
            ("x/foo/bar.yaml", false, false),
            ("templates/.hidden", false, true),
            ("templates/a.yaml", false, false),
        ] {
            assert_eq!(rules.ignores(path, is_dir), ignored, "{path}");
        }
        assert!(Rules::parse("a/**/b").is_err());
    }
}
