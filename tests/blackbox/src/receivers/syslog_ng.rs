//! syslog-ng: its configuration and how it is started.

use std::path::Path;

use tokio::process::Command;

use super::{Security, holds, program, root};

/// Takes messages over TCP or TLS and writes each as a line of JSON.
pub(super) fn config(directory: &Path, port: u16, security: &Security) -> String {
    let transport = match security {
        Security::Plain => "transport(\"tcp\")".to_owned(),
        Security::Tls(identity) => format!(
            "transport(\"tls\") tls(cert-file({:?}) key-file({:?}) peer-verify(no))",
            identity.cert, identity.key
        ),
        Security::Mutual(identity, ca) => format!(
            "transport(\"tls\") tls(cert-file({:?}) key-file({:?}) ca-file({ca:?}) \
             peer-verify(required-trusted))",
            identity.cert, identity.key
        ),
    };
    let fields = [
        ("pri", "$PRI"),
        ("timestamp", "$S_ISODATE"),
        ("hostname", "$HOST"),
        ("app_name", "$PROGRAM"),
        ("procid", "$PID"),
        ("msgid", "$MSGID"),
        ("data", "$SDATA"),
        ("text", "$MESSAGE"),
    ];
    let fields = fields.map(|(name, value)| format!("--pair {name}=\\\"{value}\\\""));
    format!(
        "@version: 3.38\n\
         options {{ keep-hostname(yes); use-dns(no); log-msg-size(1048576); frac-digits(6); \
         ts-format(iso); stats-freq(0); }};\n\
         source s {{ syslog(ip(127.0.0.1) port({port}) {transport} max-connections(100) log-iw-size(10000)); }};\n\
         destination d {{ file({:?} template(\"$(format-json {})\\n\") flush-lines(1)); }};\n\
         log {{ source(s); destination(d); }};\n",
        directory.join("received"),
        fields.join(" ")
    )
}

pub(super) fn command(directory: &Path) -> Command {
    let modules = holds(&root().join("usr/lib/syslog-ng"), "libsyslogformat.so");
    let mut command = program("syslog-ng");
    command.args(["-F", "--no-caps", "--stderr"]);
    for (option, file) in [
        ("-f", "receiver.conf"),
        ("--persist-file", "persist"),
        ("--control", "control"),
        ("--pidfile", "pid"),
    ] {
        command.arg(option).arg(directory.join(file));
    }
    command.arg("--module-path").arg(modules);
    command
}
