//! An embedded Kubernetes API server: the real protocol, in one process.
//!
//! Clients that were written for Kubernetes work on it unchanged: kubectl, helm,
//! client-go, kube-rs. It stores what they write in one file, tells watches what
//! happens, merges what they apply, and runs nothing: there are no nodes and no
//! containers ([`Simulation`] pretends that there are, where that is asked for).
//!
//! A request goes one way through the modules:
//!
//! ```text
//! server -> dispatch -> request -> access -> verbs -> kinds, custom -> store
//!                                              |
//!                                          response (table), discovery, openapi
//! ```
//!
//! `controllers` do by themselves what a cluster's control plane does: collect
//! garbage, empty namespaces, serve custom kinds.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use syncline_apiserver::{Account, Options, Server};
//! let server = Server::start(Options::default()).await?;
//! std::fs::write("kubeconfig", server.kubeconfig(&Account::admin())?)?;
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod api;
mod controllers;
mod custom;
mod discovery;
mod dispatch;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod kinds;
mod names;
mod openapi;
mod request;
mod response;
mod server;
mod simulate;
mod store;
mod table;
mod verbs;

pub use access::{Account, AuthorityError, write_private};
pub use server::{Options, Server, StartError};
pub use simulate::Simulation;
pub use store::StoreError;

use custom::rank as custom_rank;
