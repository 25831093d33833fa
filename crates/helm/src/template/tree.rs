//! Where the nodes of sources are: each kind of them in one array, and children as ranges
//! of such arrays. Charts have tens of thousands of nodes: they lie close together, and no
//! list of them is allocated or freed by itself.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::{Branch, Command, Node, Number, Operand, Pipe};
use super::handle::{Id, List};
use crate::go::Str;

/// All nodes of the templates of some sources.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    branches: Vec<Branch>,
    pipes: Vec<Pipe>,
    commands: Vec<Command>,
    operands: Vec<Operand>,
    numbers: Vec<Number>,
    names: Vec<Id<Str>>,
    texts: Vec<Str>,
}

/// What is in one of the arrays.
pub trait InTree: Sized {
    /// The array.
    fn array(tree: &Tree) -> &Vec<Self>;
    /// The same, to be added to.
    fn array_mut(tree: &mut Tree) -> &mut Vec<Self>;
}

macro_rules! in_tree {
    ($($kind:ty: $array:ident),*) => {$(
        impl InTree for $kind {
            fn array(tree: &Tree) -> &Vec<$kind> {
                &tree.$array
            }

            fn array_mut(tree: &mut Tree) -> &mut Vec<$kind> {
                &mut tree.$array
            }
        }
    )*};
}

in_tree!(
    Node: nodes, Branch: branches, Pipe: pipes, Command: commands, Operand: operands,
    Number: numbers, Id<Str>: names, Str: texts
);

impl Tree {
    /// An element.
    pub fn get<T: InTree>(&self, id: Id<T>) -> &T {
        // Ids come from `add` of the same tree.
        &T::array(self)[id.place()]
    }

    /// Elements.
    pub fn list<T: InTree>(&self, list: List<T>) -> &[T] {
        T::array(self).get(list.places()).unwrap_or_default()
    }

    /// Gives back the room for more.
    fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.branches.shrink_to_fit();
        self.pipes.shrink_to_fit();
        self.commands.shrink_to_fit();
        self.operands.shrink_to_fit();
        self.numbers.shrink_to_fit();
        self.names.shrink_to_fit();
        self.texts.shrink_to_fit();
    }
}

/// A tree that grows while sources are parsed into it, one after the other.
#[derive(Debug, Default)]
pub struct Growing {
    tree: Tree,
    kept: FxHashMap<Str, Id<Str>>,
    numbers: FxHashMap<Box<str>, Id<Number>>,
}

impl Growing {
    /// An empty one with room for what sources of so many bytes have, if they are dense: it
    /// is not moved while it grows, and takes no memory before it is used.
    pub fn with_room(bytes: usize) -> Growing {
        let room = bytes / 32;
        let tree = Tree {
            nodes: Vec::with_capacity(room),
            branches: Vec::with_capacity(room / 4),
            pipes: Vec::with_capacity(room / 2),
            commands: Vec::with_capacity(room),
            operands: Vec::with_capacity(room),
            numbers: Vec::new(),
            names: Vec::with_capacity(room),
            texts: Vec::new(),
        };
        Growing { tree, kept: FxHashMap::default(), numbers: FxHashMap::default() }
    }

    /// As it is until now.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Adds an element. There are fewer than the sources have bytes, so 32 bits hold their
    /// number.
    pub fn add<T: InTree>(&mut self, element: T) -> Id<T> {
        let place = self.len::<T>();
        T::array_mut(&mut self.tree).push(element);
        Id::at(place)
    }

    /// How many elements of a kind there are.
    pub fn len<T: InTree>(&self) -> u32 {
        T::array(&self.tree).len() as u32
    }

    /// All elements of a kind from a place on.
    pub fn list_from<T: InTree>(&self, start: u32) -> List<T> {
        List::between(start, self.len::<T>())
    }

    /// Adds elements that follow each other.
    pub fn add_list<T: InTree + Copy>(&mut self, elements: &[T]) -> List<T> {
        let start = self.len::<T>();
        T::array_mut(&mut self.tree).extend_from_slice(elements);
        self.list_from(start)
    }

    /// A name or a constant; each text is kept once.
    pub fn keep(&mut self, text: &[u8]) -> Id<Str> {
        if let Some(known) = self.kept.get(text) {
            return *known;
        }
        let text = Str::from(text);
        let id = self.add(text.clone());
        self.kept.insert(text, id);
        id
    }

    /// A number; each is kept once.
    pub fn keep_number(&mut self, text: &str, read: impl FnOnce() -> Option<Number>) -> Option<Id<Number>> {
        if let Some(known) = self.numbers.get(text) {
            return Some(*known);
        }
        let id = self.add(read()?);
        self.numbers.insert(text.into(), id);
        Some(id)
    }

    /// The tree once all is parsed.
    pub fn grown(mut self) -> Arc<Tree> {
        self.tree.shrink();
        Arc::new(self.tree)
    }
}
