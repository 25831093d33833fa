//! Schemas that use the usual words only: types, properties, choices, bounds, alternatives.
//!
//! Almost all schemas of charts are such, and almost all values are allowed. That is seen
//! here while the values are walked once; to make a validator ready takes longer than to
//! parse all templates. Only a yes counts: what is refused, and every other word of JSON
//! Schema, is for the validator, and so is every message.

mod allow;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// A schema of usual words, all of which say what the meta-schema wants them to say.
///
/// The words are those that mean the same from draft 7 of JSON Schema to 2020-12.
#[derive(Debug)]
pub(super) struct Usual(Schema);

#[derive(Debug)]
enum Schema {
    /// `true`
    Anything,
    /// `false`
    Nothing,
    Rule(Box<Rule>),
}

/// What a schema that is an object says.
#[derive(Debug)]
struct Rule {
    /// It says what only the outermost may.
    is_root: bool,
    reference: Option<Reference>,
    definitions: BTreeMap<String, Schema>,
    defs: BTreeMap<String, Schema>,
    types: Types,
    choices: Option<Vec<Scalar>>,
    properties: BTreeMap<String, Schema>,
    additional: Schema,
    required: Vec<String>,
    /// How many properties, items and characters there may be.
    sizes: [Size; 3],
    items: Schema,
    minimum: f64,
    maximum: f64,
    /// Texts are of a format, which the validator knows.
    has_format: bool,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Schema,
    condition: Option<Schema>,
    then: Schema,
    otherwise: Schema,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            is_root: false,
            reference: None,
            definitions: BTreeMap::new(),
            defs: BTreeMap::new(),
            types: Types::ALL,
            choices: None,
            properties: BTreeMap::new(),
            additional: Schema::Anything,
            required: Vec::new(),
            sizes: [Size::ANY; 3],
            items: Schema::Anything,
            minimum: f64::NEG_INFINITY,
            maximum: f64::INFINITY,
            has_format: false,
            all_of: Vec::new(),
            any_of: Vec::new(),
            one_of: Vec::new(),
            not: Schema::Nothing,
            condition: None,
            then: Schema::Anything,
            otherwise: Schema::Anything,
        }
    }
}

/// Where a `$ref` points to.
#[derive(Debug)]
enum Reference {
    Root,
    Definitions(String),
    Defs(String),
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Counted {
    Properties,
    Items,
    Characters,
}

#[derive(Debug, Clone, Copy)]
struct Size {
    least: u64,
    most: u64,
}

impl Size {
    const ANY: Size = Size { least: 0, most: u64::MAX };
}

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const NULL: Types = Types(1);
    const BOOLEAN: Types = Types(1 << 1);
    const INTEGER: Types = Types(1 << 2);
    /// Numbers that are no integers.
    const FRACTION: Types = Types(1 << 3);
    const NUMBER: Types = Types(Types::INTEGER.0 | Types::FRACTION.0);
    const STRING: Types = Types(1 << 4);
    const ARRAY: Types = Types(1 << 5);
    const OBJECT: Types = Types(1 << 6);
    const ALL: Types = Types((1 << 7) - 1);

    fn has_any(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }
}

/// A value that a choice may be.
#[derive(Debug, PartialEq)]
enum Scalar {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
}

/// Numbers below are the same as integers and as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Usual {
    /// Whether all that is referred to is there, and only the outermost says what
    /// it alone may.
    fn is_whole(&self) -> bool {
        self.0.within(&mut |schema| match schema {
            Schema::Rule(rule) => {
                rule.reference.as_ref().is_none_or(|reference| reference.target(&self.0).is_some())
                    && (!rule.is_root || std::ptr::eq(schema, &self.0))
            }
            Schema::Anything | Schema::Nothing => true,
        })
    }
}

impl Schema {
    /// Whether something holds for this and all schemas within.
    fn within(&self, holds: &mut impl FnMut(&Schema) -> bool) -> bool {
        let Schema::Rule(rule) = self else { return holds(self) };
        let tables = [&rule.definitions, &rule.defs, &rule.properties].into_iter().flat_map(BTreeMap::values);
        let lists = [&rule.all_of, &rule.any_of, &rule.one_of].into_iter().flatten();
        let inner = tables.chain(lists).chain(&rule.condition);
        let mut inner = inner.chain([&rule.additional, &rule.items, &rule.not, &rule.then, &rule.otherwise]);
        holds(self) && inner.all(|schema| schema.within(holds))
    }
}

impl Reference {
    /// What it points to, if that is there.
    fn target<'r>(&self, root: &'r Schema) -> Option<&'r Schema> {
        match (self, root) {
            (Reference::Root, root) => Some(root),
            (Reference::Definitions(name), Schema::Rule(rule)) => rule.definitions.get(name),
            (Reference::Defs(name), Schema::Rule(rule)) => rule.defs.get(name),
            (_, Schema::Anything | Schema::Nothing) => None,
        }
    }
}
