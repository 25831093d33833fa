//! `lookup` in charts: objects of the cluster that a release goes to.
//!
//! Rendering asks no cluster. What a chart looks up is noted, the release waits, the
//! target answers, and the release is rendered with the answers. They belong to one
//! rendering: another version of the release or of its chart asks anew, so that a chart
//! which keeps the password that is there finds it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use syncline_helm::go::Value;
use syncline_helm::go::json::with_floats;
use syncline_helm::template::Environment;

/// What a chart looks up; without a name, all objects of the kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupKey {
    /// Such as `v1` or `apps/v1`.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty for all, or for kinds without.
    pub namespace: String,
    /// The name; empty for all.
    pub name: String,
}

/// What the cluster has; nothing is an empty object.
pub type Answers = BTreeMap<LookupKey, Json>;

/// How lookups are answered.
#[derive(Debug, Clone, Copy)]
pub enum Lookups<'a> {
    /// There is nothing to be found, as with Helm where no cluster is asked.
    Offline,
    /// With what the cluster has answered so far.
    Known(Option<&'a Answers>),
}

/// Answers what is known, and notes what is not.
pub(super) struct Asked<'a> {
    lookups: Lookups<'a>,
    pub missing: RefCell<BTreeSet<LookupKey>>,
}

/// What became of looking for something.
pub(super) enum Found<Nothing, It = String> {
    /// It is there.
    Text(It),
    /// It is not, or not what it should be.
    Nothing(Nothing),
    /// Nobody was asked, or has answered yet.
    Unknown,
}

impl<'a> Asked<'a> {
    pub fn new(lookups: Lookups<'a>) -> Asked<'a> {
        Asked { lookups, missing: RefCell::default() }
    }

    /// An object of the cluster, by its name.
    fn find(&self, key: LookupKey) -> Found<(), &'a Json> {
        let Lookups::Known(answers) = self.lookups else { return Found::Unknown };
        match answers.and_then(|answers| answers.get(&key)) {
            Some(Json::Object(nothing)) if nothing.is_empty() => Found::Nothing(()),
            Some(answer) => Found::Text(answer),
            None => {
                self.missing.borrow_mut().insert(key);
                Found::Unknown
            }
        }
    }
}

impl Environment for Asked<'_> {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let key = LookupKey {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        Ok(match self.find(key) {
            Found::Text(answer) => with_floats(answer),
            Found::Nothing(()) | Found::Unknown => with_floats(&Json::Object(Default::default())),
        })
    }
}
