//! Annotations by which one object asks to be treated otherwise.

use serde_json::Value;

/// How one object wants to be treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Objects of an application are applied wave by wave, lower first; a wave
    /// begins when the one before it is healthy.
    pub wave: i32,
    /// Whether it is deleted when it leaves Git.
    pub prune: Prune,
    /// Whether it is kept as it is written, or only seen to that there is one.
    pub apply: ApplyMode,
    /// What happens when a field changes that cannot.
    pub immutable: OnImmutable,
    /// Fields, as JSON pointers, that are left to others.
    pub ignored: Box<[Box<str>]>,
}

/// Whether an object is deleted when it leaves Git.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prune {
    /// It is.
    #[default]
    Enabled,
    /// It stays, and is no longer looked after.
    Disabled,
}

/// What is done for an object that Git has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApplyMode {
    /// It is kept as it is written.
    #[default]
    Always,
    /// It is created where it is missing; one that is there is left as it is, whoever made it.
    IfMissing,
}

/// What happens when a field changes that the server does not allow to change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnImmutable {
    /// The object reports the error and stays as it is.
    #[default]
    Fail,
    /// The object is deleted and created anew.
    Recreate,
}

impl ApplyOptions {
    /// `syncline.dev/wave: "2"`
    pub const WAVE: &'static str = "syncline.dev/wave";
    /// `syncline.dev/prune: disabled`
    pub const PRUNE: &'static str = "syncline.dev/prune";
    /// `syncline.dev/apply: if-missing`
    pub const APPLY: &'static str = "syncline.dev/apply";
    /// `syncline.dev/recreate: allowed`
    pub const RECREATE: &'static str = "syncline.dev/recreate";
    /// `syncline.dev/ignore-differences: /spec/replicas`, several with commas.
    pub const IGNORE_DIFFERENCES: &'static str = "syncline.dev/ignore-differences";

    const PREFIX: &'static str = "syncline.dev/";

    /// Reads the annotations of an object. What is malformed counts as not given,
    /// and is returned beside, as annotation and complaint.
    pub fn read(object: &Value) -> (ApplyOptions, Vec<(String, String)>) {
        let mut options = ApplyOptions::default();
        let mut errors = Vec::new();
        let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
        for (name, value) in
            annotations.into_iter().flatten().filter(|(name, _)| name.starts_with(Self::PREFIX))
        {
            let text = value.as_str().unwrap_or_default();
            let mut refuse = |message: &str| errors.push((name.clone(), message.to_owned()));
            match name.as_str() {
                Self::WAVE => match text.parse() {
                    Ok(wave) => options.wave = wave,
                    Err(_) => refuse("must be a whole number in quotes"),
                },
                Self::PRUNE => match text {
                    "disabled" => options.prune = Prune::Disabled,
                    "enabled" => options.prune = Prune::Enabled,
                    _ => refuse("must be enabled or disabled"),
                },
                Self::APPLY => match text {
                    "always" => options.apply = ApplyMode::Always,
                    "if-missing" => options.apply = ApplyMode::IfMissing,
                    _ => refuse("must be always or if-missing"),
                },
                Self::RECREATE => match text {
                    "allowed" => options.immutable = OnImmutable::Recreate,
                    "forbidden" => options.immutable = OnImmutable::Fail,
                    _ => refuse("must be allowed or forbidden"),
                },
                Self::IGNORE_DIFFERENCES => {
                    let pointers: Vec<&str> =
                        text.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
                    if pointers.is_empty() || pointers.iter().any(|pointer| !pointer.starts_with('/')) {
                        refuse("must be JSON pointers such as /spec/replicas, separated by commas");
                    } else {
                        options.ignored = pointers.into_iter().map(Box::from).collect();
                    }
                }
                _ => refuse("is not an annotation that syncline knows"),
            }
        }
        (options, errors)
    }
}

/// Takes the field at a JSON pointer out of an object, if it is there.
pub fn remove_field(value: &mut Value, pointer: &str) {
    let Some((parent, token)) = pointer.rsplit_once('/') else { return };
    let token = token.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&token);
        }
        Some(Value::Array(items)) => {
            if let Ok(index) = token.parse::<usize>()
                && index < items.len()
            {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_are_options_and_malformed_ones_are_named() {
        let read =
            |annotations: Value| ApplyOptions::read(&json!({"metadata": {"annotations": annotations}}));
        let (options, errors) = read(json!({
            "syncline.dev/wave": "-1", "syncline.dev/prune": "disabled", "syncline.dev/recreate": "allowed",
            "syncline.dev/apply": "if-missing",
            "syncline.dev/ignore-differences": "/spec/replicas, /metadata/labels/a~1b", "other": "x",
        }));
        assert!(errors.is_empty());
        assert_eq!(
            options,
            ApplyOptions {
                wave: -1,
                prune: Prune::Disabled,
                apply: ApplyMode::IfMissing,
                immutable: OnImmutable::Recreate,
                ignored: ["/spec/replicas".into(), "/metadata/labels/a~1b".into()].into(),
            }
        );
        let (options, errors) = read(json!({
            "syncline.dev/wave": "first", "syncline.dev/prune": "no", "syncline.dev/recreate": "yes",
            "syncline.dev/ignore-differences": "spec.replicas", "syncline.dev/wav": "1",
            "syncline.dev/apply": "once",
        }));
        assert_eq!((options, errors.len()), (ApplyOptions::default(), 6));
    }

    #[test]
    fn a_field_is_removed_by_its_pointer() {
        let mut value = json!({"a": {"b/c": 1, "d": [1, 2]}});
        for pointer in ["/a/b~1c", "/a/d/0", "/a/d/7", "/x/y"] {
            remove_field(&mut value, pointer);
        }
        assert_eq!(value, json!({"a": {"d": [2]}}));
    }
}
