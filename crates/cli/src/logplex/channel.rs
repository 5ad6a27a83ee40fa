//! `logweir channel`: where the lines of one app go.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{Api, id, is_number, table};
use crate::{
    exit::{Failure, print},
    front::{Where, escaped},
};

/// Arguments of `logweir channel`.
#[derive(Args, Debug)]
pub struct ChannelArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: ChannelVerb,
}

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub enum ChannelVerb {
    /// Make a channel, and tokens to write to it
    #[command(after_help = "\
Examples:
  logweir channel create app heroku             with a number for an id and two tokens
  logweir channel create --id app-7f3a app      with an id of your own
  logweir channel create --source my-app app    the lines of a V2 source too")]
    Create(CreateArgs),
    /// Show a channel: its tokens and its drains
    #[command(after_help = "Example:\n  logweir channel show 1")]
    Show(OneArgs),
    /// Show which channels there are
    #[command(after_help = "Example:\n  logweir channel list")]
    List(ListArgs),
    /// Remove a channel with its tokens and drains
    #[command(after_help = "Example:\n  logweir channel rm 1")]
    Rm(OneArgs),
    /// Refuse tails or history to a channel, or give it a V2 source
    #[command(after_help = "\
Examples:
  logweir channel set 1 --no-tail true
  logweir channel set 1 --source my-app")]
    Set(SetArgs),
}

/// Arguments of `logweir channel create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Names of its tokens, which are the sources of its lines
    #[arg(value_name = "TOKEN")]
    pub tokens: Vec<String>,
    /// A name for people
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    pub name: Option<String>,
    /// Its id [default: a number]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The V2 source that the channel is
    #[arg(long, value_name = "SOURCE_ID")]
    pub source: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir channel show` and `rm`.
#[derive(Args, Debug)]
pub struct OneArgs {
    /// Its id
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir channel list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print the API's JSON, a channel a line
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir channel set`.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// Its id
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
    /// End tails after the history, with L20
    #[arg(long, value_name = "BOOL")]
    pub no_tail: Option<bool>,
    /// Keep no history
    #[arg(long, value_name = "BOOL")]
    pub no_redis: Option<bool>,
    /// The V2 source that the channel is; "" for none but itself
    #[arg(long, value_name = "SOURCE_ID")]
    pub source: Option<String>,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Asks, and prints what is to be known.
pub async fn run(args: ChannelArgs) -> Result<(), Failure> {
    let text = match args.verb {
        ChannelVerb::Create(args) => {
            let made = create(&args).await?;
            shown(&made, args.json)
        }
        ChannelVerb::Show(args) => {
            let api = Api::new(&args.place)?;
            let path = Api::channel(&args.channel)?;
            let channel = api.ask(Method::GET, &path, None).await?;
            shown(&channel, args.json)
        }
        ChannelVerb::List(args) => {
            let channels = all(&Api::new(&args.place)?).await?;
            match args.json {
                true => channels.iter().map(|one| format!("{one}\n")).collect(),
                false => listed(&channels),
            }
        }
        ChannelVerb::Rm(args) => {
            let api = Api::new(&args.place)?;
            let path = Api::channel(&args.channel)?;
            api.done(Method::DELETE, &path, None).await?;
            String::new()
        }
        ChannelVerb::Set(args) => {
            let api = Api::new(&args.place)?;
            let path = format!("/api/logplex/channels/{}", escaped(&args.channel));
            let body = args.body();
            api.done(Method::PUT, &path, Some(&body)).await?;
            String::new()
        }
    };
    print(text.as_bytes())
}

async fn create(args: &CreateArgs) -> Result<Value, Failure> {
    let api = Api::new(&args.place)?;
    let mut body = json!({ "tokens": args.tokens });
    if let Some(source) = &args.source {
        body["source"] = source.as_str().into();
    }
    match &args.id {
        Some(id) if is_number(id) => Err(Failure::new(
            "ids that are numbers are given by the server: leave --id out",
        )),
        Some(id) => {
            let path = Api::channel(id)?;
            api.ask(Method::PUT, &path, Some(&body)).await
        }
        None => {
            if let Some(name) = &args.name {
                body["name"] = name.as_str().into();
            }
            api.ask(Method::POST, "/channels", Some(&body)).await
        }
    }
}

/// Every channel, on as many pages as it takes.
async fn all(api: &Api) -> Result<Vec<Value>, Failure> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let mut path = "/api/logplex/channels?limit=1000".to_owned();
        if let Some(last) = all.last() {
            path.push_str(&format!("&after={}", escaped(&id(&last["id"]))));
        }
        let page = api.ask(Method::GET, &path, None).await?;
        let page = page["channels"].as_array().cloned().unwrap_or_default();
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn listed(channels: &[Value]) -> String {
    let mut lines = vec![["ID", "NAME", "SOURCE", "FLAGS"].map(String::from)];
    lines.extend(channels.iter().map(|channel| {
        let flags = ["no_tail", "no_redis"];
        let flags = flags.into_iter().filter(|flag| channel[flag] == true);
        let flags: Vec<_> = flags.collect();
        let name = channel["name"].as_str().unwrap_or_default();
        [
            id(&channel["id"]),
            name.to_owned(),
            id(&channel["source"]),
            flags.join(","),
        ]
    }));
    table(&lines)
}

impl SetArgs {
    fn body(&self) -> Value {
        let mut body = json!({});
        for (name, value) in [("no_tail", self.no_tail), ("no_redis", self.no_redis)] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        if let Some(source) = &self.source {
            body["source"] = source.as_str().into();
        }
        body
    }
}

fn shown(channel: &Value, json: bool) -> String {
    match json {
        true => format!("{channel}\n"),
        false => facts(channel),
    }
}

/// A channel of v1, v2 or v3, a fact on a line.
fn facts(channel: &Value) -> String {
    let named = match &channel["channel_id"] {
        Value::Null => &channel["channel"],
        number => number,
    };
    let mut out = format!("channel  {}\n", id(named));
    let mut line = |what: &str, of: &str, is: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{what:<9}{of}  {is}");
    };
    match &channel["tokens"] {
        // v1's and v3's form, …
        Value::Object(tokens) => tokens
            .iter()
            .for_each(|(name, token)| line("token", name, &id(token))),
        // … and v2's.
        Value::Array(tokens) => tokens
            .iter()
            .for_each(|token| line("token", &id(&token["name"]), &id(&token["token"]))),
        _ => {}
    }
    for drain in channel["drains"].as_array().into_iter().flatten() {
        let url = drain["url"].as_str().unwrap_or("(reserved)");
        let to = format!("{}  {url}", id(&drain["token"]));
        line("drain", &id(&drain["id"]), &to);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apis_show_a_channel_alike() {
        let v1 = json!({"channel_id": 1, "tokens": {"app": "t.1"}});
        assert_eq!(facts(&v1), "channel  1\ntoken    app  t.1\n");
        let v2 = json!({"channel_id": 1, "tokens": [{"name": "app", "token": "t.1"}],
            "drains": [{"id": 7, "token": "d.1", "url": "syslog://h:601"}]});
        assert_eq!(
            facts(&v2),
            "channel  1\ntoken    app  t.1\ndrain    7  d.1  syslog://h:601\n"
        );
        let v3 = json!({"channel": "app-1"});
        assert_eq!(facts(&v3), "channel  app-1\n");
        let none = json!({"channel_id": 2, "tokens": []});
        assert_eq!(facts(&none), "channel  2\n");
    }

    #[test]
    fn channels_are_listed_with_what_is_refused_to_them() {
        let channels = [
            json!({"id": "1", "name": "", "source": "my-app", "no_tail": true, "no_redis": true}),
            json!({"id": "app-1", "name": "n", "source": "app-1", "no_tail": false}),
        ];
        assert_eq!(
            listed(&channels),
            "ID     NAME  SOURCE  FLAGS\n1            my-app  no_tail,no_redis\napp-1  n     app-1\n"
        );
    }

    #[test]
    fn numbers_are_for_v2() {
        assert_eq!(Api::channel("12").unwrap(), "/v2/channels/12");
        assert_eq!(Api::channel("app 1/x").unwrap(), "/v3/channels/app%201%2Fx");
        assert!(Api::channel("").is_err());
    }
}
