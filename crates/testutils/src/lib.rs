//! What the project's tests and benchmarks stand on: a fleet repository in three
//! lines, a real API server in one.

mod api_server;
mod client;
mod fleet_repo;
mod git_server;
mod podinfo;
pub mod schema_table;

pub use api_server::{ApiServer, User, oracles, shared};
pub use client::{Answer, Client, Lines};
pub use fleet_repo::FleetRepo;
pub use git_server::GitServer;
pub use podinfo::podinfo;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const PORTS: u32 = 20_000;

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

/// A port of the loopback interface that nothing listens on, outside the range
/// from which connections get theirs, so that none takes it before a server does.
///
/// # Panics
/// When every port is taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(149);
    for _ in 0..PORTS {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = 10_000 + u16::try_from(offset).expect("less than a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free")
}
