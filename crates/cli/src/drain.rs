//! `logweir drain`: the drains of a running system.

mod request;
mod show;

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use crate::{
    exit::{self, Failure},
    front::Where,
    logplex::drain as logplex,
};

use request::Drains;

/// Arguments of `logweir drain`.
#[derive(Args, Debug)]
pub struct DrainArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: DrainVerb,
}

/// What can be done with drains.
#[derive(Debug, Subcommand)]
pub enum DrainVerb {
    /// Deliver the envelopes of one source, or of all, to a URL
    #[command(after_help = "\
Examples:
  logweir drain add --source-id my-app syslog-tls://logs.example:6514
  logweir drain add 'https-batch://logs.example/in?drain-data=all&logweir-gzip=true'
  logweir drain add syslog://10.0.0.5:514                            every source
  logweir drain add --header 'Authorization: Splunk TOKEN' https://hec.example/services/collector/raw
  logweir drain add --channel 1 syslog+tls://logs.example:6514        a Logplex channel's lines")]
    Add(AddArgs),
    /// Show every drain: where to, what it is doing, what it lost
    #[command(after_help = "Example:\n  logweir drain list --json")]
    List(WhichArgs),
    /// Show one drain: its state, last error, lag and losses
    #[command(after_help = "Example:\n  logweir drain show 1f2e3d4c5b6a7988")]
    Show(OneArgs),
    /// Deliver one message to a drain, or to a URL that is none yet
    #[command(after_help = "\
Examples:
  logweir drain test 1f2e3d4c5b6a7988
  logweir drain test syslog-tls://logs.example:6514      before it is added

The exit code is 1 where the message was not delivered.")]
    Test(TestArgs),
    /// Deliver again what a drain's receiver refused for good
    #[command(after_help = "\
Example:
  logweir drain replay 1f2e3d4c5b6a7988

Only drains with logweir-spool=true in their URL keep what is refused.")]
    Replay(OneArgs),
    /// Remove a drain that was added
    #[command(after_help = "Example:\n  logweir drain rm 1f2e3d4c5b6a7988")]
    Rm(RmArgs),
}

/// What a drain is.
#[derive(Args, Debug)]
pub struct Definition {
    /// Whose envelopes [default: those of all sources]
    #[arg(long, value_name = "SOURCE_ID")]
    pub source_id: Option<String>,
    /// HOSTNAME of the messages where envelopes do not say it
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// PEM file of our certificate for this receiver
    #[arg(long, value_name = "FILE", requires = "drain_key")]
    pub drain_cert: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, value_name = "FILE", requires = "drain_cert")]
    pub drain_key: Option<PathBuf>,
    /// PEM file of authorities that vouch for this receiver alone
    #[arg(long, value_name = "FILE")]
    pub drain_ca: Option<PathBuf>,
    /// A header of HTTPS requests, `Name: value`; may be given several times
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
}

/// Arguments of `logweir drain add`.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Where to: syslog://, syslog-tls://, syslog-udp://, https:// or https-batch://; for a
    /// channel syslog://, syslog+tls://, http:// or https://
    #[arg(value_name = "URL")]
    pub to: String,
    /// Deliver the lines of a Logplex channel, as Logplex does
    #[arg(
        long,
        value_name = "CHANNEL",
        conflicts_with_all = ["source_id", "hostname", "drain_cert", "drain_key", "drain_ca", "header"]
    )]
    pub channel: Option<String>,
    /// What it is.
    #[command(flatten)]
    pub definition: Definition,
    /// Where the running system is.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir drain list`.
#[derive(Args, Debug)]
pub struct WhichArgs {
    /// The drains of a Logplex channel alone
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
    /// Where the running system is.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir drain rm`.
#[derive(Args, Debug)]
pub struct RmArgs {
    /// The channel that has it, if it is one of a Logplex channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Which one.
    #[command(flatten)]
    pub one: OneArgs,
}

/// Arguments of `logweir drain show` and `replay`.
#[derive(Args, Debug)]
pub struct OneArgs {
    /// The drain, as `logweir drain list` names it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
    /// Where the running system is.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir drain test`.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// The drain, as `logweir drain list` names it, or a URL
    #[arg(value_name = "ID_OR_URL")]
    pub target: String,
    /// What a drain that is none yet would be.
    #[command(flatten)]
    pub definition: Definition,
    /// Where the running system is.
    #[command(flatten)]
    pub place: Where,
}

/// Asks the running system, and prints what it says.
pub async fn run(args: DrainArgs) -> Result<(), Failure> {
    let text = match args.verb {
        DrainVerb::Add(args) if args.channel.is_some() => {
            let channel = args.channel.unwrap_or_default();
            logplex::add(&args.place, &channel, &args.to).await?
        }
        DrainVerb::Add(args) => {
            let definition = args.definition.json(&args.to)?;
            let drains = Drains::new(&args.place)?;
            let made = drains.ask(Method::POST, "", Some(&definition)).await?;
            let id = made["id"].as_str().unwrap_or_default();
            format!("{id}\n")
        }
        DrainVerb::List(args) if args.channel.is_some() => {
            let channel = args.channel.unwrap_or_default();
            logplex::list(&args.place, &channel, args.json).await?
        }
        DrainVerb::List(args) => {
            let drains = Drains::new(&args.place)?;
            let all = drains.ask(Method::GET, "", None).await?;
            match args.json {
                true => format!("{all}\n"),
                false => show::table(&all),
            }
        }
        DrainVerb::Show(args) => {
            let drains = Drains::new(&args.place)?;
            let one = drains.ask(Method::GET, &args.id, None).await?;
            match args.json {
                true => format!("{one}\n"),
                false => show::one(&one),
            }
        }
        DrainVerb::Replay(args) => {
            let drains = Drains::new(&args.place)?;
            let path = format!("{}/replay", args.id);
            let done = drains.ask(Method::POST, &path, None).await?;
            match args.json {
                true => format!("{done}\n"),
                false => format!("{} envelopes wait for delivery again\n", done["replayed"]),
            }
        }
        DrainVerb::Rm(RmArgs {
            channel: Some(channel),
            one,
        }) => {
            logplex::remove(&one.place, &channel, &one.id).await?;
            String::new()
        }
        DrainVerb::Rm(RmArgs { one: args, .. }) => {
            let drains = Drains::new(&args.place)?;
            let gone = drains.ask(Method::DELETE, &args.id, None).await?;
            match args.json {
                true => format!("{gone}\n"),
                false => String::new(),
            }
        }
        DrainVerb::Test(args) => {
            let (path, definition) = match args.target.contains("://") {
                true => ("test".to_owned(), Some(args.definition.json(&args.target)?)),
                false => (format!("{}/test", args.target), None),
            };
            let drains = Drains::new(&args.place)?;
            let result = drains.ask(Method::POST, &path, definition.as_ref());
            tested(&result.await?)?
        }
    };
    exit::print(text.as_bytes())
}

fn tested(result: &Value) -> Result<String, Failure> {
    let url = result["url"].as_str().unwrap_or_default();
    if result["delivered"] == true {
        let took = result["seconds"].as_f64().unwrap_or_default() * 1000.0;
        return Ok(format!("delivered to {url} in {took:.0} ms\n"));
    }
    let error = result["error"].as_str().unwrap_or("it was not delivered");
    Err(Failure::new(format!("{url}: {error}")))
}

impl Definition {
    fn json(&self, url: &str) -> Result<Value, Failure> {
        let mut drain = json!({ "url": url });
        let files = [
            ("cert", &self.drain_cert),
            ("key", &self.drain_key),
            ("ca", &self.drain_ca),
        ];
        for (key, path) in files {
            let Some(path) = path else { continue };
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| {
                let shown = path.display();
                Failure::new(format!("cannot read {shown}: {error}"))
            })?;
            drain[key] = text.into();
        }
        if let Some(source) = &self.source_id {
            drain["source_id"] = source.as_str().into();
        }
        if let Some(hostname) = &self.hostname {
            drain["hostname"] = hostname.as_str().into();
        }
        let mut headers = BTreeMap::new();
        for line in &self.header {
            let (name, value) = line.split_once(':').ok_or_else(|| {
                Failure::new("a header without a colon: write --header 'Name: value'")
            })?;
            headers.insert(name.trim(), value.trim());
        }
        if !headers.is_empty() {
            drain["headers"] = json!(headers);
        }
        Ok(drain)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        drain: DrainArgs,
    }

    #[test]
    fn a_drain_is_said_in_full() {
        let arguments = [
            "drain",
            "add",
            "--source-id",
            "app",
            "--hostname",
            "o.s.a",
            "--header",
            "X-Key: a:b",
            "https://h/",
        ];
        let DrainVerb::Add(args) = Cli::parse_from(arguments).drain.verb else {
            panic!("another verb");
        };
        let Ok(said) = args.definition.json(&args.to) else {
            panic!("refused");
        };
        let expected = json!({
            "url": "https://h/", "source_id": "app", "hostname": "o.s.a",
            "headers": { "X-Key": "a:b" },
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn a_trial_that_failed_says_why() {
        let result = json!({"delivered": false, "url": "syslog://h:1", "error": "refused"});
        let Err(failure) = tested(&result) else {
            panic!("delivered");
        };
        assert_eq!(failure.message, "syslog://h:1: refused");
        let result = json!({"delivered": true, "url": "syslog://h:1", "seconds": 0.0124});
        let Ok(text) = tested(&result) else {
            panic!("not delivered");
        };
        assert_eq!(text, "delivered to syslog://h:1 in 12 ms\n");
    }
}
