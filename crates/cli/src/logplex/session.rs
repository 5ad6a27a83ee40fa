//! `logweir session`: a URL that shows the lines of a channel for some minutes.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{Api, id};
use crate::{
    exit::{Failure, print},
    front::Where,
};

/// Arguments of `logweir session`.
#[derive(Args, Debug)]
pub struct SessionArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: SessionVerb,
}

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// Make a session, and print its URL: whoever has it may read
    #[command(after_help = "\
Examples:
  curl $(logweir session create 1)
  curl -N $(logweir session create 1 --tail --ps web)")]
    Create(CreateArgs),
}

/// Which lines.
#[derive(Args, Clone, Debug)]
pub struct Wanted {
    /// How many of the last lines
    #[arg(short = 'n', long, value_name = "N", default_value = "100")]
    pub num: u32,
    /// Go on with what comes
    #[arg(short, long)]
    pub tail: bool,
    /// Only lines of this source: the name of a token
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<String>,
    /// Only lines of this process, or of all processes of this type
    #[arg(short, long, value_name = "PS")]
    pub ps: Option<String>,
}

/// Arguments of `logweir session create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Id of the channel
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
    /// Which lines.
    #[command(flatten)]
    pub wanted: Wanted,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Asks, and prints the URL.
pub async fn run(args: SessionArgs) -> Result<(), Failure> {
    let SessionVerb::Create(args) = args.verb;
    let api = Api::new(&args.place)?;
    let url = create(&api, &args.channel, &args.wanted).await?;
    print(format!("{url}\n").as_bytes())
}

/// The URL of a new session.
pub(super) async fn create(api: &Api, channel: &str, wanted: &Wanted) -> Result<String, Failure> {
    let body = wanted.body(channel);
    let made = api.ask(Method::POST, "/v2/sessions", Some(&body)).await?;
    Ok(id(&made["url"]))
}

impl Wanted {
    fn body(&self, channel: &str) -> Value {
        let mut body = json!({ "channel_id": channel, "num": self.num.to_string() });
        if self.tail {
            // Its presence says it.
            body["tail"] = true.into();
        }
        for (name, value) in [("source", &self.source), ("ps", &self.ps)] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wanted_is_not_said() {
        let mut wanted = Wanted {
            num: 5,
            tail: false,
            source: None,
            ps: None,
        };
        assert_eq!(wanted.body("1"), json!({"channel_id": "1", "num": "5"}));
        wanted.tail = true;
        wanted.ps = Some("web".into());
        let body = json!({"channel_id": "1", "num": "5", "tail": true, "ps": "web"});
        assert_eq!(wanted.body("1"), body);
    }
}
