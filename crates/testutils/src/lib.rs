//! What the project's tests and benchmarks stand on: a fleet repository in three
//! lines, an API server in one, be it the embedded or the real one.

mod api_server;
mod certificates;
mod client;
mod embedded_server;
pub mod enum_table;
mod fleet_repo;
mod git_server;
mod memory;
mod podinfo;
mod real_server;
pub mod schema_table;
mod user;

pub use api_server::{ApiServer, Backend, output_with_input, real, shared};
pub use certificates::{Certificates, Clients, Stream};
pub use client::{Answer, Client, Lines};
pub use fleet_repo::FleetRepo;
pub use git_server::GitServer;
pub use memory::Memory;
pub use podinfo::podinfo;
pub use real_server::oracles;
pub use user::User;

use std::net::TcpListener;
use std::sync::OnceLock;
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

/// Waits for a future on a runtime that all of the process share, from wherever,
/// within another runtime too. Embedded servers live on it.
///
/// # Panics
/// When the future does.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME
        .get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"));
    let (sender, receiver) = std::sync::mpsc::channel();
    runtime.spawn(async move { sender.send(future.await) });
    receiver.recv().expect("the future ends")
}
