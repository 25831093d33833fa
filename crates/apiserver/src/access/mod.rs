//! Who asks, and whether they may: certificates, tokens, roles.

mod authority;
mod rbac;
mod users;

pub use authority::Authority;
pub use authority::{AuthorityError, write_private};
pub(crate) use rbac::initial;
pub use rbac::{Attributes, Rbac, What};
pub use users::{Account, User, Users};
