//! `syncline completions`

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, Failure, Verdict};

/// Print a completion script for a shell
///
/// For bash: syncline completions bash > /etc/bash_completion.d/syncline
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<Verdict, Failure> {
        generate(self.shell, &mut Cli::command(), "syncline", &mut std::io::stdout());
        Ok(Verdict::Good)
    }
}
