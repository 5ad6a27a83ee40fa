//! rsyslogd: its configuration and how it is started.

use std::path::Path;

use tokio::process::Command;

use super::{Security, holds, program, root};

/// Takes messages over TCP or TLS and writes each as a line of JSON.
pub(super) fn config(directory: &Path, port: u16, security: &Security) -> String {
    let (tls, mode) = match security {
        Security::Plain => (String::new(), String::new()),
        Security::Tls(identity) => (
            files(&identity.cert, &identity.key, &identity.cert),
            driver("anon"),
        ),
        Security::Mutual(identity, ca) => (
            files(&identity.cert, &identity.key, ca),
            driver("x509/certvalid"),
        ),
    };
    let fields = [
        ("pri", "pri"),
        ("timestamp", "timereported\" dateFormat=\"rfc3339"),
        ("hostname", "hostname"),
        ("app_name", "app-name"),
        ("procid", "procid"),
        ("msgid", "msgid"),
        ("data", "structured-data"),
        ("text", "msg"),
        ("raw", "rawmsg"),
    ];
    let fields = fields.map(|(name, property)| {
        format!(" property(outname=\"{name}\" name=\"{property}\" format=\"jsonf\")\n")
    });
    let fields = fields.join(" constant(value=\",\")\n");
    let received = directory.join("received");
    // Control characters stay as they came: JSON escapes them.
    format!(
        "global(workDirectory=\"{}\" maxMessageSize=\"256k\" parser.escapeControlCharactersOnReceive=\"off\")\n\
         {tls}\
         module(load=\"imtcp\"{mode})\n\
         template(name=\"line\" type=\"list\") {{\n constant(value=\"{{\")\n{fields} constant(value=\"}}\\n\")\n}}\n\
         ruleset(name=\"in\") {{ action(type=\"omfile\" file={received:?} template=\"line\") }}\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"in\")\n",
        directory.display()
    )
}

fn files(cert: &Path, key: &Path, ca: &Path) -> String {
    format!(
        "global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCertFile={cert:?} \
         defaultNetstreamDriverKeyFile={key:?} defaultNetstreamDriverCAFile={ca:?})\n"
    )
}

fn driver(mode: &str) -> String {
    format!(" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"{mode}\"")
}

pub(super) fn command(directory: &Path) -> Command {
    let modules = holds(&root().join("usr/lib"), "imtcp.so");
    let mut command = program("rsyslogd");
    command
        .arg("-n")
        .arg("-f")
        .arg(directory.join("receiver.conf"))
        .arg("-i")
        .arg(directory.join("pid"))
        .arg("-M")
        .arg(modules);
    command
}
