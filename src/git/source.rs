//! Where a source lives and how it is entered.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Credentials;

/// The address of a Git repository, free of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceUrl {
    url: String,
    local: Option<PathBuf>,
}

impl SourceUrl {
    /// Takes a URL, an scp-like address (`git@host:path`) or a folder. Credentials
    /// inside a URL are taken out of it and returned, so that no log shows them.
    pub fn parse(text: &str) -> (SourceUrl, Option<Credentials>) {
        let is_remote =
            text.contains("://") || (text.contains('@') && text.contains(':') && !Path::new(text).exists());
        if !is_remote {
            let path = Path::new(text).canonicalize().unwrap_or_else(|_| PathBuf::from(text));
            return (SourceUrl { url: path.display().to_string(), local: Some(path) }, None);
        }
        if let Some(path) = text.strip_prefix("file://") {
            return (SourceUrl { url: text.to_owned(), local: Some(PathBuf::from(path)) }, None);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return (SourceUrl { url: text.to_owned(), local: None }, None);
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (Some((user_info, host)), true) = (authority.rsplit_once('@'), scheme.starts_with("http")) else {
            return (SourceUrl { url: text.to_owned(), local: None }, None);
        };
        let (username, password) = user_info.split_once(':').unwrap_or(("git", user_info));
        let source = SourceUrl { url: format!("{scheme}://{host}{path}"), local: None };
        (source, Some(Credentials::basic(percent_decoded(username), percent_decoded(password))))
    }

    /// The folder, when the source is on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        self.local.as_deref()
    }

    /// The address as a text.
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_url_and_are_never_printed() {
        let (url, credentials) = SourceUrl::parse("https://me:p%40ss@example.com/fleet.git");
        assert_eq!(url.as_str(), "https://example.com/fleet.git");
        let pair = |credentials: Option<Credentials>| match credentials {
            Some(Credentials::Basic { username, password }) => (username, password),
            other => panic!("{other:?}"),
        };
        assert!(!format!("{credentials:?}").contains("p@ss"));
        assert_eq!(pair(credentials), ("me".to_owned(), "p@ss".to_owned()));
        let (url, credentials) = SourceUrl::parse("https://token@example.com/fleet.git");
        assert_eq!((url.as_str(), pair(credentials).1.as_str()), ("https://example.com/fleet.git", "token"));
    }

    #[test]
    fn ssh_addresses_keep_their_user() {
        for text in ["git@example.com:fleet.git", "ssh://git@example.com/fleet.git"] {
            let (url, credentials) = SourceUrl::parse(text);
            assert_eq!(url.as_str(), text);
            assert!(credentials.is_none() && url.local_path().is_none());
        }
    }
}
