//! Charts and releases, compared with the real helm.

mod template;
