//! `logweir cred`: who may use Logplex.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::{Api, id, table};
use crate::{
    exit::{Failure, print},
    front::{Where, escaped},
};

/// Below it are the pages of operators.
const CREDS: &str = "/api/logplex/creds";

/// Arguments of `logweir cred`.
#[derive(Args, Debug)]
pub struct CredArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: CredVerb,
}

/// What can be done with credentials.
#[derive(Debug, Subcommand)]
pub enum CredVerb {
    /// Make a credential; a password that is not given is made up and printed
    #[command(after_help = "\
Examples:
  logweir cred create local --password password --grant full_api --grant any_channel
  logweir cred create shipper --grant channel:1")]
    Create(CreateArgs),
    /// Let a credential do more
    #[command(after_help = "Example:\n  logweir cred grant shipper channel:2")]
    Grant(GrantArgs),
    /// Let a credential do less
    #[command(after_help = "Example:\n  logweir cred revoke shipper channel:2")]
    Revoke(GrantArgs),
    /// Show all credentials, without their passwords
    #[command(after_help = "Example:\n  logweir cred list")]
    List(ListArgs),
    /// Remove a credential
    #[command(after_help = "Example:\n  logweir cred rm shipper")]
    Rm(OneArgs),
}

/// Arguments of `logweir cred create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Its id [default: made up]
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Its password [default: made up]
    #[arg(
        long,
        env = "LOGWEIR_CRED_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<String>,
    /// A name for people
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What it may do: full_api, any_channel or channel:ID; may be repeated
    #[arg(long, value_name = "GRANT")]
    pub grant: Vec<String>,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir cred grant` and `revoke`.
#[derive(Args, Debug)]
pub struct GrantArgs {
    /// Its id
    #[arg(value_name = "ID")]
    pub id: String,
    /// What it may do: full_api, any_channel or channel:ID
    #[arg(value_name = "GRANT", required = true)]
    pub grant: Vec<String>,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir cred list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `logweir cred rm`.
#[derive(Args, Debug)]
pub struct OneArgs {
    /// Its id
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Asks, and prints what is to be known.
pub async fn run(args: CredArgs) -> Result<(), Failure> {
    let text = match args.verb {
        CredVerb::Create(args) => create(&args).await?,
        CredVerb::Grant(args) => {
            let path = format!("{CREDS}/{}/grants", escaped(&args.id));
            let body = json!({ "grants": args.grant });
            let api = Api::new(&args.place)?;
            api.done(Method::POST, &path, Some(&body)).await?;
            String::new()
        }
        CredVerb::Revoke(args) => {
            let api = Api::new(&args.place)?;
            for grant in &args.grant {
                let (id, grant) = (escaped(&args.id), escaped(grant));
                let path = format!("{CREDS}/{id}/grants/{grant}");
                api.done(Method::DELETE, &path, None).await?;
            }
            String::new()
        }
        CredVerb::List(args) => {
            let all = Api::new(&args.place)?.ask(Method::GET, CREDS, None).await?;
            match args.json {
                true => format!("{all}\n"),
                false => listed(&all),
            }
        }
        CredVerb::Rm(args) => {
            let path = format!("{CREDS}/{}", escaped(&args.id));
            let api = Api::new(&args.place)?;
            api.done(Method::DELETE, &path, None).await?;
            String::new()
        }
    };
    print(text.as_bytes())
}

async fn create(args: &CreateArgs) -> Result<String, Failure> {
    let mut body = json!({ "grants": args.grant });
    for (field, value) in [
        ("id", &args.id),
        ("pass", &args.password),
        ("name", &args.name),
    ] {
        if let Some(value) = value {
            body[field] = value.as_str().into();
        }
    }
    let api = Api::new(&args.place)?;
    let made = api.ask(Method::POST, CREDS, Some(&body)).await?;
    let id = id(&made["id"]);
    // One that was made up is said this once.
    Ok(match made["pass"].as_str() {
        Some(password) => format!("{id}:{password}\n"),
        None => format!("{id}\n"),
    })
}

fn listed(all: &serde_json::Value) -> String {
    let mut lines = vec![["ID", "NAME", "GRANTS"].map(String::from)];
    lines.extend(all["creds"].as_array().into_iter().flatten().map(|cred| {
        let grants = cred["grants"].as_array().into_iter().flatten();
        let grants: Vec<_> = grants.map(id).collect();
        let name = cred["name"].as_str().unwrap_or_default();
        [id(&cred["id"]), name.to_owned(), grants.join(",")]
    }));
    table(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_listed_with_what_they_may() {
        let all = json!({"creds": [
            {"id": "local", "name": "Local-Test", "grants": ["any_channel", "full_api"]},
            {"id": "x", "name": "", "grants": []},
        ]});
        assert_eq!(
            listed(&all),
            "ID     NAME        GRANTS\nlocal  Local-Test  any_channel,full_api\nx\n"
        );
    }
}
