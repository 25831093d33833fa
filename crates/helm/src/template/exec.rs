//! The interpreter: walks a template's nodes and writes what they print.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::{Branch, Command, Declared, Node, Operand, Pipe, Position};
use super::error::{CallError, ExecError};
use super::handle::List;
use super::source::{Template, Written};
use super::tree::Tree;
use super::{TemplateSet, parse_templates};
use crate::go::format::print_value;
use crate::go::{Str, Value};

/// What is printed for no value, and taken out of what a chart's file gives.
pub const NO_VALUE: &[u8] = b"<no value>";

/// Calls of templates within each other: deeper is a template that calls itself for ever.
const MAX_DEPTH: usize = 20_000;
/// Helm's bound on how often one name may be included within itself.
const MAX_INCLUDES: usize = 1_000;

/// What a key that a map has not means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The zero value of the map's elements: nothing.
    Zero,
    /// An error: Helm's strict mode.
    Error,
}

/// What functions can ask of the world outside.
pub trait Environment {
    /// The objects of a cluster, by apiVersion, kind, namespace and name; an empty name
    /// lists them. Offline there are none.
    ///
    /// # Errors
    /// The cluster did not answer.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let _ = (api_version, kind, namespace, name);
        Ok(Value::Map(crate::go::Map::new()))
    }
}

struct Offline;
impl Environment for Offline {}

/// One run of a set of templates: on one thread, with one set of values.
pub struct Execution<'s> {
    set: &'s TemplateSet,
    /// What calls of `tpl` that are under way have defined, the innermost last.
    scopes: Vec<FxHashMap<Str, Arc<Template>>>,
    missing: Missing,
    pub(super) stack: Vec<Value>,
    depth: usize,
    /// How often each template is included within itself, by its address.
    includes: FxHashMap<usize, usize>,
    parsed: FxHashMap<Str, Arc<[Arc<Template>]>>,
    /// Where nothing prints at the moment.
    spare: Vec<Vec<u8>>,
    environment: &'s dyn Environment,
}

/// How a list of nodes ended.
#[derive(PartialEq, Eq)]
pub(super) enum Flow {
    Through,
    Break,
    Continue,
}

pub(super) type Failed = Box<ExecError>;

/// The template that runs, and where its variables are.
#[derive(Clone, Copy)]
pub(super) struct Frame<'t> {
    pub(super) template: &'t Template,
    pub(super) base: usize,
}

/// A piece of a template, for messages.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Pipe(&'t Pipe),
    Command(&'t Command),
    Operand(&'t Operand),
    Template(Position, &'t Str),
}

impl At<'_> {
    fn position(&self) -> Position {
        match self {
            At::Pipe(pipe) => pipe.position,
            At::Command(command) => command.head.position,
            At::Operand(operand) => operand.position,
            At::Template(position, _) => *position,
        }
    }

    fn print(&self, written: Written<'_>) -> String {
        let mut out = String::new();
        match self {
            At::Pipe(pipe) => pipe.print(written, &mut out),
            At::Command(command) => command.print(written, &mut out),
            At::Operand(operand) => operand.print(written, &mut out),
            At::Template(_, name) => {
                out = format!("{{{{template {}}}}}", crate::go::quote::quote(name.as_bytes(), '"', false));
            }
        }
        out
    }
}

impl<'t> Frame<'t> {
    /// The nodes of this frame's template.
    pub(super) fn tree(self) -> &'t Tree {
        &self.template.tree
    }

    /// An error at a piece of this frame's template.
    #[cold]
    pub(super) fn error(&self, at: At<'_>, message: impl Into<String>) -> Failed {
        let position = at.position();
        let (line, column) = self.template.source.location(position);
        Box::new(ExecError {
            file: Arc::clone(&self.template.source.name),
            line,
            column,
            template: Arc::clone(&self.template.name),
            context: at.print(self.template.written()),
            message: message.into(),
            hint: None,
            cause: None,
        })
    }
}

impl<'s> Execution<'s> {
    /// A run that knows no cluster.
    pub fn new(set: &'s TemplateSet, missing: Missing) -> Execution<'s> {
        Execution::within(set, missing, &Offline)
    }

    /// A run that can ask its environment.
    pub fn within(set: &'s TemplateSet, missing: Missing, environment: &'s dyn Environment) -> Execution<'s> {
        Execution {
            set,
            scopes: Vec::new(),
            missing,
            stack: Vec::new(),
            depth: 0,
            includes: FxHashMap::default(),
            parsed: FxHashMap::default(),
            spare: Vec::new(),
            environment,
        }
    }

    /// What is outside.
    pub fn environment(&self) -> &'s dyn Environment {
        self.environment
    }

    /// Whether a key that is missing is an error.
    pub(super) fn missing(&self) -> Missing {
        self.missing
    }

    /// Runs a template of the set and gives what it prints.
    ///
    /// # Errors
    /// Where and why it failed; nothing of what it printed is kept.
    pub fn run(&mut self, name: &str, dot: Value) -> Result<Str, Box<ExecError>> {
        let Some(template) = self.find(name.as_bytes()) else {
            return Err(Box::new(ExecError {
                file: name.into(),
                line: 0,
                column: 0,
                template: name.into(),
                context: String::new(),
                message: "no such template".to_owned(),
                hint: None,
                cause: None,
            }));
        };
        self.printed(&template, dot)
    }

    fn find(&self, name: &[u8]) -> Option<Arc<Template>> {
        let scoped = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        scoped.or_else(|| self.set.get(name)).cloned()
    }

    /// What a template prints. Where it prints to is used again: to let texts grow where
    /// nothing was before is a good part of the time that it takes to print them.
    fn printed(&mut self, template: &Template, dot: Value) -> Result<Str, Failed> {
        let mut out = self.spare.pop().unwrap_or_default();
        let printed = self.call(template, dot, &mut out).map(|()| Str::from(out.as_slice()));
        out.clear();
        self.spare.push(out);
        printed
    }

    fn call(&mut self, template: &Template, dot: Value, out: &mut Vec<u8>) -> Result<(), Failed> {
        let base = self.stack.len();
        self.stack.resize(base + template.slots, Value::Invalid);
        self.stack[base] = dot.clone();
        self.depth += 1;
        let frame = Frame { template, base };
        let result = stacker::maybe_grow(512 << 10, 4 << 20, || self.walk(frame, &dot, template.body, out));
        self.depth -= 1;
        self.stack.truncate(base);
        result.map(|_| ())
    }

    /// `include`: what the template of this name prints.
    pub(crate) fn include(&mut self, name: &Str, dot: Value) -> Result<Value, CallError> {
        let Some(template) = self.find(name.as_bytes()) else {
            let quoted = crate::go::quote::quote(name.as_bytes(), '"', false);
            return Err(CallError::Message(format!(
                "template: no template {quoted} associated with template \"gotpl\""
            )));
        };
        self.bound_depth()?;
        let address = Arc::as_ptr(&template).addr();
        let count = self.includes.entry(address).or_insert(0);
        if *count > MAX_INCLUDES {
            return Err(CallError::Message(format!(
                "rendering template has a nested reference name: {name}: unable to execute template"
            )));
        }
        *count += 1;
        let result = self.printed(&template, dot);
        if let Some(count) = self.includes.get_mut(&address) {
            *count -= 1;
        }
        result.map(Value::String).map_err(CallError::Exec)
    }

    fn bound_depth(&self) -> Result<(), CallError> {
        if self.depth >= MAX_DEPTH {
            return Err(CallError::Message(format!("exceeded maximum template depth ({MAX_DEPTH})")));
        }
        Ok(())
    }

    /// `tpl`: what this text prints as a template.
    pub(crate) fn tpl(&mut self, text: &Str, dot: Value) -> Result<Value, CallError> {
        self.bound_depth()?;
        // Text without an action is what most values that pass through `tpl` are.
        if memchr::memmem::find(text.as_bytes(), b"{{").is_none() {
            return Ok(Value::String(without_no_value(text)));
        }
        let templates = match self.parsed.get(text) {
            Some(templates) => Arc::clone(templates),
            None => {
                let parsed = parse_templates(&"gotpl".into(), text)
                    .map_err(|error| CallError::Parse(text.to_text().into_owned(), error))?;
                let parsed: Arc<[Arc<Template>]> = parsed.into_iter().map(Arc::new).collect();
                self.parsed.insert(text.clone(), Arc::clone(&parsed));
                parsed
            }
        };
        let mut scope = FxHashMap::default();
        let (main, defined) = match templates.split_last() {
            Some((main, defined)) => (main, defined),
            None => return Ok(Value::text("")),
        };
        for template in defined {
            let name = Str::from(&*template.name);
            if !(template.is_empty() && self.find(name.as_bytes()).is_some()) {
                scope.insert(name, Arc::clone(template));
            }
        }
        self.scopes.push(scope);
        let result = self.printed(main, dot);
        self.scopes.pop();
        let printed = result.map_err(|error| CallError::Tpl(text.to_text().into_owned(), error))?;
        Ok(Value::String(without_no_value(&printed)))
    }

    fn walk(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        nodes: List<Node>,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Failed> {
        let tree = frame.tree();
        for node in tree.list(nodes) {
            let flow = match node {
                Node::Text(span) => {
                    out.extend_from_slice(frame.template.source.piece(*span));
                    continue;
                }
                Node::Action(pipe) => {
                    let pipe = tree.get(*pipe);
                    let value = self.pipe(frame, dot, pipe)?;
                    if matches!(pipe.declares, Declared::Nothing) {
                        print(out, &value);
                    }
                    continue;
                }
                Node::If(branch) => {
                    let branch = tree.get(*branch);
                    let value = self.pipe(frame, dot, &branch.pipe)?;
                    let chosen = if value.is_true() { branch.body } else { branch.otherwise };
                    self.walk(frame, dot, chosen, out)?
                }
                Node::With(branch) => {
                    let branch = tree.get(*branch);
                    let value = self.pipe(frame, dot, &branch.pipe)?;
                    if value.is_true() {
                        self.walk(frame, &value, branch.body, out)?
                    } else {
                        self.walk(frame, dot, branch.otherwise, out)?
                    }
                }
                Node::Range(branch) => self.range(frame, dot, tree.get(*branch), out)?,
                Node::Template(position, name, pipe) => {
                    let name = tree.get(*name);
                    let pipe = pipe.map(|pipe| tree.get(pipe));
                    self.template(frame, dot, At::Template(*position, name), name, pipe, out)?;
                    continue;
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            };
            if flow != Flow::Through {
                return Ok(flow);
            }
        }
        Ok(Flow::Through)
    }

    fn template(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        at: At<'_>,
        name: &Str,
        pipe: Option<&Pipe>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let Some(template) = self.find(name.as_bytes()) else {
            let quoted = crate::go::quote::quote(name.as_bytes(), '"', false);
            return Err(frame.error(at, format!("template {quoted} not defined")));
        };
        if let Err(error) = self.bound_depth() {
            return Err(frame.error(at, error.to_string()));
        }
        let value = match pipe {
            Some(pipe) => self.pipe(frame, dot, pipe)?,
            None => Value::Invalid,
        };
        self.call(&template, value, out)
    }

    fn range(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        branch: &Branch,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Failed> {
        let Branch { pipe, body, otherwise } = branch;
        // The variables are set by each round, not by the pipeline.
        let value = self.commands(frame, dot, pipe)?;
        let base = frame.base;
        let mut round = |run: &mut Self, index: Value, element: Value| {
            match &pipe.declares {
                Declared::Nothing => {}
                Declared::One(only) => run.stack[base + only.slot as usize] = element.clone(),
                Declared::Two(first, second) => {
                    run.stack[base + first.slot as usize] = index;
                    run.stack[base + second.slot as usize] = element.clone();
                }
            }
            run.walk(frame, &element, *body, out)
        };
        let mut rounds = 0usize;
        match &value {
            Value::Invalid | Value::Nil => {}
            Value::List(list) => {
                for (at, element) in list.iter().enumerate() {
                    rounds += 1;
                    if round(self, Value::Int(index(at)), element.clone())? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Bytes(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    rounds += 1;
                    let byte = Value::Uint(crate::go::UintKind::U8, u64::from(*byte));
                    if round(self, Value::Int(index(at)), byte)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, element) in map.entries() {
                    rounds += 1;
                    if round(self, Value::String(key), element)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Int(_) | Value::Int64(_) | Value::Uint(..) => {
                let (count, make): (u64, fn(u64) -> Value) = match value {
                    Value::Int(count) => (u64::try_from(count).unwrap_or(0), |n| {
                        Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
                    }),
                    Value::Int64(count) => (u64::try_from(count).unwrap_or(0), |n| {
                        Value::Int64(i64::try_from(n).unwrap_or(i64::MAX))
                    }),
                    Value::Uint(_, count) => (count, |n| Value::Uint(crate::go::UintKind::U64, n)),
                    _ => (0, |_| Value::Invalid),
                };
                if matches!(pipe.declares, Declared::Two(..)) {
                    let mut shown = Vec::new();
                    print_value(&mut shown, &value);
                    let shown = String::from_utf8_lossy(&shown).into_owned();
                    return Err(frame.error(
                        At::Pipe(pipe),
                        format!("can't use {shown} to iterate over more than one variable"),
                    ));
                }
                for n in 0..count {
                    rounds += 1;
                    if round(self, Value::Invalid, make(n))? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Object(object) if object.entries().is_some() => {
                for (key, element) in object.entries().unwrap_or_default() {
                    rounds += 1;
                    if round(self, Value::String(key), element)? == Flow::Break {
                        break;
                    }
                }
            }
            other => {
                let mut shown = Vec::new();
                print_value(&mut shown, other);
                let shown = String::from_utf8_lossy(&shown).into_owned();
                return Err(frame.error(At::Pipe(pipe), format!("range can't iterate over {shown}")));
            }
        }
        if rounds > 0 {
            return Ok(Flow::Through);
        }
        self.walk(frame, dot, *otherwise, out)
    }
}

fn index(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

fn print(out: &mut Vec<u8>, value: &Value) {
    if value.is_nil() {
        out.extend_from_slice(NO_VALUE);
    } else {
        print_value(out, value);
    }
}

/// Text without `<no value>`, as Helm gives what a template printed.
pub(crate) fn without_no_value(text: &Str) -> Str {
    let bytes = text.as_bytes();
    let Some(first) = find(bytes, NO_VALUE) else { return text.clone() };
    let mut out = Vec::with_capacity(bytes.len());
    let (mut rest, mut next) = (bytes, Some(first));
    while let Some(at) = next {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + NO_VALUE.len()..];
        next = find(rest, NO_VALUE);
    }
    out.extend_from_slice(rest);
    out.into()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}
