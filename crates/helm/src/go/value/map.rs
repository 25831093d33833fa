//! Maps with keys in order, shared by all who hold them.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

use super::Value;
use crate::go::Str;

/// The type of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`
    Any,
    /// `map[string]string`
    Strings,
    /// `chartutil.Values`: a named `map[string]interface {}`, assignable to it.
    Values,
}

impl MapType {
    /// The name that `%T` prints.
    pub fn name(self) -> &'static str {
        match self {
            MapType::Any => "map[string]interface {}",
            MapType::Strings => "map[string]string",
            MapType::Values => "chartutil.Values",
        }
    }
}

/// The entries of a map, in the order of their keys: maps of values are small, and are
/// copied and walked far more often than they grow.
#[derive(Clone, Default)]
pub struct Entries(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    /// What tells most keys apart without a look at their text, which lies elsewhere.
    start: u64,
    key: Str,
    value: Value,
}

impl Entry {
    fn new(key: Str, value: Value) -> Entry {
        Entry { start: start(key.as_bytes()), key, value }
    }

    fn order(&self, start: u64, key: &[u8]) -> Ordering {
        self.start.cmp(&start).then_with(|| match self.key.len().max(key.len()) {
            // The shorter goes on in zeros.
            0..=8 => self.key.len().cmp(&key.len()),
            _ => self.key.as_bytes().cmp(key),
        })
    }
}

/// The first bytes of a key as a number, which are ordered as the keys are.
fn start(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => (0..8).fold(0, |start, at| start << 8 | u64::from(key.get(at).copied().unwrap_or(0))),
    }
}

impl Entries {
    fn position(&self, key: &[u8]) -> Result<usize, usize> {
        let start = start(key);
        let at = self.0.partition_point(|entry| entry.start < start);
        match self.0.get(at).map(|entry| entry.order(start, key)) {
            Some(Ordering::Equal) => Ok(at),
            Some(Ordering::Greater) | None => Err(at),
            Some(Ordering::Less) => {
                let behind = self.0[at + 1..].binary_search_by(|entry| entry.order(start, key));
                behind.map(|more| at + 1 + more).map_err(|more| at + 1 + more)
            }
        }
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Str, &Value)> {
        self.0.iter().map(|entry| (&entry.key, &entry.value))
    }

    /// The same keys with other values.
    pub fn map(&self, of: impl Fn(&Value) -> Value) -> Entries {
        let entry =
            |entry: &Entry| Entry { start: entry.start, key: entry.key.clone(), value: of(&entry.value) };
        Entries(self.0.iter().map(entry).collect())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Str, Value)> for Entries {
    /// Of several entries with one key the last counts.
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(entries: I) -> Entries {
        let mut entries: Vec<Entry> =
            entries.into_iter().map(|(key, value)| Entry::new(key, value)).collect();
        let order = |a: &Entry, b: &Entry| a.order(b.start, b.key.as_bytes());
        if !entries.is_sorted_by(|a, b| order(a, b).is_lt()) {
            entries.sort_by(order);
            entries.dedup_by(|later, earlier| {
                let same = order(later, earlier).is_eq();
                if same {
                    std::mem::swap(&mut later.value, &mut earlier.value);
                }
                same
            });
        }
        Entries(entries)
    }
}

/// A map: a reference to entries that all holders share.
#[derive(Clone)]
pub struct Map {
    /// What it is called and what it holds.
    pub kind: MapType,
    entries: Rc<RefCell<Entries>>,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Map {
        Map::from_entries(MapType::Any, Entries::default())
    }

    /// The mapping of a JSON document, as [`Value::from_json`].
    pub fn from_json(entries: &serde_json::Map<String, serde_json::Value>) -> Map {
        let entries = entries.iter().map(|(key, value)| (Str::from(key.as_str()), Value::from_json(value)));
        Map::from_entries(MapType::Any, entries.collect())
    }

    /// A map of one type with these entries.
    pub fn from_entries(kind: MapType, entries: Entries) -> Map {
        Map { kind, entries: Rc::new(RefCell::new(entries)) }
    }

    /// The same entries under another type name, as a conversion in Go gives them.
    pub fn converted(&self, kind: MapType) -> Map {
        Map { kind, entries: Rc::clone(&self.entries) }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        let entries = self.entries.borrow();
        entries.position(key).ok().map(|at| entries.0[at].value.clone())
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.entries.borrow().position(key).is_ok()
    }

    /// Sets a key, seen by all holders of the map.
    pub fn insert(&self, key: impl Into<Str>, value: Value) {
        // A map keeps an interface; that of a pipeline's nothing is nil.
        let value = if matches!(value, Value::Invalid) { Value::Nil } else { value };
        let key = key.into();
        let mut entries = self.entries.borrow_mut();
        match entries.position(key.as_bytes()) {
            Ok(at) => entries.0[at].value = value,
            Err(at) => entries.0.insert(at, Entry::new(key, value)),
        }
    }

    /// Removes a key.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        let mut entries = self.entries.borrow_mut();
        entries.position(key).ok().map(|at| entries.0.remove(at).value)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// The entries in the order of their keys, as they are now.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The keys in order.
    pub fn keys(&self) -> Vec<Str> {
        self.entries.borrow().iter().map(|(key, _)| key.clone()).collect()
    }

    /// Reads the entries without copying them; `read` must not change the map.
    pub fn with<T>(&self, read: impl FnOnce(&Entries) -> T) -> T {
        read(&self.entries.borrow())
    }

    /// Whether two maps are the same one.
    pub fn is(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }

    /// A map of its own with the same values.
    pub fn shallow_copy(&self) -> Map {
        Map::from_entries(self.kind, self.entries.borrow().clone())
    }

    /// A map of its own down to the leaves.
    pub fn deep_copy(&self) -> Map {
        match Value::Map(self.clone()).deep_copy() {
            Value::Map(copy) => copy,
            _ => self.clone(),
        }
    }
}

impl Default for Map {
    fn default() -> Map {
        Map::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_are_those_of_a_map_in_the_order_of_its_keys(
            keys in prop::collection::vec("[ab\\x00]{0,10}", 0..12),
            asked in "[ab\\x00]{0,10}",
        ) {
            let numbered = || keys.iter().zip(0..);
            let expected: std::collections::BTreeMap<&str, i64> =
                numbered().map(|(key, at)| (key.as_str(), at)).collect();
            let entries = numbered().map(|(key, at)| (Str::from(key.as_str()), Value::Int(at)));
            let inserted = Map::new();
            entries.clone().for_each(|(key, value)| inserted.insert(key, value));
            for map in [Map::from_entries(MapType::Any, entries.collect()), inserted] {
                let found: Vec<Str> = map.keys();
                let keys: Vec<Str> = expected.keys().map(|key| Str::from(*key)).collect();
                prop_assert_eq!(found, keys);
                let value = |value: Option<Value>| match value {
                    Some(Value::Int(number)) => Some(number),
                    _ => None,
                };
                for key in expected.keys().copied().chain([asked.as_str()]) {
                    prop_assert_eq!(value(map.get(key.as_bytes())), expected.get(key).copied());
                }
            }
        }
    }
}
