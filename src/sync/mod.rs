//! Syncing: from what is desired to what runs, and keeping it so.
//!
//! Fifth to eighth in the flow: plan, apply, observe. The [`Index`] is plain data
//! that decides everything; it is fed with what is desired and what is seen, and
//! gives steps to take. A [`task`](run_target) a target does the IO around it:
//! watches bring events, steps become requests, status goes to the ledger.
//!
//! ```text
//!   Desired ──► Index ──► Step ──► apply / delete
//!                 ▲                     │
//!                 └── watch events ◄────┘
//! ```

mod backoff;
mod drift;
mod engine;
mod facts;
mod health;
mod health_expressions;
mod index;
mod inventory;
mod learned;
mod lookups;
mod metrics;
mod order;
mod plan;
mod prune;
mod release_status;
mod releases;
mod session;
mod status;
mod step;
mod summary;
mod task;
mod values;

pub use engine::{EngineOptions, FleetStatus, SourceStatus, run_engine};
pub use facts::{answer, facts_of, recorded_inventory};
pub use health::Health;
pub use inventory::{Inventory, NAMESPACE};
pub use metrics::Metrics;
pub use plan::{Action, Plan, PlannedObject, plan};
pub use prune::PruneHold;
pub use release_status::{ReleaseState, ReleaseStatus};
pub use session::TargetContext;
pub use status::{ApplicationStatus, ConnectionState, ObjectState, ObjectStatus, TargetStatus};
pub use task::run_target;

/// The field manager under which everything is applied.
pub const FIELD_MANAGER: &str = "syncline";
