//! Pieces of templates as Go prints them in messages.

use super::ast::{Command, Declared, Operand, Pipe, Term};
use super::handle::{Id, List};
use super::source::Source;
use crate::go::Str;

fn fields(source: &Source, names: List<Id<Str>>, out: &mut String) {
    for name in source.tree.list(names) {
        out.push('.');
        out.push_str(&source.tree.get(*name).to_text());
    }
}

impl Pipe {
    /// The pipeline as Go prints it in messages.
    pub fn print(&self, source: &Source, out: &mut String) {
        let tree = &source.tree;
        let variables = match &self.declares {
            Declared::Nothing => String::new(),
            Declared::One(only) => tree.get(only.name).to_string(),
            Declared::Two(first, second) => format!("{}, {}", tree.get(first.name), tree.get(second.name)),
        };
        out.push_str(&variables);
        if !variables.is_empty() {
            out.push_str(if self.assigns { " = " } else { " := " });
        }
        for (at, command) in tree.list(self.commands).iter().enumerate() {
            if at > 0 {
                out.push_str(" | ");
            }
            command.print(source, out);
        }
    }
}

impl Command {
    /// The command as Go prints it in messages.
    pub fn print(&self, source: &Source, out: &mut String) {
        for (at, operand) in std::iter::once(&self.head).chain(source.tree.list(self.arguments)).enumerate() {
            if at > 0 {
                out.push(' ');
            }
            operand.print_grouped(source, out);
        }
    }
}

impl Operand {
    /// The word among others: a pipeline in parentheses.
    fn print_grouped(&self, source: &Source, out: &mut String) {
        if let Term::Pipe(pipe) = &self.kind {
            out.push('(');
            source.tree.get(*pipe).print(source, out);
            out.push(')');
        } else {
            self.print(source, out);
        }
    }

    /// The word as Go prints it in messages.
    pub fn print(&self, source: &Source, out: &mut String) {
        match &self.kind {
            Term::Dot => out.push('.'),
            Term::Nil => out.push_str("nil"),
            Term::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Term::Number(number) => out.push_str(&source.tree.get(*number).text),
            Term::Text(quoted, _) => out.push_str(&String::from_utf8_lossy(source.piece(*quoted))),
            Term::Field(names) => fields(source, *names, out),
            Term::Variable(_, names) => {
                if let Some(name) = source.tree.list(*names).first() {
                    out.push_str(&source.tree.get(*name).to_text());
                }
                fields(source, names.rest(), out);
            }
            Term::Chain(inner, names) => {
                source.tree.get(*inner).print_grouped(source, out);
                fields(source, *names, out);
            }
            Term::Function(function) => out.push_str(function.name),
            Term::Pipe(pipe) => source.tree.get(*pipe).print(source, out),
        }
    }
}
