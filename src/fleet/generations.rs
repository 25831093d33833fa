//! What was made before, for as long as it is used.

use std::collections::HashMap;

/// A map that keeps what the current and the last round used.
#[derive(Debug)]
pub struct Generations<K, V> {
    current: HashMap<K, V>,
    last: HashMap<K, V>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Generations { current: HashMap::new(), last: HashMap::new() }
    }
}

impl<K: std::hash::Hash + Eq + Clone, V: Clone> Generations<K, V> {
    /// The value of a key, which the current round uses now.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.current.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.last.remove_entry(key)?;
        self.current.insert(key, value.clone());
        Some(value)
    }

    /// Takes in the value of a key.
    pub fn insert(&mut self, key: K, value: V) {
        self.current.insert(key, value);
    }

    /// Forgets what the round that ends here has not used.
    pub fn finish_round(&mut self) {
        self.last = std::mem::take(&mut self.current);
    }
}
