//! `logweir token`: the rights to write to a channel.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::{Api, id, table};
use crate::{
    exit::{Failure, print},
    front::{Where, escaped},
};

/// Arguments of `logweir token`.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: TokenVerb,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make one more token of a channel, and print it
    #[command(after_help = "\
Example:
  logweir token create 1 app

Lines that are written with it show the name as their source.")]
    Create(CreateArgs),
    /// Show the tokens of a channel
    #[command(after_help = "Example:\n  logweir token list 1")]
    List(ListArgs),
    /// Remove a token: what is written with it is refused from then on
    #[command(after_help = "Example:\n  logweir token rm 1 t.3b7bcb56-5cfe-4f5b-a8ba-6b1a7f1d4a5e")]
    Rm(RmArgs),
}

/// Arguments of `logweir token create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Id of the channel
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
    /// The source of its lines
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir token list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Id of the channel
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir token rm`.
#[derive(Args, Debug)]
pub struct RmArgs {
    /// Id of the channel
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
    /// The token
    #[arg(value_name = "TOKEN")]
    pub id: String,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Asks, and prints what is to be known.
pub async fn run(args: TokenArgs) -> Result<(), Failure> {
    let text = match args.verb {
        TokenVerb::Create(args) => {
            let api = Api::new(&args.place)?;
            let path = format!("{}/tokens", Api::channel(&args.channel)?);
            let body = json!({ "name": args.name });
            let made = api.ask(Method::POST, &path, Some(&body)).await?;
            format!("{}\n", id(&made["token"]))
        }
        TokenVerb::List(args) => {
            let api = Api::new(&args.place)?;
            let path = Api::channel(&args.channel)?;
            let channel = api.ask(Method::GET, &path, None).await?;
            let mut lines = vec![["NAME", "TOKEN"].map(String::from)];
            if let Some(tokens) = channel["tokens"].as_array() {
                let of = |token: &serde_json::Value| [id(&token["name"]), id(&token["token"])];
                lines.extend(tokens.iter().map(of));
            }
            if let Some(tokens) = channel["tokens"].as_object() {
                lines.extend(tokens.iter().map(|(name, token)| [name.clone(), id(token)]));
            }
            table(&lines)
        }
        TokenVerb::Rm(args) => {
            let api = Api::new(&args.place)?;
            let (channel, token) = (escaped(&args.channel), escaped(&args.id));
            let path = format!("/api/logplex/channels/{channel}/tokens/{token}");
            api.done(Method::DELETE, &path, None).await?;
            String::new()
        }
    };
    print(text.as_bytes())
}
