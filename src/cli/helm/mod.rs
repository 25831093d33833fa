//! `syncline helm`: charts by themselves, without a fleet.

mod template;
mod validate;

use clap::{Args, Subcommand};

use super::{Failure, Verdict};

/// Work with Helm charts, without helm
#[derive(Debug, Args)]
pub(super) struct Helm {
    #[command(subcommand)]
    command: HelmCommand,
}

#[derive(Debug, Subcommand)]
enum HelmCommand {
    Template(Box<template::Template>),
}

impl Helm {
    pub fn run(self) -> Result<Verdict, Failure> {
        match self.command {
            HelmCommand::Template(command) => command.run(),
        }
    }
}
