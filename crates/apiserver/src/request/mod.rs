//! What is asked: the path, the options in the query, the selectors, the body. Pure.

mod body;
mod path;
mod protobuf;
mod query;
mod selector;

pub use body::{Decoded, Format, decode, decode_options};
pub use path::{ResourcePath, Route, route};
pub use query::{Match, Propagation, Query};
pub use selector::{FieldSelector, LabelSelector};
