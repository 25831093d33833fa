//! What the built-in kinds of Kubernetes look like: their scope, their fields,
//! and how lists merge. Needed where no server is asked: when overlays are merged
//! and pull requests are checked.
//!
//! The table `builtin.txt` is derived from the OpenAPI document of a real API
//! server (v1.36.3) by `syncline_testutils::schema_table`; an end-to-end test
//! keeps it equal to the server it runs against. A line `@ v1 Pod pods namespaced
//! core.v1.Pod` names a kind, any other line a type with its fields:
//!
//! | mark | meaning |
//! |---|---|
//! | `s i n b` | string, integer, number, boolean |
//! | `y t q x` | base64 bytes, time, quantity, integer or string |
//! | `*` | anything |
//! | `[]T` `{}T` | list of T, map from string to T |
//! | `^` | after a field or a type: server-side apply owns it as a whole |
//! | `#a,b` | server-side apply owns each item of the list by its keys; `#` alone: by value |
//! | `+key` | a list that strategic merge joins by `key`; `+` alone: by value |
//! | `~` | strategic merge honours `$retainKeys` |

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::identity::GroupVersionKind;

const BUILTIN: &str = include_str!("builtin.txt");

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// Beside the namespaces.
    Cluster,
}

/// What is known of one built-in kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The resource name in URLs.
    pub plural: &'static str,
    /// Where its objects live.
    pub scope: Scope,
    /// Whether it has the scale subresource.
    pub has_scale: bool,
    root: TypeId,
}

/// The type of one field, or of an item of a list or map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// Base64 text.
    Bytes,
    /// An RFC 3339 time.
    Time,
    /// A Kubernetes quantity such as `500m`.
    Quantity,
    /// A whole number or text.
    IntOrString,
    /// Anything: the schema says no more.
    Any,
    /// A list; see [`Shape::item`].
    List(ItemId),
    /// A map from text; see [`Shape::item`].
    Map(ItemId),
    /// An object with the fields of a named type.
    Object(TypeId),
}

/// The place of a shape of items in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemId(u16);

/// The place of an object type in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeId(u16);

impl TypeId {
    /// Its number, from zero; less than [`types`] gives.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// How strategic merge joins two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListMerge {
    /// The patch replaces the list.
    Replace,
    /// Values are united.
    ByValue,
    /// Items with the same value of this key are one.
    ByKey(&'static str),
}

/// How server-side apply divides what a field holds into parts that are owned apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// As the shape says: objects and maps by field, all else as a whole.
    ByShape,
    /// It is owned as a whole.
    Atomic,
    /// A list whose values are owned each.
    Set,
    /// A list whose items are owned each, told apart by these keys, joined by commas.
    Keyed(&'static str),
}

/// A field of a built-in type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its type.
    pub shape: Shape,
    /// How it merges, if it is a list.
    pub list_merge: ListMerge,
    /// How it is owned.
    pub division: Division,
    /// Whether a patch names all keys that stay (the strategy `retainKeys`).
    pub retains_keys: bool,
}

struct Table {
    kinds: HashMap<&'static str, HashMap<&'static str, Kind>>,
    types: Vec<Type>,
    items: Vec<Shape>,
}

/// An object type, such as `core.v1.PodSpec`.
struct Type {
    name: &'static str,
    /// By their names, in order.
    fields: Vec<(&'static str, Field)>,
    /// Whether server-side apply takes it as a whole.
    is_atomic: bool,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Reader::default().read(BUILTIN))
}

/// Reads the table: names become places.
#[derive(Default)]
struct Reader {
    names: HashMap<&'static str, TypeId>,
    items: Vec<Shape>,
}

impl Reader {
    fn read(mut self, text: &'static str) -> Table {
        let lines = || text.lines().filter(|line| !line.is_empty());
        let named = lines().filter_map(|line| line.split(' ').next()).filter(|name| *name != "@");
        for (index, name) in named.enumerate() {
            // There are some seven hundred types.
            let id = TypeId(u16::try_from(index).unwrap_or(u16::MAX));
            self.names.insert(name.trim_end_matches('^'), id);
        }
        let mut kinds: HashMap<&'static str, HashMap<&'static str, Kind>> = HashMap::new();
        let mut types = Vec::with_capacity(self.names.len());
        for line in lines() {
            let mut words = line.split(' ');
            match words.next() {
                Some("@") => {
                    let mut next = || words.next().unwrap_or_default();
                    let (version, name, plural, scope, root) = (next(), next(), next(), next(), next());
                    let scope = if scope == "namespaced" { Scope::Namespaced } else { Scope::Cluster };
                    let has_scale = next() == "scale";
                    if let Some(root) = self.names.get(root).copied() {
                        kinds
                            .entry(version)
                            .or_default()
                            .insert(name, Kind { plural, scope, has_scale, root });
                    }
                }
                Some(name) => {
                    let fields = words.filter_map(|word| word.split_once(':'));
                    let mut fields: Vec<_> = fields.map(|(name, text)| (name, self.field(text))).collect();
                    fields.sort_unstable_by_key(|(name, _)| *name);
                    let is_atomic = name.ends_with('^');
                    types.push(Type { name: name.trim_end_matches('^'), fields, is_atomic });
                }
                None => {}
            }
        }
        Table { kinds, types, items: self.items }
    }

    fn field(&mut self, text: &'static str) -> Field {
        let retains_keys = text.ends_with('~');
        let text = text.trim_end_matches('~');
        let (text, list_merge) = match text.split_once('+') {
            Some((text, "")) => (text, ListMerge::ByValue),
            Some((text, key)) => (text, ListMerge::ByKey(key)),
            None => (text, ListMerge::Replace),
        };
        let (text, division) = match (text.strip_suffix('^'), text.split_once('#')) {
            (Some(text), _) => (text, Division::Atomic),
            (None, Some((text, ""))) => (text, Division::Set),
            (None, Some((text, keys))) => (text, Division::Keyed(keys)),
            (None, None) => (text, Division::ByShape),
        };
        Field { shape: self.shape(text), list_merge, division, retains_keys }
    }

    fn shape(&mut self, text: &'static str) -> Shape {
        if let Some(item) = text.strip_prefix("[]") {
            return Shape::List(self.item(item));
        }
        if let Some(item) = text.strip_prefix("{}") {
            return Shape::Map(self.item(item));
        }
        match text {
            "s" => Shape::String,
            "i" => Shape::Integer,
            "n" => Shape::Number,
            "b" => Shape::Boolean,
            "y" => Shape::Bytes,
            "t" => Shape::Time,
            "q" => Shape::Quantity,
            "x" => Shape::IntOrString,
            name => self.names.get(name).map_or(Shape::Any, |id| Shape::Object(*id)),
        }
    }

    /// The same shape has one place.
    fn item(&mut self, text: &'static str) -> ItemId {
        let shape = self.shape(text);
        let index = self.items.iter().position(|known| *known == shape).unwrap_or_else(|| {
            self.items.push(shape);
            self.items.len() - 1
        });
        ItemId(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

/// What is known of a built-in kind; None for custom and unknown kinds.
pub fn kind(gvk: &GroupVersionKind) -> Option<&'static Kind> {
    table().kinds.get(gvk.api_version().as_str())?.get(gvk.kind.as_str())
}

/// The names of all built-in kinds, as `(apiVersion, kind)`.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    table().kinds.iter().flat_map(|(version, kinds)| kinds.keys().map(|kind| (*version, *kind)))
}

impl Kind {
    /// The type of whole objects of this kind.
    pub fn shape(&self) -> Shape {
        Shape::Object(self.root)
    }
}

impl Shape {
    /// The shape of an object's type, or anything where the kind is not built in.
    pub fn of(gvk: &GroupVersionKind) -> Shape {
        kind(gvk).map_or(Shape::Any, Kind::shape)
    }

    /// The shape of the items of a list or map.
    pub fn item(self) -> Shape {
        match self {
            Shape::List(ItemId(index)) | Shape::Map(ItemId(index)) => table().items[usize::from(index)],
            _ => Shape::Any,
        }
    }

    fn definition(self) -> Option<&'static Type> {
        self.type_id().map(|id| &table().types[id.index()])
    }

    /// A field of an object or an entry of a map. None where the type has no such
    /// field, or where the schema says nothing about fields.
    pub fn field(self, name: &str) -> Option<Field> {
        match self {
            Shape::Object(_) => {
                let fields = &self.definition()?.fields;
                let index = fields.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
                Some(fields[index].1)
            }
            Shape::Map(_) => Some(Field {
                shape: self.item(),
                list_merge: ListMerge::Replace,
                division: Division::ByShape,
                retains_keys: false,
            }),
            _ => None,
        }
    }

    /// The place of an object type; None for every other shape.
    pub fn type_id(self) -> Option<TypeId> {
        match self {
            Shape::Object(id) => Some(id),
            _ => None,
        }
    }

    /// The table's name for an object type; None for every other shape.
    pub fn type_name(self) -> Option<&'static str> {
        self.definition().map(|definition| definition.name)
    }

    /// Whether server-side apply takes objects of this type as a whole.
    pub fn is_atomic(self) -> bool {
        self.definition().is_some_and(|definition| definition.is_atomic)
    }

    /// The names of an object type's fields; empty for every other shape.
    pub fn field_names(self) -> impl Iterator<Item = &'static str> {
        self.definition().into_iter().flat_map(|definition| definition.fields.iter().map(|(name, _)| *name))
    }
}

/// The names of all object types, in the order of their places.
pub fn types() -> impl Iterator<Item = &'static str> {
    table().types.iter().map(|known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_scopes_scales_and_merge_keys() {
        let deployment = kind(&GroupVersionKind::parse("apps/v1", "Deployment")).unwrap();
        assert_eq!(
            (deployment.plural, deployment.scope, deployment.has_scale),
            ("deployments", Scope::Namespaced, true)
        );
        let pod_spec = deployment
            .shape()
            .field("spec")
            .unwrap()
            .shape
            .field("template")
            .unwrap()
            .shape
            .field("spec")
            .unwrap()
            .shape;
        assert_eq!(pod_spec.field("containers").unwrap().list_merge, ListMerge::ByKey("name"));
        assert_eq!(pod_spec.field("tolerations").unwrap().list_merge, ListMerge::Replace);
        let container = pod_spec.field("containers").unwrap().shape.item();
        let limits = container.field("resources").unwrap().shape.field("limits").unwrap().shape;
        assert_eq!(limits.item(), Shape::Quantity);
        assert_eq!(kind(&GroupVersionKind::parse("v1", "Namespace")).unwrap().scope, Scope::Cluster);
        assert!(kind(&GroupVersionKind::parse("example.com/v1", "Deployment")).is_none());
        assert_eq!(container.field("ports").unwrap().division, Division::Keyed("containerPort,protocol"));
        assert_eq!(pod_spec.field("nodeSelector").unwrap().division, Division::Atomic);
        let metadata = deployment.shape().field("metadata").unwrap().shape;
        assert_eq!(metadata.field("finalizers").unwrap().division, Division::Set);
        let source = container.field("env").unwrap().shape.item().field("valueFrom").unwrap().shape;
        assert!(source.field("secretKeyRef").unwrap().shape.is_atomic() && !source.is_atomic());
    }

    #[test]
    fn every_type_that_a_field_names_is_in_the_table() {
        let names: Vec<&str> = types().collect();
        let is_letter = |text: &str| text.len() <= 1;
        for line in BUILTIN.lines() {
            let mut words = line.split(' ');
            if words.next() == Some("@") {
                assert!(words.nth(4).is_some_and(|root| names.contains(&root)), "{line}");
                continue;
            }
            for (field, text) in words.filter_map(|word| word.split_once(':')) {
                let text = text.trim_end_matches('~').split(['+', '#']).next().unwrap_or_default();
                let target = text.trim_end_matches('^').trim_start_matches("[]").trim_start_matches("{}");
                let target = target.trim_start_matches("[]");
                assert!(is_letter(target) || names.contains(&target), "{field}: {target}");
            }
        }
    }
}
