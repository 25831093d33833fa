//! Structured merge: who owns which field of an object, and what server-side apply
//! makes of it (KEP-555). Pure; the API server of `syncline-apiserver` is built on it.
//!
//! An object is divided into fields by its type ([`Structure`]); sets of fields
//! ([`FieldSet`]) are what managers own; [`managed`] is the bookkeeping of
//! `metadata.managedFields` for updates and applies.

mod compare;
mod field_set;
mod fields;
pub mod managed;
mod merge;
mod structure;

pub use compare::{Comparison, compare};
pub use field_set::{FieldSet, Path, Step, spelled};
pub use fields::{check, fields};
pub use structure::{Builtin, Expected, Form, Structure};
