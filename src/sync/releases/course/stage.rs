//! The stages of a release, and what is said between its course and the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline_helm::record::Record;
use syncline_helm::release::{Hook, HookEvent};

use crate::api::Retry;
use crate::fleet::Digest;
use crate::render::release::{InForce, Refused};
use crate::sync::releases::history::Failed;

/// How far a release is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::sync::releases) enum Stage {
    /// For what it depends on, and what it stands on.
    Waiting,
    /// Its hooks before run.
    Before,
    /// Its objects are applied, and become ready.
    Applying { since: Option<Instant>, is_overdue: bool },
    /// Its hooks after run.
    After,
    /// Its record is written.
    Recording,
    /// Its tests run.
    Testing,
    /// That they have passed is written.
    Passing,
    /// All is as it should be.
    Settled,
    /// That it has failed is written.
    Failing { in_stage: FailedIn, retry: Retry },
    /// What is to be put back is read.
    Reading { retry: Retry },
    /// Hooks before the retreat run.
    Leaving { retry: Retry },
    /// What was there before is to be desired.
    Turning { retry: Retry },
    /// What was there before becomes what is desired, and ready.
    Retreating { since: Option<Instant>, retry: Retry },
    /// Hooks after the retreat run.
    Left { retry: Retry },
    /// The retreat is written.
    Noting { retry: Retry },
    /// Nothing more happens with this version, or not until then.
    Resting { until: Option<Instant> },
    /// What was refused is to be desired again.
    Returning,
}

/// Where a release failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync::releases) enum FailedIn {
    /// Before anything of it was applied.
    Before,
    /// While its objects were applied.
    Applying,
    /// After that.
    After,
}

/// A revision to go back to.
#[derive(Debug, Clone)]
pub(in crate::sync::releases) struct Recorded {
    pub in_force: Arc<InForce>,
    pub hooks: Vec<Hook>,
    pub record: Arc<Record>,
    pub digest: Option<Digest>,
}

/// What is seen of a release.
#[derive(Debug, Clone, Default)]
pub(in crate::sync::releases) struct Seen {
    /// Whether all that it depends on is done.
    pub has_what_it_needs: bool,
    /// Whether what it stands on is done.
    pub is_founded: bool,
    /// Whether its objects are as they should be.
    pub is_ready: bool,
    /// What keeps them from it, by themselves.
    pub failure: Option<String>,
    /// What they wait for.
    pub pending: Option<String>,
    /// Whether any object of it is there.
    pub has_objects: bool,
}

/// What is to be done.
#[derive(Debug)]
pub(in crate::sync::releases) enum Order {
    /// Hooks of an event are run: its own, or those of the revision to go back to.
    Hooks { hooks: Vec<Hook>, event: HookEvent, timeout: Duration },
    /// The revision is written.
    Write(Writ),
    /// The revision that was good before is read.
    Read,
}

/// What is written of a revision.
#[derive(Debug)]
pub(in crate::sync::releases) enum Writ {
    Deployed { is_untested: bool },
    Failed(Failed),
    Retreat(Failed),
}

/// How it ended.
#[derive(Debug)]
pub(in crate::sync::releases) enum Ended {
    /// As it should.
    Done,
    /// With a revision to go back to, if there is one.
    Read(Option<Box<Recorded>>),
    /// The release has failed.
    Failed(String),
}

/// What the rest of the engine has to hear of.
#[derive(Debug)]
pub(in crate::sync::releases) enum Word {
    /// A version is not applied for now.
    Refuse(Refused),
    /// It is again.
    Allow,
}
