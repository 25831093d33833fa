//! The command line: parses, calls, prints. One file a command.

mod apiserver;
mod completions;
mod demo;
mod diff;
mod explain;
mod failure;
mod helm;
mod init;
mod plan;
mod render;
mod run;
mod settle;
mod source;
mod status;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub use failure::Failure;

/// Keep fleets of Kubernetes clusters what a Git repository says.
#[derive(Debug, Parser)]
#[command(
    name = "syncline",
    version,
    about,
    max_term_width = 80,
    after_help = "\
Exit codes:
  0  done, and nothing is wrong
  1  something is wrong with what was looked at: errors in the fleet,
     targets out of sync, differences with --exit-code
  2  the command line is wrong
  3  it could not be done: no repository, no connection, no permission

See it work with `syncline demo`. Start with `syncline init`, then
`syncline validate`, then `syncline run --once`."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Validate(validate::Validate),
    Render(render::Render),
    Diff(diff::Diff),
    Plan(plan::PlanCommand),
    Run(run::Run),
    Status(status::Status),
    Explain(explain::Explain),
    Helm(helm::Helm),
    Apiserver(apiserver::Apiserver),
    Completions(completions::Completions),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For scripts
    Json,
}

/// Whether what was looked at is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
}

/// Runs the program; gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Demo(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Validate(command) => command.run(),
        Command::Render(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Helm(command) => command.run(),
        Command::Apiserver(command) => command.run(),
        Command::Completions(command) => command.run(),
    };
    match outcome {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        // Whoever reads our output has enough of it.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(3)
        }
    }
}
