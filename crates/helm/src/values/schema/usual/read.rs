//! From JSON straight to rules: what is not usual is an error, which says nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Counted, Reference, Rule, Scalar, Schema, Types, Usual};

impl Usual {
    /// That of a file; None if it says what is not usual, or is no schema.
    pub(in super::super) fn read(text: &str) -> Option<Usual> {
        let usual = Usual(serde_json::from_str(text).ok()?);
        usual.is_whole().then_some(usual)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Word {
    #[serde(rename = "$schema")]
    Dialect,
    #[serde(rename = "$id")]
    Id,
    #[serde(rename = "$ref")]
    Reference,
    #[serde(rename = "$defs")]
    Defs,
    Definitions,
    Type,
    Enum,
    Properties,
    AdditionalProperties,
    Required,
    MinProperties,
    MaxProperties,
    Items,
    MinItems,
    MaxItems,
    MinLength,
    MaxLength,
    Minimum,
    Maximum,
    Format,
    AllOf,
    AnyOf,
    OneOf,
    Not,
    If,
    Then,
    Else,
    /// A word that says something to people.
    #[serde(rename = "$comment", alias = "title", alias = "description")]
    Note,
    Examples,
    #[serde(alias = "readOnly", alias = "writeOnly")]
    Deprecated,
    /// A word that some dialect knows.
    #[serde(
        rename = "$anchor",
        alias = "$dynamicAnchor",
        alias = "$dynamicRef",
        alias = "$recursiveAnchor",
        alias = "$recursiveRef",
        alias = "$vocabulary",
        alias = "additionalItems",
        alias = "const",
        alias = "contains",
        alias = "contentEncoding",
        alias = "contentMediaType",
        alias = "contentSchema",
        alias = "dependencies",
        alias = "dependentRequired",
        alias = "dependentSchemas",
        alias = "exclusiveMaximum",
        alias = "exclusiveMinimum",
        alias = "id",
        alias = "maxContains",
        alias = "minContains",
        alias = "multipleOf",
        alias = "pattern",
        alias = "patternProperties",
        alias = "prefixItems",
        alias = "propertyNames",
        alias = "unevaluatedItems",
        alias = "unevaluatedProperties",
        alias = "uniqueItems"
    )]
    Unusual,
    /// A default, or a word that says nothing to any dialect.
    #[serde(other)]
    Ignored,
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schema, D::Error> {
        deserializer.deserialize_any(SchemaVisitor)
    }
}

struct SchemaVisitor;

impl<'de> Visitor<'de> for SchemaVisitor {
    type Value = Schema;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema")
    }

    fn visit_bool<E>(self, anything: bool) -> Result<Schema, E> {
        Ok(if anything { Schema::Anything } else { Schema::Nothing })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut words: A) -> Result<Schema, A::Error> {
        let mut rule = Rule::default();
        while let Some(word) = words.next_key::<Word>()? {
            rule.read(&word, &mut words)?;
        }
        Ok(Schema::Rule(Box::new(rule)))
    }
}

impl Rule {
    /// What a word says. The last counts where it is there twice, as in every JSON.
    fn read<'de, A: MapAccess<'de>>(&mut self, word: &Word, said: &mut A) -> Result<(), A::Error> {
        match word {
            Word::Dialect => {
                said.next_value::<Dialect>()?;
                self.is_root = true;
            }
            Word::Id => {
                said.next_value::<Id>()?;
                self.is_root = true;
            }
            Word::Reference => self.reference = Some(said.next_value()?),
            Word::Definitions => self.definitions = said.next_value()?,
            Word::Defs => self.defs = said.next_value()?,
            Word::Type => self.types = said.next_value()?,
            Word::Enum => self.choices = Some(filled(said.next_value()?)?),
            Word::Properties => self.properties = said.next_value()?,
            Word::AdditionalProperties => self.additional = said.next_value()?,
            Word::Required => self.required = said.next_value::<Names>()?.0,
            Word::MinProperties => self.size(Counted::Properties).least = said.next_value()?,
            Word::MaxProperties => self.size(Counted::Properties).most = said.next_value()?,
            Word::Items => self.items = said.next_value()?,
            Word::MinItems => self.size(Counted::Items).least = said.next_value()?,
            Word::MaxItems => self.size(Counted::Items).most = said.next_value()?,
            Word::MinLength => self.size(Counted::Characters).least = said.next_value()?,
            Word::MaxLength => self.size(Counted::Characters).most = said.next_value()?,
            Word::Minimum => self.minimum = said.next_value()?,
            Word::Maximum => self.maximum = said.next_value()?,
            Word::Format => {
                said.next_value::<Text<'_>>()?;
                self.has_format = true;
            }
            Word::AllOf => self.all_of = filled(said.next_value()?)?,
            Word::AnyOf => self.any_of = filled(said.next_value()?)?,
            Word::OneOf => self.one_of = filled(said.next_value()?)?,
            Word::Not => self.not = said.next_value()?,
            Word::If => self.condition = Some(said.next_value()?),
            Word::Then => self.then = said.next_value()?,
            Word::Else => self.otherwise = said.next_value()?,
            Word::Note => {
                said.next_value::<Text<'_>>()?;
            }
            Word::Examples => {
                said.next_value::<Vec<IgnoredAny>>()?;
            }
            Word::Deprecated => {
                said.next_value::<bool>()?;
            }
            Word::Unusual => return Err(A::Error::custom("an unusual word")),
            Word::Ignored => {
                said.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn size(&mut self, counted: Counted) -> &mut super::Size {
        &mut self.sizes[counted as usize]
    }
}

fn filled<T, E: Error>(list: Vec<T>) -> Result<Vec<T>, E> {
    if list.is_empty() { Err(E::custom("an empty list")) } else { Ok(list) }
}

/// A text, without a copy where it can be.
#[derive(serde::Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

/// The dialects in which booleans are schemas and all words above mean the same. Charts
/// also name none of them, which stands for the newest.
struct Dialect;

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
        match Text::deserialize(deserializer)?.0.trim_end_matches('#') {
            "http://json-schema.org/draft-07/schema"
            | "https://json-schema.org/draft/2019-09/schema"
            | "https://json-schema.org/draft/2020-12/schema"
            | "http://json-schema.org/schema"
            | "https://json-schema.org/schema"
            | "https://json-schema.org/draft-07/schema" => Ok(Dialect),
            _ => Err(D::Error::custom("an unusual dialect")),
        }
    }
}

/// The name of the schema as a whole; references without a name stay in it.
struct Id;

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
        match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.chars().all(plain) => {
                Ok(Id)
            }
            _ => Err(D::Error::custom("an unusual name")),
        }
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let plain = |name: &str| !name.is_empty() && !name.contains(['/', '~', '%']);
        if text == "#" {
            return Ok(Reference::Root);
        }
        match text.strip_prefix('#').and_then(|path| path.rsplit_once('/')) {
            Some(("/definitions", name)) if plain(name) => Ok(Reference::Definitions(name.to_owned())),
            Some(("/$defs", name)) if plain(name) => Ok(Reference::Defs(name.to_owned())),
            _ => Err(D::Error::custom("an unusual reference")),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl From<Type> for Types {
    fn from(name: Type) -> Types {
        match name {
            Type::Null => Types::NULL,
            Type::Boolean => Types::BOOLEAN,
            Type::Integer => Types::INTEGER,
            Type::Number => Types::NUMBER,
            Type::String => Types::STRING,
            Type::Array => Types::ARRAY,
            Type::Object => Types::OBJECT,
        }
    }
}

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Types, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Names {
            One(Type),
            Several(Vec<Type>),
        }
        let names = match Names::deserialize(deserializer)? {
            Names::One(name) => vec![name],
            Names::Several(names) => filled(names)?,
        };
        names.into_iter().map(Types::from).try_fold(Types(0), |types, name| {
            // A number may be an integer, and both may be named.
            if types.0 & name.0 == name.0 {
                Err(D::Error::custom("twice"))
            } else {
                Ok(Types(types.0 | name.0))
            }
        })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Any {
            Null,
            Boolean(bool),
            Number(f64),
            Text(String),
        }
        match Any::deserialize(deserializer)? {
            Any::Null => Ok(Scalar::Null),
            Any::Boolean(flag) => Ok(Scalar::Boolean(flag)),
            Any::Number(number) if number.abs() < super::EXACT => Ok(Scalar::Number(number)),
            Any::Number(_) => Err(D::Error::custom("a large number")),
            Any::Text(text) => Ok(Scalar::Text(text)),
        }
    }
}

/// Names, each of them once.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let all_differ = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        if all_differ { Ok(Names(names)) } else { Err(D::Error::custom("twice")) }
    }
}
