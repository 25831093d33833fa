//! Targets: what can be listed, applied to, deleted from and watched.
//!
//! Sixth in the flow, and with `git` the only IO of a sync: a Kubernetes API server
//! behind a kubeconfig. Requests are written by hand over kube's client, for its
//! TLS and authentication: what is sent is the resource's own JSON text, what is
//! read of a reply is only what a decision needs. Every call has a timeout.

mod discovery;
mod error;
mod kube;
mod kubeconfig;
mod live;
mod watch;

pub use discovery::{Discovery, KindOnServer};
pub use error::TargetError;
pub use kube::{Cluster, Page, ServerVersion};
pub use kubeconfig::{ExecCredentials, KubeconfigError, Kubeconfigs};
pub use live::Live;
pub use watch::{WatchEvent, Watched};
