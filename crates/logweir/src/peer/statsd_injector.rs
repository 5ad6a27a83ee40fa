//! The statsd injector under its peer's name, with its peer's flags (spec
//! agents-and-drains §6.2).

use std::ffi::OsString;

use logweir_serve::{settings::TlsFiles, statsd_injector::StatsdInjectorConfig};

use super::{Doors, Peer, local};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

/// Reads the peer's flags, each with one or two dashes and its value after `=` or in the
/// next argument.
pub(crate) fn load(arguments: &[OsString]) -> Result<Peer, String> {
    let mut config = StatsdInjectorConfig::default();
    let mut tls = TlsFiles::default();
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        let flag = argument.strip_prefix('-');
        let flag = flag.map(|flag| flag.strip_prefix('-').unwrap_or(flag));
        let Some(flag) = flag.filter(|flag| !flag.is_empty()) else {
            // Go stops reading flags here, and the peer reads nothing else.
            break;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        if !FLAGS.contains(&name) {
            return Err(format!("flag provided but not defined: -{name}"));
        }
        let value = value.or_else(|| arguments.next().map(|next| next.to_string()));
        let value = value.ok_or_else(|| format!("flag needs an argument: -{name}"))?;
        match name {
            "statsd-port" => config.listen = local(port(name, &value)?),
            "metron-port" => config.agent = format!("127.0.0.1:{}", port(name, &value)?),
            "ca" => tls.ca = value.into(),
            "cert" => tls.cert = value.into(),
            "key" => tls.key = value.into(),
            // The peer reads the host and listens on localhost all the same.
            _ => {}
        }
    }
    for (flag, path) in [("ca", &tls.ca), ("cert", &tls.cert), ("key", &tls.key)] {
        if path.as_os_str().is_empty() {
            return Err(format!("Invalid TLS credentials: -{flag} is not set"));
        }
    }
    config.tls = tls;
    Ok(Peer {
        format: Format::Seconds,
        report: None,
        starting: Vec::new(),
        drains: Vec::new(),
        open: false,
        config: RoleConfig::StatsdInjector(Box::new(config)),
    })
}

const FLAGS: [&str; 6] = [
    "statsd-host",
    "statsd-port",
    "metron-port",
    "ca",
    "cert",
    "key",
];

fn port(flag: &str, value: &str) -> Result<u16, String> {
    value
        .parse()
        .map_err(|_| format!("invalid value {value:?} for flag -{flag}: no port"))
}

/// What the peer says once its door is bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    let address = doors.get("statsd");
    vec![
        format!("Listening for statsd on hostport {address}"),
        format!("Started statsd-injector listener at {address}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(arguments: &[&str]) -> Result<StatsdInjectorConfig, String> {
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        match load(&arguments)?.config {
            RoleConfig::StatsdInjector(config) => Ok(*config),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_as_the_peer_takes_them() {
        let config = loaded(&[
            "-statsd-host",
            "0.0.0.0",
            "--statsd-port=9125",
            "-metron-port",
            "3459",
            "--ca",
            "/ca",
            "-cert=/cert",
            "-key",
            "/key",
        ]);
        let config = config.expect("flags");
        assert_eq!(config.listen, local(9125));
        assert_eq!(config.agent, "127.0.0.1:3459");
        let paths = [&config.tls.ca, &config.tls.cert, &config.tls.key];
        let paths = paths.map(|path| path.display().to_string());
        assert_eq!(paths, ["/ca", "/cert", "/key"]);
    }

    #[test]
    fn defaults_are_the_peers() {
        let config = loaded(&["-ca=a", "-cert=b", "-key=c"]).expect("flags");
        assert_eq!(config.listen, local(8125));
        assert_eq!(config.agent, "127.0.0.1:3458");
    }

    #[test]
    fn wrong_flags_are_named() {
        for (arguments, error) in [
            (&["-x"][..], "flag provided but not defined: -x"),
            (&["-ca"], "flag needs an argument: -ca"),
            (
                &["-statsd-port=70000"],
                "invalid value \"70000\" for flag -statsd-port: no port",
            ),
            (&[], "Invalid TLS credentials: -ca is not set"),
        ] {
            assert_eq!(loaded(arguments).map(drop), Err(error.into()));
        }
    }
}
