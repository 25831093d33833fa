//! Who there is, and who asks.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl User {
    /// Somebody with a name; the groups without those that everybody is in.
    pub fn known(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> User {
        let mut groups: Vec<String> = groups.into_iter().collect();
        groups.push(AUTHENTICATED.into());
        User { name: name.into(), groups }
    }

    /// Somebody who did not say who they are.
    pub fn anonymous() -> User {
        User { name: "system:anonymous".into(), groups: vec![UNAUTHENTICATED.into()] }
    }

    /// The server itself.
    pub fn server() -> User {
        User::known("system:apiserver", [MASTERS.to_owned()])
    }

    /// Whether they may do everything.
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}

/// Somebody who gets a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl Account {
    /// May do everything.
    pub fn admin() -> Account {
        Account { name: "admin".into(), groups: vec![MASTERS.into()] }
    }
}

impl std::str::FromStr for Account {
    type Err = String;

    /// `NAME` or `NAME=GROUP,GROUP`.
    fn from_str(text: &str) -> Result<Account, String> {
        let (name, groups) = text.split_once('=').unwrap_or((text, ""));
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@".contains(c))
        };
        if !is_name(name) || name.contains("..") {
            return Err(format!("{name:?} is no user name: letters, digits and -_.:@ make one"));
        }
        let groups: Vec<String> =
            groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect();
        match groups.iter().find(|group| !is_name(group)) {
            Some(group) => Err(format!("{group:?} is no group name")),
            None => Ok(Account { name: name.into(), groups }),
        }
    }
}

/// The tokens that are known, by their digests.
#[derive(Debug, Default)]
pub struct Users {
    by_digest: HashMap<[u8; 8], Vec<([u8; 32], User)>>,
}

impl Users {
    /// Adds a token.
    pub fn add(&mut self, token: &str, user: User) {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.by_digest.entry(short(&digest)).or_default().push((digest, user));
    }

    /// Whose token it is. Tokens are compared by their digests, in constant time.
    pub fn by_token(&self, token: &str) -> Option<&User> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let candidates = self.by_digest.get(&short(&digest))?;
        candidates.iter().find(|(known, _)| bool::from(known.ct_eq(&digest))).map(|(_, user)| user)
    }
}

fn short(digest: &[u8; 32]) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&digest[..8]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user_and_no_other_does() {
        let mut users = Users::default();
        users.add("secret", User::known("alice", []));
        assert_eq!(users.by_token("secret").unwrap().name, "alice");
        assert!(users.by_token("Secret").is_none() && users.by_token("").is_none());
    }

    #[test]
    fn accounts_are_read_and_names_that_are_paths_are_refused() {
        assert_eq!("bob=dev,ops".parse::<Account>().unwrap().groups, ["dev", "ops"]);
        for bad in ["", "../x", "a/b", "a=b c", "a b"] {
            assert!(bad.parse::<Account>().is_err(), "{bad}");
        }
    }
}
