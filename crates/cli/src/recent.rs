//! `logweir recent`: the last lines of a source.

use std::{io::Write, path::Path};

use bytes::{Bytes, BytesMut};
use clap::Args;
use http::{HeaderValue, Request, StatusCode, header};
use logweir_client::v2;
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_wire::{convert::v1_to_v2, multipart};
use prost::Message;

use crate::{
    exit::Failure,
    locate::{Connection, Door},
    tail::{FormatArg, output::Format},
};

/// Arguments of `logweir recent`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir recent my-app                       what is remembered of an app, oldest first
  logweir recent my-app --limit 20 --json     its last 20 lines, one envelope a line
  logweir recent my-app --format cf           as `cf logs --recent` prints it
  logweir recent $GUID --url https://doppler.sys.example:443 --token \"$(cf oauth-token)\"

The exit code is 0 also where nothing is remembered, 69 when no logweir was found.")]
pub struct RecentArgs {
    /// Whose lines
    #[arg(value_name = "SOURCE_ID")]
    pub source_id: String,
    /// The newest N lines [default: as many as the server keeps]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Print the gateway's JSON, one envelope a line
    #[arg(long)]
    pub json: bool,
    /// Print to the space as another program does
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with = "json")]
    pub format: Option<FormatArg>,
    /// Where to ask: a traffic controller's address
    #[arg(long, env = "LOGWEIR_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Who may read: sent as it is, after `bearer` if it has no scheme
    #[arg(
        long,
        env = "LOGWEIR_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// How to find the running system.
    #[command(flatten)]
    pub connection: Connection,
}

impl RecentArgs {
    fn request(&self) -> Result<Request<body::Body>, Failure> {
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.connection.address(Door::Http)?),
        };
        let mut url = format!("{base}/apps/{}/recentlogs", escaped(&self.source_id));
        if let Some(limit) = self.limit {
            url.push_str(&format!("?limit={limit}"));
        }
        let mut request = Request::get(&url);
        if let Some(token) = &self.token {
            let token = match token.contains(' ') {
                true => token.clone(),
                false => format!("bearer {token}"),
            };
            let mut value = HeaderValue::try_from(token)
                .map_err(|_| Failure::new("the token has bytes that no header can hold"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let wrong = |_| Failure::new(format!("`{base}` is no address: write https://HOST:PORT"));
        request.body(body::empty()).map_err(wrong)
    }
}

/// Asks once, and prints what is remembered.
pub async fn run(args: RecentArgs) -> Result<(), Failure> {
    let client = client(args.connection.ca.as_deref())?;
    let answer = client.send(args.request()?).await.map_err(|error| {
        Failure::unavailable(format!(
            "{error}; is it running? start one with `logweir run`, or give --url"
        ))
    })?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => {
            return Err(Failure::new("the server wants a token: give --token"));
        }
        StatusCode::NOT_FOUND => {
            let id = &args.source_id;
            return Err(Failure::new(format!(
                "there is no source {id}, or not for this token"
            )));
        }
        status => return Err(Failure::new(format!("the server answers {status}"))),
    }
    let content_type = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let envelopes = read(content_type, answer.body())?;
    let format = Format::chosen(args.format, args.json);
    let mut out = Vec::new();
    for envelope in &envelopes {
        format.write(envelope, &mut out);
    }
    match std::io::stdout().write_all(&out) {
        // Whoever read our output has enough of it.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

fn client(ca: Option<&Path>) -> Result<HttpClient, Failure> {
    let verify = match ca {
        Some(_) => Verify::Ca,
        None => Verify::SystemRoots,
    };
    let tls = ClientTls::load(ca, None, verify, &[], Alpn::HttpAll).map_err(Failure::new)?;
    Ok(HttpClient::new(
        Some(tls),
        None,
        HttpClientSettings::default(),
    ))
}

fn read(content_type: &str, body: &Bytes) -> Result<Vec<v2::Envelope>, Failure> {
    let unreadable =
        |error: String| Failure::new(format!("the server's answer is unreadable: {error}"));
    let parts =
        multipart::parts(content_type, body).map_err(|error| unreadable(error.to_string()))?;
    let mut envelopes = Vec::with_capacity(parts.len());
    for part in parts {
        let mut converted = BytesMut::new();
        v1_to_v2(part, &mut converted).map_err(|error| unreadable(error.to_string()))?;
        let envelope = v2::Envelope::decode(converted.freeze());
        envelopes.push(envelope.map_err(|error| unreadable(error.to_string()))?);
    }
    Ok(envelopes)
}

/// An id as one segment of a path: everything but RFC 3986's unreserved characters is
/// escaped.
fn escaped(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        recent: RecentArgs,
    }

    fn request(arguments: &[&str]) -> Request<body::Body> {
        let arguments = [&["recent", "--url", "https://tc:443/"], arguments].concat();
        match Cli::parse_from(arguments).recent.request() {
            Ok(request) => request,
            Err(failure) => panic!("{}", failure.message),
        }
    }

    #[test]
    fn the_id_and_the_limit_become_part_of_the_url() {
        let uri = |arguments: &[&str]| request(arguments).uri().to_string();
        assert_eq!(uri(&["app"]), "https://tc:443/apps/app/recentlogs");
        assert_eq!(
            uri(&["a b/ü?", "--limit", "5"]),
            "https://tc:443/apps/a%20b%2F%C3%BC%3F/recentlogs?limit=5"
        );
    }

    #[test]
    fn a_token_without_a_scheme_gets_one() {
        for (given, sent) in [("abc", "bearer abc"), ("Bearer abc", "Bearer abc")] {
            let request = request(&["app", "--token", given]);
            assert_eq!(request.headers()[header::AUTHORIZATION], sent);
        }
        assert!(!request(&["app"]).headers().contains_key("authorization"));
    }

    #[test]
    fn parts_become_envelopes() {
        let envelope = v1_log("hello");
        let mut body = BytesMut::new();
        let mut writer = multipart::Writer::new([7; 30]);
        let content_type = writer.content_type();
        writer.part(&envelope, &mut body);
        writer.end(&mut body);
        let Ok(read) = read(&content_type, &body.freeze()) else {
            panic!("unreadable");
        };
        assert_eq!(read[0].source_id, "app");
        assert_eq!(read[0].tags["source_type"], "APP");
        assert!(super::read("text/html", &Bytes::new()).is_err());
    }

    /// The bytes of a V1 log of `app`: origin, type, and the log with its required fields.
    fn v1_log(message: &str) -> Vec<u8> {
        let length = u8::try_from(message.len()).unwrap();
        let mut log = [&[0x0A, length], message.as_bytes()].concat();
        log.extend_from_slice(b"\x10\x01\x18\x01\x22\x03app\x2a\x03APP");
        let mut envelope = b"\x0a\x01x\x10\x05\x42".to_vec();
        envelope.push(u8::try_from(log.len()).unwrap());
        envelope.extend_from_slice(&log);
        envelope
    }
}
