//! Who asks, and whether they may: certificates, tokens, roles.

mod authority;
mod escalation;
mod rbac;
mod users;

pub use authority::Authority;
pub use authority::{AuthorityError, write_private};
pub use escalation::Refusal;
pub(crate) use rbac::initial;
pub use rbac::{Attributes, Rbac, What};
pub use users::{Account, User, Users};
