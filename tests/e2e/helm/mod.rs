//! Charts and releases, compared with the real helm.

mod definitions;
mod lifecycle;
mod registries;
mod releases;
mod sources;
mod template;
