//! The values of pipelines: constants, fields, variables, and calls with the types of
//! their arguments.

use smallvec::SmallVec;

use super::ast::{Command, Declared, Operand, Pipe, Term};
use super::error::CallError;
use super::exec::{At, Execution, Failed, Frame};
use super::handle::{Id, List};
use crate::functions::{Body, Function, Type};
use crate::go::{Str, Value};

type Arguments = SmallVec<[Value; 4]>;

impl Execution<'_> {
    /// The value of a pipeline; sets the variables that it declares.
    pub(super) fn pipe(&mut self, frame: Frame<'_>, dot: &Value, pipe: &Pipe) -> Result<Value, Failed> {
        let value = self.commands(frame, dot, pipe)?;
        match &pipe.declares {
            Declared::Nothing => {}
            Declared::One(only) => self.stack[frame.base + only.slot as usize] = value.clone(),
            Declared::Two(first, second) => {
                self.stack[frame.base + first.slot as usize] = value.clone();
                self.stack[frame.base + second.slot as usize] = value.clone();
            }
        }
        Ok(value)
    }

    pub(super) fn commands(&mut self, frame: Frame<'_>, dot: &Value, pipe: &Pipe) -> Result<Value, Failed> {
        let mut value: Option<Value> = None;
        for command in frame.tree().list(pipe.commands) {
            let result = self.command(frame, dot, command, value.take())?;
            // What an interface holds, and no value if it holds none.
            value = Some(if matches!(result, Value::Nil) { Value::Invalid } else { result });
        }
        Ok(value.unwrap_or(Value::Invalid))
    }

    fn command(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        command: &Command,
        last: Option<Value>,
    ) -> Result<Value, Failed> {
        let head = &command.head;
        let arguments = frame.tree().list(command.arguments);
        match &head.kind {
            Term::Function(function) => {
                self.function(frame, dot, function, At::Command(command), arguments, last)
            }
            Term::Field(names) => self.chain(frame, dot, dot.clone(), head, *names, arguments, last),
            Term::Chain(inner, names) => {
                let receiver = self.receiver(frame, dot, head, frame.tree().get(*inner))?;
                self.chain(frame, dot, receiver, head, *names, arguments, last)
            }
            Term::Variable(slot, names) => {
                let value = self.stack[frame.base + *slot as usize].clone();
                if names.len() == 1 {
                    self.no_arguments(frame, head, arguments, last.as_ref())?;
                    return Ok(value);
                }
                self.chain(frame, dot, value, head, names.rest(), arguments, last)
            }
            Term::Nil => Err(frame.error(At::Operand(head), "nil is not a command")),
            _ => {
                self.no_arguments(frame, head, arguments, last.as_ref())?;
                self.operand(frame, dot, head)
            }
        }
    }

    fn no_arguments(
        &self,
        frame: Frame<'_>,
        head: &Operand,
        arguments: &[Operand],
        last: Option<&Value>,
    ) -> Result<(), Failed> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        let mut shown = String::new();
        head.print(frame.template.written(), &mut shown);
        Err(frame.error(At::Operand(head), format!("can't give argument to non-function {shown}")))
    }

    fn receiver(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        chain: &Operand,
        inner: &Operand,
    ) -> Result<Value, Failed> {
        if matches!(inner.kind, Term::Nil) {
            let mut shown = String::new();
            chain.print(frame.template.written(), &mut shown);
            return Err(
                frame.error(At::Operand(chain), format!("indirection through explicit nil in {shown}"))
            );
        }
        self.operand(frame, dot, inner)
    }

    /// The value of a word that is no call with arguments.
    fn operand(&mut self, frame: Frame<'_>, dot: &Value, operand: &Operand) -> Result<Value, Failed> {
        match &operand.kind {
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Ok(Value::Invalid),
            Term::Bool(value) => Ok(Value::Bool(*value)),
            Term::Text(_, text) => Ok(Value::String(frame.tree().get(*text).clone())),
            Term::Number(number) => {
                let number = frame.tree().get(*number);
                match (number.is_ideal_float(), number.float, number.int) {
                    (true, Some(float), _) => Ok(Value::Float(float)),
                    (_, _, Some(int)) => Ok(Value::Int(int)),
                    _ => Err(frame.error(At::Operand(operand), format!("{} overflows int", number.text))),
                }
            }
            Term::Field(names) => self.chain(frame, dot, dot.clone(), operand, *names, &[], None),
            Term::Variable(slot, names) => {
                let value = self.stack[frame.base + *slot as usize].clone();
                if names.len() == 1 {
                    return Ok(value);
                }
                self.chain(frame, dot, value, operand, names.rest(), &[], None)
            }
            Term::Chain(inner, names) => {
                let receiver = self.receiver(frame, dot, operand, frame.tree().get(*inner))?;
                self.chain(frame, dot, receiver, operand, *names, &[], None)
            }
            Term::Function(function) => self.function(frame, dot, function, At::Operand(operand), &[], None),
            Term::Pipe(pipe) => self.pipe(frame, dot, frame.tree().get(*pipe)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a call has a place, a receiver and its arguments")]
    fn chain(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        receiver: Value,
        at: &Operand,
        names: List<Id<Str>>,
        arguments: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, Failed> {
        let mut receiver = receiver;
        let tree = frame.tree();
        let names = tree.list(names);
        let Some((name, before)) = names.split_last() else { return Ok(receiver) };
        for (depth, name) in before.iter().enumerate() {
            receiver = self
                .field(frame, receiver, tree.get(*name), None)
                .map_err(|failure| failure.located(frame, at, names, depth))?;
        }
        let mut evaluated = None;
        if !arguments.is_empty() || last.is_some() {
            let mut values = Arguments::new();
            for argument in arguments {
                values.push(self.operand(frame, dot, argument)?);
            }
            values.extend(last);
            evaluated = Some(values);
        }
        self.field(frame, receiver, tree.get(*name), evaluated.as_deref())
            .map_err(|failure| failure.located(frame, at, names, before.len()))
    }

    fn function(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        function: &'static Function,
        at: At<'_>,
        arguments: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, Failed> {
        let name = function.name;
        let given = arguments.len() + usize::from(last.is_some());
        let fixed = function.parameters.len();
        if function.variadic.is_some() {
            if given < fixed {
                let shown = arguments.len();
                let head = At::Operand(head_of(at));
                return Err(frame.error(
                    head_or(at, head),
                    format!("wrong number of args for {name}: want at least {fixed} got {shown}"),
                ));
            }
        } else if given != fixed {
            let head = At::Operand(head_of(at));
            return Err(frame.error(
                head_or(at, head),
                format!("wrong number of args for {name}: want {fixed} got {given}"),
            ));
        }
        if let Body::Logic(stops_at) = function.body {
            return self.logic(frame, dot, arguments, last, stops_at);
        }
        let mut values = Arguments::new();
        let type_of = |position: usize| {
            function.parameters.get(position).copied().or(function.variadic).unwrap_or(Type::Any)
        };
        for (position, argument) in arguments.iter().enumerate() {
            values.push(self.argument(frame, dot, argument, type_of(position))?);
        }
        if let Some(last) = last {
            let wanted = type_of(arguments.len());
            values.push(accept(last, wanted).map_err(|message| {
                // Go stands at the argument that it looked at last.
                let at = arguments.last().map_or(head_or(at, At::Operand(head_of(at))), At::Operand);
                frame.error(at, message)
            })?);
        }
        let result = match &function.body {
            Body::Pure(call) => call(&values).map_err(CallError::Message),
            Body::Running(call) => call(self, &values),
            Body::Logic(_) => return Ok(Value::Invalid),
        };
        result.map_err(|cause| {
            let mut error = frame.error(at, format!("error calling {name}: "));
            error.cause = Some(Box::new(cause));
            error
        })
    }

    /// `and` and `or`: the first argument that decides, and no look at those after it.
    fn logic(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        arguments: &[Operand],
        last: Option<Value>,
        stops_at: bool,
    ) -> Result<Value, Failed> {
        let mut value = Value::Invalid;
        for argument in arguments {
            value = match argument.kind {
                Term::Nil => Value::Nil,
                _ => self.operand(frame, dot, argument)?,
            };
            if value.is_true() == stops_at {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn argument(
        &mut self,
        frame: Frame<'_>,
        dot: &Value,
        argument: &Operand,
        wanted: Type,
    ) -> Result<Value, Failed> {
        let mismatch = |message: String| frame.error(At::Operand(argument), message);
        let shown = || {
            let mut shown = String::new();
            argument.print(frame.template.written(), &mut shown);
            shown
        };
        // Constants take the type that is wanted.
        match (&argument.kind, wanted) {
            (Term::Nil, wanted) if wanted.can_be_nil() => return Ok(Value::Nil),
            (Term::Nil, wanted) => return Err(mismatch(format!("cannot assign nil to {}", wanted.name()))),
            (Term::Number(number), Type::Int | Type::Int64) => {
                let number = frame.tree().get(*number);
                let Some(int) = number.int else {
                    return Err(mismatch(format!("expected integer; found {}", number.text)));
                };
                return Ok(if wanted == Type::Int { Value::Int(int) } else { Value::Int64(int) });
            }
            (Term::Number(number), Type::Float) => {
                let number = frame.tree().get(*number);
                let Some(float) = number.float else {
                    return Err(mismatch(format!("expected float; found {}", number.text)));
                };
                return Ok(Value::Float(float));
            }
            (Term::Text(..) | Term::Bool(_), Type::Int | Type::Int64) => {
                return Err(mismatch(format!("expected integer; found {}", shown())));
            }
            (Term::Text(..) | Term::Bool(_), Type::Float) => {
                return Err(mismatch(format!("expected float; found {}", shown())));
            }
            (Term::Number(_) | Term::Bool(_), Type::String) => {
                return Err(mismatch(format!("expected string; found {}", shown())));
            }
            (Term::Number(_) | Term::Text(..), Type::Bool) => {
                return Err(mismatch(format!("expected bool; found {}", shown())));
            }
            (Term::Number(_) | Term::Text(..) | Term::Bool(_), wanted) if !wanted.takes_constants() => {
                return Err(mismatch(format!("can't handle {} for arg of type {}", shown(), wanted.name())));
            }
            _ => {}
        }
        let value = self.operand(frame, dot, argument)?;
        accept(value, wanted).map_err(mismatch)
    }
}

fn head_of(at: At<'_>) -> &Operand {
    match at {
        At::Command(command) => &command.head,
        At::Operand(operand) => operand,
        At::Pipe(_) | At::Template(..) => {
            unreachable!("functions are called by commands and operands only")
        }
    }
}

fn head_or<'t>(at: At<'t>, head: At<'t>) -> At<'t> {
    match at {
        At::Command(_) => head,
        other => other,
    }
}

/// A value as an argument of a type, by Go's rules of assignment.
fn accept(value: Value, wanted: Type) -> Result<Value, String> {
    if wanted.accepts(&value) {
        return Ok(value);
    }
    match value {
        Value::Invalid if wanted.can_be_nil() => Ok(Value::Nil),
        Value::Invalid => Err(format!("invalid value; expected {}", wanted.name())),
        Value::Nil => Err(format!("wrong type for value; expected {}; got interface {{}}", wanted.name())),
        other => Err(format!("wrong type for value; expected {}; got {}", wanted.name(), other.type_name())),
    }
}
