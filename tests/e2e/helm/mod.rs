//! Charts and releases, compared with the real helm.

mod releases;
mod sources;
mod template;
