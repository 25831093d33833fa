//! Hooks: manifests that are applied at moments of a release's life, not with the rest.

use serde_json::Value as Json;

/// A moment of a release's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookEvent {
    /// Before anything is installed.
    PreInstall,
    /// After all is installed.
    PostInstall,
    /// Before anything is deleted.
    PreDelete,
    /// After all is deleted.
    PostDelete,
    /// Before anything is upgraded.
    PreUpgrade,
    /// After all is upgraded.
    PostUpgrade,
    /// Before a rollback.
    PreRollback,
    /// After a rollback.
    PostRollback,
    /// When the release is tested.
    Test,
}

impl HookEvent {
    /// The name in annotations and release records.
    pub fn name(self) -> &'static str {
        match self {
            HookEvent::PreInstall => "pre-install",
            HookEvent::PostInstall => "post-install",
            HookEvent::PreDelete => "pre-delete",
            HookEvent::PostDelete => "post-delete",
            HookEvent::PreUpgrade => "pre-upgrade",
            HookEvent::PostUpgrade => "post-upgrade",
            HookEvent::PreRollback => "pre-rollback",
            HookEvent::PostRollback => "post-rollback",
            HookEvent::Test => "test",
        }
    }

    fn read(text: &str) -> Option<HookEvent> {
        Some(match text {
            "pre-install" => HookEvent::PreInstall,
            "post-install" => HookEvent::PostInstall,
            "pre-delete" => HookEvent::PreDelete,
            "post-delete" => HookEvent::PostDelete,
            "pre-upgrade" => HookEvent::PreUpgrade,
            "post-upgrade" => HookEvent::PostUpgrade,
            "pre-rollback" => HookEvent::PreRollback,
            "post-rollback" => HookEvent::PostRollback,
            // The second name is that of Helm 2.
            "test" | "test-success" => HookEvent::Test,
            _ => return None,
        })
    }
}

/// When a hook's object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletePolicy {
    /// When it has succeeded.
    Succeeded,
    /// When it has failed.
    Failed,
    /// Before it is created anew.
    BeforeCreation,
}

impl DeletePolicy {
    /// The name in annotations and release records.
    pub fn name(self) -> &'static str {
        match self {
            DeletePolicy::Succeeded => "hook-succeeded",
            DeletePolicy::Failed => "hook-failed",
            DeletePolicy::BeforeCreation => "before-hook-creation",
        }
    }

    fn read(text: &str) -> Option<DeletePolicy> {
        match text {
            "hook-succeeded" => Some(DeletePolicy::Succeeded),
            "hook-failed" => Some(DeletePolicy::Failed),
            "before-hook-creation" => Some(DeletePolicy::BeforeCreation),
            _ => None,
        }
    }
}

/// A manifest that is applied at moments of a release's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The object's name.
    pub name: String,
    /// The object's kind.
    pub kind: String,
    /// The template.
    pub path: String,
    /// The manifest as text.
    pub manifest: String,
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// Hooks of one event run in the order of their weights, then of their names.
    pub weight: i64,
    /// When the object is deleted; before it is created anew where it says nothing.
    pub delete_policies: Vec<DeletePolicy>,
}

impl Hook {
    /// The hooks of an event in the order in which they run: by weight, then by name; the
    /// order that the kinds were in decides the rest.
    pub fn of_event(hooks: &[Hook], event: HookEvent) -> Vec<&Hook> {
        let mut meant: Vec<&Hook> = hooks.iter().filter(|hook| hook.events.contains(&event)).collect();
        meant.sort_by(|a, b| (a.weight, &a.name).cmp(&(b.weight, &b.name)));
        meant
    }

    /// Whether the object is deleted at a moment; where a hook says nothing, it is before it
    /// is created anew.
    pub fn is_deleted(&self, policy: DeletePolicy) -> bool {
        if self.delete_policies.is_empty() {
            return policy == DeletePolicy::BeforeCreation;
        }
        self.delete_policies.contains(&policy)
    }

    /// A hook as Helm keeps it in a record.
    pub(crate) fn of_record(value: &Json) -> Hook {
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let words = |field: &str| value[field].as_array().into_iter().flatten().filter_map(Json::as_str);
        Hook {
            name: text("name"),
            kind: text("kind"),
            path: text("path"),
            manifest: text("manifest"),
            events: words("events").filter_map(HookEvent::read).collect(),
            weight: value["weight"].as_i64().unwrap_or(0),
            delete_policies: words("delete_policies").filter_map(DeletePolicy::read).collect(),
        }
    }
}

/// What the annotations of a manifest make it.
pub(super) enum Role {
    /// An object like others.
    Plain,
    /// A hook.
    Hook(Box<Hook>),
    /// A hook for events that nobody knows: Helm leaves it out.
    UnknownHook,
}

/// Reads the annotations of a manifest.
pub(super) fn role(document: &Json, kind: &str, path: &str, text: &str) -> Role {
    let annotations = &document["metadata"]["annotations"];
    let annotation = |name: &str| annotations[name].as_str();
    let Some(events_text) = annotation("helm.sh/hook") else { return Role::Plain };
    let words =
        |text: &str| -> Vec<String> { text.split(',').map(|word| word.trim().to_lowercase()).collect() };
    let mut events = Vec::new();
    for word in words(events_text) {
        match HookEvent::read(&word) {
            Some(event) => events.push(event),
            None => return Role::UnknownHook,
        }
    }
    let policies = annotation("helm.sh/hook-delete-policy").map(words).unwrap_or_default();
    let delete_policies = policies.iter().filter_map(|word| DeletePolicy::read(word));
    Role::Hook(Box::new(Hook {
        name: document["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        path: path.to_owned(),
        manifest: text.to_owned(),
        events,
        weight: annotation("helm.sh/hook-weight")
            .and_then(|weight| crate::go::number::parse_int(weight, 10))
            .unwrap_or(0),
        delete_policies: delete_policies.collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str, weight: i64, policies: &[DeletePolicy]) -> Hook {
        Hook {
            name: name.to_owned(),
            kind: "Job".to_owned(),
            path: String::new(),
            manifest: String::new(),
            events: vec![HookEvent::PreInstall],
            weight,
            delete_policies: policies.to_vec(),
        }
    }

    #[test]
    fn hooks_run_by_weight_and_then_by_name() {
        let mut other = hook("other", -9, &[]);
        other.events = vec![HookEvent::Test];
        let hooks = [hook("b", 0, &[]), hook("a", 0, &[]), hook("z", -5, &[]), other];
        let names: Vec<&str> =
            Hook::of_event(&hooks, HookEvent::PreInstall).iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!(names, ["z", "a", "b"]);
    }

    #[test]
    fn a_hook_that_says_nothing_is_deleted_before_it_is_created_anew() {
        let silent = hook("a", 0, &[]);
        assert!(silent.is_deleted(DeletePolicy::BeforeCreation));
        assert!(!silent.is_deleted(DeletePolicy::Succeeded));
        let told = hook("a", 0, &[DeletePolicy::Succeeded]);
        assert!(told.is_deleted(DeletePolicy::Succeeded));
        assert!(!told.is_deleted(DeletePolicy::BeforeCreation));
    }
}
