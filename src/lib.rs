//! syncline
pub mod api;
pub mod fleet;
pub mod git;
pub mod place;
pub mod render;
