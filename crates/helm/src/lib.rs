//! Helm charts, loaded and rendered as Helm does it.
#![allow(missing_docs)]
pub mod chart;
pub mod functions;
pub mod go;
pub mod record;
pub mod release;
pub mod template;
pub mod values;
pub mod version;
