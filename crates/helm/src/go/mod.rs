//! What templates have from Go: its values and types, and how its standard library
//! prints and reads them. Nothing here knows of charts.

pub mod format;
pub mod json;
pub mod number;
pub mod object;
pub mod path;
pub mod quote;
pub mod regex;
pub mod text;
pub mod time;
pub mod toml;
pub mod url;
pub mod value;
pub mod yaml;

pub use object::{Called, Object};
pub use text::Str;
pub use value::{Entries, Kind, List, ListType, Map, MapType, UintKind, Value};
