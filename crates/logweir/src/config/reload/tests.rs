use std::{collections::BTreeMap, fs, path::Path};

use tokio::sync::watch;

use super::{
    super::load::{self, Loaded, Sources},
    Live, Reloader, live,
};
use crate::logging;

fn read(file: &Path) -> Result<(Sources, Loaded), super::ConfigError> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let sources = Sources {
        file: Some((file.into(), text)),
        variables: BTreeMap::new(),
    };
    let loaded = load::load(&sources)?;
    Ok((sources, loaded))
}

fn reloader(file: &Path) -> (Reloader, watch::Sender<Live>, watch::Receiver<Live>) {
    let (sources, loaded) = read(file).expect("sound");
    let (to, from) = watch::channel(live(&loaded.settings));
    let (_, level) = tracing_subscriber::reload::Layer::new(logging::filter("info").expect("is"));
    let at = file.to_path_buf();
    let reloader = Reloader::new(move || read(&at), &sources, loaded.settings, level);
    (reloader, to, from)
}

#[test]
fn tags_apply_and_the_rest_waits_for_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("logweir.toml");
    fs::write(&file, "[agent.tags]\nzone = \"a\"\n").expect("written");
    let (mut reloader, to, mut from) = reloader(&file);

    reloader.reload_if_changed(&to);
    assert!(!from.has_changed().expect("open"), "the file is the same");

    fs::write(
        &file,
        "[agent.tags]\nzone = \"b\"\n[run]\nhttp = \"127.0.0.1:1\"\n",
    )
    .expect("written");
    reloader.reload_if_changed(&to);
    assert!(from.has_changed().expect("open"));
    assert_eq!(from.borrow_and_update().tags["zone"], "b");
    assert_eq!(
        reloader.settings.run,
        super::Settings::default().run,
        "still to be reported as needing a restart"
    );
}

#[test]
fn a_bad_file_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("logweir.toml");
    fs::write(&file, "[agent.tags]\nzone = \"a\"\n").expect("written");
    let (mut reloader, to, from) = reloader(&file);
    fs::write(&file, "[agent.tags]\nzone = 1\n").expect("written");
    reloader.reload_if_changed(&to);
    assert!(!from.has_changed().expect("open"));
    assert_eq!(from.borrow().tags["zone"], "a");
}

#[test]
fn changes_are_named_by_key() {
    let old = super::Settings::default();
    let mut new = old.clone();
    new.log_level = "debug".into();
    new.agent.udp = Some(([127, 0, 0, 1], 3457).into());
    new.agent.tags.insert("zone".into(), "a".into());
    let found = super::changes(&old, &new);
    assert_eq!(found, ["agent.tags.zone", "agent.udp", "log_level"]);
    let apply: Vec<_> = found.iter().filter(|key| super::applies(key)).collect();
    assert_eq!(apply, ["agent.tags.zone", "log_level"]);
}
