//! `logweir config …`.

use std::process::ExitCode;

use anyhow::Context;

use crate::{
    args::ConfigCommand,
    config::{load, reference, show},
    console,
    failure::{BAD_CONFIGURATION, Failure},
    start::Flags,
};

/// Runs the verb.
pub(crate) fn run(command: ConfigCommand) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Check { role, open } => match Flags::open(role, open).read() {
            Ok(_) => {
                console::out("configuration is sound");
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                for problem in &error.0 {
                    console::err(&problem.to_string());
                }
                Ok(ExitCode::from(BAD_CONFIGURATION))
            }
        },
        ConfigCommand::Show(args) => {
            let sources = load::Sources::gather(args.config.as_deref())?;
            let loaded = load::load(&sources)?;
            let text = show::show(&loaded.settings).context("cannot write the settings as TOML")?;
            console::out(text.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Reference => {
            console::out(reference::page().trim_end());
            Ok(ExitCode::SUCCESS)
        }
    }
}
