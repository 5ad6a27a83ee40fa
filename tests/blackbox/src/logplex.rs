//! Logplex as its clients see it: channels, tokens and sessions over plain HTTP/1.1.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    patience::{eventually, within},
    process::{Process, logweir},
    system::System,
};

/// The key that the settings of these tests give to the API.
pub const KEY: &str = "KEY";

/// An answer over HTTP/1.1, its body unchunked.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The words after the status.
    pub reason: String,
    /// With names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Sends a request on a connection of its own and reads the answer to the end.
///
/// # Panics
/// When there is no answer.
pub async fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let has = |name: &str| headers.iter().any(|one| one.0.eq_ignore_ascii_case(name));
    if !body.is_empty() && !has("transfer-encoding") {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    within("an answer", async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // The answer may come before all is written.
        let _ = stream.write_all(&bytes).await;
        read_answer(&mut stream).await
    })
    .await
}

/// Reads one answer, to the end of its body.
///
/// # Panics
/// When it is not whole.
pub async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut all = Vec::new();
    loop {
        if let Some(answer) = parse(&all, false) {
            return answer;
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            let text = String::from_utf8_lossy(&all);
            return parse(&all, true).unwrap_or_else(|| panic!("no whole answer: {text}"));
        }
        all.extend_from_slice(&buffer[..read]);
    }
}

fn parse(bytes: &[u8], ended: bool) -> Option<Answer> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..at]).ok()?;
    let mut lines = head.split("\r\n");
    let mut status = lines.next()?.splitn(3, ' ').skip(1);
    let code: u16 = status.next()?.parse().ok()?;
    let reason = status.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &bytes[at + 4..];
    let body = if headers.get("transfer-encoding").map(String::as_str) == Some("chunked") {
        unchunked(rest)?
    } else if let Some(length) = headers.get("content-length") {
        rest.get(..length.parse().ok()?)?.to_vec()
    } else if code == 204 || code == 304 {
        Vec::new()
    } else {
        ended.then(|| rest.to_vec())?
    };
    Some(Answer {
        status: code,
        reason,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The data of a whole chunked body.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = std::str::from_utf8(&rest[..end]).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        let data = rest.get(end + 2..end + 2 + length)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(data);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}

/// `Basic base64(user:password)`.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Each message after its length.
pub fn frames<T: AsRef<str>>(messages: impl IntoIterator<Item = T>) -> String {
    let frame = |message: T| format!("{} {}", message.as_ref().len(), message.as_ref());
    messages.into_iter().map(frame).collect()
}

/// A channel and the tokens by which it is written to.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Token ids by their names.
    pub tokens: BTreeMap<String, String>,
}

impl Channel {
    /// The token of a name.
    ///
    /// # Panics
    /// When there is none.
    pub fn token(&self, name: &str) -> &str {
        &self.tokens[name]
    }
}

/// A running Logplex, by its doors.
pub struct Logplex {
    /// `host:port` of v1, v2 and sessions.
    pub api: String,
    /// `host:port` of v3.
    pub v3: String,
    /// `host:port` of `POST /logs`.
    pub input: String,
    /// `host:port` of the syslog door.
    pub syslog: String,
    /// `host:port` of the metrics page.
    pub status: String,
    /// `logweir run`, if that is what it is.
    pub system: Option<System>,
    /// The role, if that is what it is.
    pub role: Option<Process>,
    _data: Option<tempfile::TempDir>,
}

impl Logplex {
    /// `logweir run`, all of Logplex on its front door, with more settings of `[logplex]`.
    pub async fn in_run(settings: &str) -> Self {
        let config = format!("[logplex]\nauth_key = \"{KEY}\"\n{settings}");
        let system = System::start_with(&config).await;
        let http = system.door("http").to_owned();
        Self {
            api: http.clone(),
            v3: http.clone(),
            input: http.clone(),
            status: http,
            syslog: system.door("syslog").to_owned(),
            system: Some(system),
            role: None,
            _data: None,
        }
    }

    /// The role with its four doors, with more settings of `[logplex]`.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn in_role(settings: &str) -> Self {
        Self::in_role_with(settings, &[]).await
    }

    /// The same with more environment.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn in_role_with(settings: &str, environment: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let file = data.path().join("logweir.toml");
        let config = format!(
            "data_dir = {:?}\n[logplex]\nlisten = \"127.0.0.1:0\"\nv3 = \"127.0.0.1:0\"\n\
             input = \"127.0.0.1:0\"\nsyslog = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n\
             auth_key = \"{KEY}\"\n{settings}",
            data.path().join("data")
        );
        std::fs::write(&file, config).expect("written");
        let mut command = logweir(["logplex", "--config"]);
        command.arg(&file).env("HOME", data.path());
        command.envs(environment.iter().copied());
        let process = Process::start(command);
        let door = async |name: &str| {
            let line = process.prints(&format!("  {name} ")).await;
            line.trim_start_matches([' '])
                .trim_start_matches(name)
                .trim()
                .to_owned()
        };
        Self {
            api: door("api").await,
            v3: door("v3").await,
            input: door("input").await,
            syslog: door("syslog").await,
            status: door("status").await,
            system: None,
            role: Some(process),
            _data: Some(data),
        }
    }

    /// Makes a channel with tokens of these names.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn channel(&self, tokens: &[&str]) -> Channel {
        let body = json!({ "tokens": tokens }).to_string();
        let answer = self.call("POST", "/channels", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let made = answer.json();
        let named = made["tokens"].as_object().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().expect("a token").to_owned();
        let named = named.iter().map(|(name, id)| (name.clone(), text(id)));
        Channel {
            id: made["channel_id"].to_string(),
            tokens: named.collect(),
        }
    }

    /// Adds a drain to a channel: its JSON, with `id`, `token` and `url`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn drain(&self, channel: &Channel, url: &str) -> Value {
        let path = format!("/v2/channels/{}/drains", channel.id);
        let answer = self
            .call("POST", &path, &json!({ "url": url }).to_string())
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Calls v1 or v2 with the key.
    pub async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let key = format!("Basic {KEY}");
        let headers = [
            ("Authorization", &*key),
            ("Content-Type", "application/json"),
        ];
        request(&self.api, method, path, &headers, body.as_bytes()).await
    }

    /// Makes a credential `id:password`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn cred(&self, id: &str, password: &str, grants: &[&str]) {
        let cred = json!({ "id": id, "pass": password, "name": id, "grants": grants });
        let answer = self
            .call("POST", "/api/logplex/creds", &cred.to_string())
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// Posts a body to `/logs` as somebody, with more headers.
    pub async fn post_as(&self, who: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut headers = vec![("Authorization", who)];
        let has = |name: &str| more.iter().any(|one| one.0.eq_ignore_ascii_case(name));
        if !has("content-type") {
            headers.push(("Content-Type", "application/logplex-1"));
        }
        headers.extend_from_slice(more);
        request(&self.input, "POST", "/logs", &headers, body).await
    }

    /// Posts messages by a token, which must be taken.
    ///
    /// # Panics
    /// When they are not.
    pub async fn post<T: AsRef<str>>(&self, token: &str, messages: &[T]) {
        let body = frames(messages);
        let count = messages.len().to_string();
        let more = [("Logplex-Msg-Count", &*count)];
        let answer = self
            .post_as(&basic("token", token), &more, body.as_bytes())
            .await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{answer:?}");
    }

    /// What a session of a channel shows at the moment, by lines.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn lines(&self, channel: &Channel) -> Vec<String> {
        let session = json!({ "channel_id": channel.id, "num": "10000" }).to_string();
        let answer = self.call("POST", "/v2/sessions", &session).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let url = answer.json()["url"].as_str().expect("a URL").to_owned();
        let path = url.find("/sessions/").expect("a session's URL");
        let answer = request(&self.api, "GET", &url[path..], &[], b"").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.lines().map(str::to_owned).collect()
    }

    /// The lines of a channel once there are so many.
    pub async fn lines_once(&self, channel: &Channel, count: usize) -> Vec<String> {
        eventually("the channel's lines", async || {
            let lines = self.lines(channel).await;
            (lines.len() >= count).then_some(lines)
        })
        .await
    }

    /// The sum of the series of a metric with these labels.
    ///
    /// # Panics
    /// When the page cannot be had.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (status, page) = crate::http::get(&self.status, "/metrics").await;
        assert_eq!(status, 200, "{page}");
        crate::http::sum(&page, name, labels)
    }

    /// Waits until a metric has at least a value.
    pub async fn metric_at_least(&self, name: &str, value: f64) {
        let what = format!("{name} is at least {value}");
        eventually(&what, async || {
            (self.metric(name, &[]).await >= value).then_some(())
        })
        .await;
    }

    /// Waits until a metric has a value.
    pub async fn metric_is(&self, name: &str, labels: &[&str], value: f64) {
        let what = format!("{name}{labels:?} is {value}");
        eventually(&what, async || {
            (self.metric(name, labels).await >= value).then_some(())
        })
        .await;
        // More would be too many.
        assert!(self.metric(name, labels).await <= value, "{what}");
    }
}
