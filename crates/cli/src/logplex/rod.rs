//! `logweir rod`: what an operator switches off, on every node at once.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::{Api, id};
use crate::{
    exit::{Failure, print},
    front::Where,
};

const RODS: &str = "/api/logplex/rods";

/// Arguments of `logweir rod`.
#[derive(Args, Debug)]
pub struct RodArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: RodVerb,
}

/// What can be done with control rods.
#[derive(Debug, Subcommand)]
pub enum RodVerb {
    /// Show every control rod
    #[command(after_help = "Example:\n  logweir rod show")]
    Show(ShowArgs),
    /// Set control rods
    #[command(after_help = "\
Examples:
  logweir rod set legacy_api=read_only api=read_only
  logweir rod set deny_logs_ingress=true

api and legacy_api are normal, read_only or disabled; the others true or false.")]
    Set(SetArgs),
    /// End every tail
    #[command(after_help = "Example:\n  logweir rod kill-tails")]
    KillTails(KillArgs),
}

/// Arguments of `logweir rod kill-tails`.
#[derive(Args, Debug)]
pub struct KillArgs {
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir rod show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir rod set`.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// What is to be how
    #[arg(value_name = "ROD=VALUE", required = true)]
    pub rods: Vec<String>,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Asks, and prints what is to be known.
pub async fn run(args: RodArgs) -> Result<(), Failure> {
    let (json, rods) = match args.verb {
        RodVerb::Show(args) => {
            let rods = Api::new(&args.place)?.ask(Method::GET, RODS, None).await?;
            (args.json, rods)
        }
        RodVerb::Set(args) => {
            let body = said(&args.rods)?;
            let api = Api::new(&args.place)?;
            (false, api.ask(Method::PUT, RODS, Some(&body)).await?)
        }
        RodVerb::KillTails(args) => {
            let path = format!("{RODS}/kill_tail_sessions");
            let api = Api::new(&args.place)?;
            return api.done(Method::POST, &path, Some(&json!({}))).await;
        }
    };
    let text = match json {
        true => format!("{rods}\n"),
        false => shown(&rods),
    };
    print(text.as_bytes())
}

fn said(rods: &[String]) -> Result<Value, Failure> {
    let mut body = Map::new();
    for rod in rods {
        let (name, value) = rod.split_once('=').ok_or_else(|| {
            Failure::new(format!("`{rod}` says not how: write it as {rod}=VALUE"))
        })?;
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.into(),
        };
        body.insert(name.to_owned(), value);
    }
    Ok(Value::Object(body))
}

fn shown(rods: &Value) -> String {
    let mut out = String::new();
    for (name, value) in rods.as_object().into_iter().flatten() {
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{name:<22}  {}", id(value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rods_are_true_or_false_or_a_word() {
        let rods = [
            "api=read_only".to_owned(),
            "deny_logs_ingress=true".to_owned(),
        ];
        let body = said(&rods).unwrap();
        assert_eq!(body, json!({"api": "read_only", "deny_logs_ingress": true}));
        assert!(said(&["api".to_owned()]).is_err());
        assert_eq!(
            shown(&body),
            "api                     read_only\ndeny_logs_ingress       true\n"
        );
    }
}
