//! The `syncline` program; see [`syncline::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    syncline::cli::main()
}
