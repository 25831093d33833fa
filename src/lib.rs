//! syncline keeps fleets of Kubernetes clusters what a Git repository says.
//!
//! The modules in the order of the flow; each imports only from those above it:
//!
//! | module | its part |
//! |---|---|
//! | [`api`] | the kinds that configure a fleet |
//! | [`git`] | mirrors of sources, commits as trees |
//! | [`fleet`] | everything a commit says, typed and cross-checked |
//! | [`render`] | what an application is on one cluster |
//! | [`place`] | which resource goes where, with how many replicas, and why |
//! | [`record`] | what was seen, as commits |
//! | [`charts`] | charts from elsewhere, fetched and kept |
//! | [`target`] | API servers: list, apply, delete, watch |
//! | [`sync`] | plan, apply, prune, heal: one task a target |
//! | [`server`] | health and metrics over HTTP |
//! | [`cli`] | the commands; they print and decide nothing |
//!
//! Manifests themselves are the business of [`syncline_manifest`]. The map with
//! its reasons is `docs/architecture.md`.

pub mod api;
pub mod charts;
pub mod cli;
pub mod fleet;
pub mod git;
pub mod place;
pub mod record;
pub mod render;
pub mod server;
pub mod sync;
pub mod target;
