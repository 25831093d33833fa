//! The promises, end to end: the real binary against real API servers.
//!
//! One process, so that all tests share a few servers; each test has a fleet name
//! and namespaces of its own. Without `KUBEBUILDER_ASSETS` the tests that need a
//! server say so and pass; `.ci/run` always sets it.

mod apiserver;
mod bad_input;
mod cli;
mod converge;
mod drift;
mod git_sources;
mod interruptions;
mod kubeconfigs;
mod prune;
mod schema_table;
mod support;
