//! Pieces of templates as Go prints them in messages.

use super::ast::{Command, Declared, Operand, Pipe, Term};
use super::handle::{Id, List};
use super::source::Written;
use crate::go::Str;

fn fields(written: Written<'_>, names: List<Id<Str>>, out: &mut String) {
    for name in written.tree.list(names) {
        out.push('.');
        out.push_str(&written.tree.get(*name).to_text());
    }
}

impl Pipe {
    /// The pipeline as Go prints it in messages.
    pub fn print(&self, written: Written<'_>, out: &mut String) {
        let tree = written.tree;
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
            command.print(written, out);
        }
    }
}

impl Command {
    /// The command as Go prints it in messages.
    pub fn print(&self, written: Written<'_>, out: &mut String) {
        for (at, operand) in std::iter::once(&self.head).chain(written.tree.list(self.arguments)).enumerate()
        {
            if at > 0 {
                out.push(' ');
            }
            operand.print_grouped(written, out);
        }
    }
}

impl Operand {
    /// The word among others: a pipeline in parentheses.
    fn print_grouped(&self, written: Written<'_>, out: &mut String) {
        if let Term::Pipe(pipe) = &self.kind {
            out.push('(');
            written.tree.get(*pipe).print(written, out);
            out.push(')');
        } else {
            self.print(written, out);
        }
    }

    /// The word as Go prints it in messages.
    pub fn print(&self, written: Written<'_>, out: &mut String) {
        match &self.kind {
            Term::Dot => out.push('.'),
            Term::Nil => out.push_str("nil"),
            Term::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Term::Number(number) => out.push_str(&written.tree.get(*number).text),
            Term::Text(quoted, _) => out.push_str(&String::from_utf8_lossy(written.source.piece(*quoted))),
            Term::Field(names) => fields(written, *names, out),
            Term::Variable(_, names) => {
                if let Some(name) = written.tree.list(*names).first() {
                    out.push_str(&written.tree.get(*name).to_text());
                }
                fields(written, names.rest(), out);
            }
            Term::Chain(inner, names) => {
                written.tree.get(*inner).print_grouped(written, out);
                fields(written, *names, out);
            }
            Term::Function(function) => out.push_str(function.name),
            Term::Pipe(pipe) => written.tree.get(*pipe).print(written, out),
        }
    }
}
