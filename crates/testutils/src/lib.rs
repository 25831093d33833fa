//! What the project's tests and benchmarks stand on: a fleet repository in three
//! lines, a real API server in one.

mod api_server;
mod fleet_repo;
mod git_server;
pub mod schema_table;

pub use api_server::{ApiServer, User, oracles, shared};
pub use fleet_repo::FleetRepo;
pub use git_server::GitServer;

use std::time::{Duration, Instant};

/// Waits until something holds, looking every 20 ms.
///
/// # Panics
/// When it does not hold within the limit; the message names what was waited for.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
