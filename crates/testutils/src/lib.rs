//! What the project's tests and benchmarks stand on.

pub mod schema_table;
