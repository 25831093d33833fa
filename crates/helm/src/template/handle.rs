//! Handles by which nodes refer to others: places in the arrays of a tree.

use std::marker::PhantomData;

/// One element.
pub struct Id<T>(u32, PhantomData<fn() -> T>);

/// Elements that follow each other.
pub struct List<T> {
    start: u32,
    end: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    /// The elements between two places.
    pub(super) fn between(start: u32, end: u32) -> List<T> {
        List { start, end, of: PhantomData }
    }

    /// Their places.
    pub(super) fn places(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// All but the first.
    pub fn rest(self) -> List<T> {
        List { start: self.end.min(self.start + 1), ..self }
    }

    /// How many there are.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl<T> Id<T> {
    /// The element at a place.
    pub(super) fn at(place: u32) -> Id<T> {
        Id(place, PhantomData)
    }

    /// Its place.
    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Id<T> {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> Clone for List<T> {
    fn clone(&self) -> List<T> {
        *self
    }
}

impl<T> Copy for List<T> {}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { start: 0, end: 0, of: PhantomData }
    }
}

impl<T> std::fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl<T> std::fmt::Debug for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}..{}", self.start, self.end)
    }
}
