//! The promises, end to end: the real binary against API servers.
//!
//! One process, so that all tests share a few servers; each test has a fleet name
//! and namespaces of its own. The servers are embedded ones; the same tests run on
//! real ones with `SYNCLINE_TEST_SERVERS=real`, as `.ci/run` does. What compares
//! with the real parts needs `KUBEBUILDER_ASSETS`, and says so where it is not set.

mod apiserver;
mod bad_input;
mod cli;
mod clients;
mod converge;
mod demo;
mod drift;
mod git_sources;
mod helm;
mod interruptions;
mod kubeconfigs;
mod prune;
mod schema_table;
mod support;
