//! Custom kinds: what a CustomResourceDefinition says of its objects.
//!
//! A definition is read once into a [`Schema`]; objects are then pruned, filled with
//! defaults ([`shape`]) and checked ([`check`], [`rules`]) by it. Follows the
//! structural schemas of KEP-2337 and the CEL rules of KEP-2876. Pure.

mod check;
mod defaults;
mod definition;
mod format;
mod functions;
mod rules;
mod schema;
mod shape;

pub use check::check;
pub(crate) use definition::rank;
pub use definition::{DEFINITION_FINALIZER, DEFINITIONS, read};
pub use schema::{Listing, Schema, Type};
pub use shape::{fill, prune};
