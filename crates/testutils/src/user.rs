//! Who the servers of tests know.

use syncline_apiserver::Account;

/// Who a kubeconfig is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// May do everything.
    Admin,
    /// May do what tests grant to the user `limited`.
    Limited,
    /// Has a token that the server does not know (any more).
    Expired,
}

impl User {
    pub(crate) fn token(self) -> &'static str {
        match self {
            User::Admin => "admintoken",
            User::Limited => "limitedtoken",
            User::Expired => "expiredtoken",
        }
    }

    pub(crate) fn account(self) -> Account {
        match self {
            User::Admin => Account { name: "admin".into(), groups: vec!["system:masters".into()] },
            User::Limited | User::Expired => {
                Account { name: "limited".into(), groups: vec!["testers".into()] }
            }
        }
    }
}
