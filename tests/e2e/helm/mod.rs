//! Charts and releases, compared with the real helm.

mod lifecycle;
mod releases;
mod sources;
mod template;
