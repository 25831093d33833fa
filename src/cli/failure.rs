//! A command that could not be carried out: what happened and what next.

use std::fmt;

use syncline_apiserver::{AuthorityError, StartError, StoreError};
use syncline_helm::release::RenderError;
use syncline_helm::values::ValuesError;

use crate::fleet::LoadError;
use crate::git::GitError;
use crate::record::LedgerError;
use crate::target::{KubeconfigError, TargetError};

/// Why a command could not be carried out.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// A failure with advice.
    pub fn new(message: impl fmt::Display, hint: impl Into<String>) -> Failure {
        Failure { error: anyhow::anyhow!("{message}"), hint: Some(hint.into()) }
    }

    pub(super) fn is_broken_pipe(&self) -> bool {
        self.error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {:#}", self.error)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Failure {
        let hint = error.hint().map(str::to_owned);
        Failure { error: error.into(), hint }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::Git(error) => error.into(),
            LoadError::Settings(diagnostics) => {
                let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
                Failure {
                    error: anyhow::anyhow!("syncline.yaml does not load\n{}", lines.join("\n")),
                    hint: None,
                }
            }
            other @ LoadError::NoSuchFolder(_) => {
                Failure { error: other.into(), hint: Some("give another folder with --path".into()) }
            }
        }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Failure {
        let hint = error.hint();
        Failure { error: error.into(), hint }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure { error, hint: None }
    }
}

impl From<ValuesError> for Failure {
    fn from(error: ValuesError) -> Failure {
        Failure { error: error.into(), hint: None }
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Failure {
        let hint = error.hint();
        Failure { error: error.into(), hint }
    }
}

impl From<KubeconfigError> for Failure {
    fn from(error: KubeconfigError) -> Failure {
        let hint = Some(error.hint().to_owned());
        Failure { error: error.into(), hint }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        let hint = match &error {
            StartError::Store(StoreError::Locked(_)) => {
                Some("stop the other process, or give another --data-dir")
            }
            StartError::Listen { .. } => Some("give another address with --listen"),
            _ => None,
        };
        Failure { error: error.into(), hint: hint.map(str::to_owned) }
    }
}

impl From<AuthorityError> for Failure {
    fn from(error: AuthorityError) -> Failure {
        Failure { error: error.into(), hint: None }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Failure {
        Failure { error: error.into(), hint: None }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure { error: error.into(), hint: None }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure { error: error.into(), hint: None }
    }
}
