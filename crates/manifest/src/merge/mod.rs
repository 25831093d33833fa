//! Changing one object by another: strategic merge by the schemas of the
//! built-in kinds, JSON merge for all others, JSON 6902 operations.

mod json6902;
mod strategic;

pub use json6902::{Json6902Error, json6902};
pub use strategic::{MergeError, strategic};
