//! The `syncline` program; see [`syncline::cli`].

use std::process::ExitCode;

/// Rendering and the API server allocate many small things on several threads at
/// once, which the system's allocator takes turns at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    syncline::cli::main()
}
