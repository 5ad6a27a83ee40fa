//! nginx as an HTTPS endpoint that keeps the requests it got.

use std::{fs, path::Path};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{free_port, lines, listening, program};
use crate::{certificates::Identity, patience::eventually, process::Process};

/// A request that it answered.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, target and version.
    pub line: String,
    /// `Host`.
    pub host: String,
    /// `User-Agent`.
    pub agent: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Encoding`.
    pub encoding: String,
    /// `Authorization`.
    pub authorization: String,
    /// Who the client's certificate says it is.
    pub client: String,
    /// Number of the connection.
    pub connection: String,
    /// What it answered.
    pub status: u16,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

/// An HTTPS endpoint.
pub struct Nginx {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    process: Option<Process>,
}

impl Nginx {
    /// Starts one that answers 200. With `clients`, only those whom this authority vouches for
    /// may ask.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(identity: &Identity, clients: Option<&Path>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let config = config(directory.path(), port, identity, clients);
        fs::write(directory.path().join("receiver.conf"), config).expect("written");
        let mut nginx = Self {
            port,
            directory,
            process: None,
        };
        nginx.resume().await;
        nginx
    }

    /// Starts it again after [`Self::stop`].
    pub async fn resume(&mut self) {
        // A socket that was left behind keeps it from starting.
        let _ = fs::remove_file(self.directory.path().join("answers"));
        let mut command = program("nginx");
        command
            .arg("-p")
            .arg(self.directory.path())
            .arg("-e")
            .arg("stderr")
            .arg("-c")
            .arg(self.directory.path().join("receiver.conf"));
        self.process = Some(Process::start(command));
        listening(self.port).await;
    }

    /// Ends it once it has answered what it was asked.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::SIGQUIT);
            process.end().await;
        }
    }

    /// Answers 403 to everything from now on, or answers again.
    ///
    /// # Panics
    /// When its directory is gone.
    pub fn refuse(&self, refuse: bool) {
        let sign = self.directory.path().join("refuse");
        match refuse {
            true => fs::write(sign, "").expect("written"),
            false => fs::remove_file(sign).expect("removed"),
        }
    }

    /// The requests so far.
    ///
    /// # Panics
    /// When it wrote what is no request.
    pub fn requests(&self) -> Vec<Request> {
        let lines = lines(&self.directory.path().join("requests"));
        let read = |line: &serde_json::Value| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            Request {
                line: text("line"),
                host: text("host"),
                agent: text("agent"),
                content_type: text("type"),
                encoding: text("encoding"),
                authorization: text("authorization"),
                client: text("client"),
                connection: text("connection"),
                status: text("status").parse().expect("a status"),
                body: text("body"),
            }
        };
        lines.iter().map(read).collect()
    }

    /// The same once `enough` says that it is.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Request]) -> bool) -> Vec<Request> {
        eventually(what, async || {
            let all = self.requests();
            enough(&all).then_some(all)
        })
        .await
    }
}

/// It reads bodies only to hand them on, so there is a second server behind it that answers.
fn config(directory: &Path, port: u16, identity: &Identity, clients: Option<&Path>) -> String {
    let clients = clients.map_or(String::new(), |ca| {
        format!("ssl_client_certificate {ca:?}; ssl_verify_client on;")
    });
    let fields = [
        ("line", "request"),
        ("host", "http_host"),
        ("agent", "http_user_agent"),
        ("type", "http_content_type"),
        ("encoding", "http_content_encoding"),
        ("authorization", "http_authorization"),
        ("client", "ssl_client_s_dn"),
        ("connection", "connection"),
        ("status", "status"),
        ("body", "request_body"),
    ];
    let fields = fields.map(|(name, variable)| format!("\"{name}\":\"${variable}\""));
    // One process: a worker would outlive a master that a failed test kills.
    let own = |name: &str| directory.join(name).display().to_string();
    format!(
        "daemon off; master_process off; pid {pid}; error_log stderr;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n\
         log_format line escape=json '{{{fields}}}';\n\
         client_body_temp_path {body}; proxy_temp_path {proxy}; fastcgi_temp_path {fast};\n\
         uwsgi_temp_path {uwsgi}; scgi_temp_path {scgi};\n\
         client_max_body_size 8m; client_body_buffer_size 4m; keepalive_requests 100000;\n\
         server {{\n\
         listen 127.0.0.1:{port} ssl; access_log {requests} line;\n\
         ssl_certificate {cert:?}; ssl_certificate_key {key:?}; {clients}\n\
         location / {{ if (-f {refuse:?}) {{ return 403; }} proxy_pass http://unix:{answers}:; }}\n\
         location /gone {{ return 410; }}\n\
         }}\n\
         server {{ listen unix:{answers}; access_log off; return 200; }}\n\
         }}\n",
        pid = own("pid"),
        fields = fields.join(","),
        body = own("body"),
        proxy = own("proxy"),
        fast = own("fastcgi"),
        uwsgi = own("uwsgi"),
        scgi = own("scgi"),
        requests = own("requests"),
        answers = own("answers"),
        refuse = own("refuse"),
        cert = identity.cert,
        key = identity.key,
    )
}
