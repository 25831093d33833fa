//! A chart rendered as a release: its manifests, hooks, definitions and notes.

mod capabilities;
mod compiled;
mod error;
mod hooks;
mod manifests;
mod render;

pub use capabilities::{Capabilities, KubeVersion};
pub use compiled::CompiledCache;
pub use error::RenderError;
pub use hooks::{DeletePolicy, Hook, HookEvent};
pub use manifests::{Definition, RenderedManifest, install_order, split};
pub use render::{Operation, Release, RenderOptions, Rendered, print, render};
