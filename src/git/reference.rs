//! Which commit of a source is wanted.

use std::fmt;

use super::CommitId;

/// What a source is followed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The branch that the remote's HEAD names.
    DefaultBranch,
    /// The tip of a branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// The highest tag that is a semantic version within the range; a `v` before
    /// it is allowed. Pre-releases count only where the range names one.
    Semver(semver::VersionReq),
    /// One commit, for ever.
    Commit(CommitId),
    /// Any reference by its full name, such as that of a pull request.
    Name(String),
}

impl Reference {
    /// A reference by its full name; None where that is none.
    pub fn named(name: &str) -> Option<Reference> {
        let is_name = name.starts_with("refs/") && gix::validate::reference::name(name.into()).is_ok();
        is_name.then(|| Reference::Name(name.to_owned()))
    }

    /// The ref of the mirror that holds the commit last seen.
    pub(super) fn mirrored(&self) -> String {
        match self {
            Reference::DefaultBranch => "refs/syncline/source/HEAD".into(),
            Reference::Branch(name) => format!("refs/syncline/source/heads/{name}"),
            Reference::Tag(name) => format!("refs/syncline/source/tags/{name}"),
            Reference::Semver(_) => "refs/syncline/source/semver".into(),
            Reference::Commit(id) => format!("refs/syncline/source/commits/{id}"),
            Reference::Name(name) => format!("refs/syncline/source/names/{name}"),
        }
    }

    /// The highest of the given tags that is a version within the range.
    pub(super) fn best_version<'t>(
        range: &semver::VersionReq,
        tags: impl Iterator<Item = &'t str>,
    ) -> Option<&'t str> {
        tags.filter_map(|tag| {
            let version = semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
            range.matches(&version).then_some((version, tag))
        })
        .max_by(|(a, _), (b, _)| a.cmp(b))
        .map(|(_, tag)| tag)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::DefaultBranch => write!(f, "default branch"),
            Reference::Branch(name) => write!(f, "branch {name}"),
            Reference::Tag(name) => write!(f, "tag {name}"),
            Reference::Semver(range) => write!(f, "tag within {range}"),
            Reference::Commit(id) => write!(f, "commit {id}"),
            Reference::Name(name) => write!(f, "reference {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_names_of_references_are_names() {
        for (name, is_one) in [
            ("refs/pull/7/head", true),
            ("refs/heads/main", true),
            ("main", false),
            ("HEAD", false),
            ("refs/heads/a:refs/heads/b", false),
            ("refs/heads/*", false),
            ("refs/../x", false),
        ] {
            assert_eq!(Reference::named(name).is_some(), is_one, "{name}");
        }
    }

    #[test]
    fn the_highest_version_in_range_wins_and_prereleases_need_asking() {
        let tags = ["v1.2.0", "1.10.0", "v1.9.9", "v2.0.0", "2.1.0-rc.1", "latest", "v1"];
        for (range, best) in [
            ("^1", Some("1.10.0")),
            (">=1, <1.10", Some("v1.9.9")),
            ("*", Some("v2.0.0")),
            (">=2.1.0-rc.0", Some("2.1.0-rc.1")),
            ("3", None),
        ] {
            let range = range.parse().unwrap();
            assert_eq!(Reference::best_version(&range, tags.into_iter()), best, "{range}");
        }
    }
}
