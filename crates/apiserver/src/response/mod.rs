//! What is answered: bodies, and the form in which objects are shown.

mod body;
mod representation;

pub use body::Reply;
pub use representation::{MediaType, Representation};
