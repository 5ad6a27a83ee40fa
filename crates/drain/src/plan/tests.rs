#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use super::*;
use crate::binding::App;

fn binding(url: &str, apps: &[(&str, &str)]) -> Binding {
    Binding {
        url: Secret::new(url),
        credentials: vec![credentials("", apps)],
        ..Binding::default()
    }
}

fn credentials(cert: &str, apps: &[(&str, &str)]) -> Credentials {
    let app = |(app_id, hostname): &(&str, &str)| App {
        app_id: (*app_id).into(),
        hostname: (*hostname).into(),
    };
    Credentials {
        pem: Pem {
            cert: Secret::new(cert),
            ..Pem::default()
        },
        apps: apps.iter().map(app).collect(),
        ..Credentials::default()
    }
}

fn shown(plan: &Plan) -> Vec<(&str, &str)> {
    let drains = plan.drains.iter();
    let mut all: Vec<_> = drains
        .map(|drain| (drain.scope.app().unwrap_or("*"), drain.url.reveal()))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn bindings_are_inverted_to_drains_of_apps() {
    let bindings = [
        binding("syslog://b:1", &[("one", "o.s.old"), ("two", "o.s.b")]),
        binding("syslog://a:1", &[("one", "o.s.new")]),
        // The same thing bound through another service instance.
        binding("syslog://a:1", &[("one", "o.s.new"), ("one", "o.s.new")]),
    ];
    let plan = apps(&bindings, &Rules::default());
    assert_eq!(
        shown(&plan),
        [
            ("one", "syslog://a:1"),
            ("one", "syslog://b:1"),
            ("two", "syslog://b:1")
        ]
    );
    assert_eq!(plan.refused, []);
    // An app has one name, the last one seen.
    let names: BTreeSet<_> = plan.drains.iter().map(|drain| drain.hostname()).collect();
    assert_eq!(names, BTreeSet::from(["o.s.b", "o.s.new"]));
}

#[test]
fn drains_beyond_the_limit_are_told() {
    let bindings: Vec<_> = (0..7)
        .rev()
        .map(|number| binding(&format!("syslog://h{number}:1"), &[("app", "")]))
        .chain([binding("http://bad", &[("app", "")])])
        .collect();
    let plan = apps(&bindings, &Rules::default());
    assert_eq!(plan.drains.len(), 5);
    assert_eq!(shown(&plan)[4].1, "syslog://h4:1");
    let told: Vec<_> = plan
        .refused
        .iter()
        .map(|one| one.reason.to_string())
        .collect();
    assert_eq!(told.len(), 3);
    // What names no drain takes no place of one that does.
    assert_eq!(
        told[0],
        "Invalid Scheme http for syslog drain url http://bad"
    );
    assert_eq!(
        told[1],
        "Syslog drain with url syslog://h5:1 is not used: an app may have at most 5 drains, and \
         the first by URL are kept"
    );
    assert!(
        plan.refused
            .iter()
            .all(|one| one.app.as_deref() == Some("app"))
    );
}

#[test]
fn one_url_with_two_certificates_is_two_drains_with_names_of_their_own() {
    let mut twice = binding("syslog-tls://h", &[("app", "")]);
    twice.credentials.push(credentials("C", &[("app", "")]));
    let plan = apps(&[twice], &Rules::default());
    let ids: BTreeSet<_> = plan.drains.iter().map(|drain| drain.id.as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().any(|id| id.ends_with("-2")), "{ids:?}");
}

#[test]
fn aggregate_drains_belong_to_no_app() {
    let bare = Binding {
        url: Secret::new("syslog://all:1"),
        ..Binding::default()
    };
    let plan = aggregate(
        &[bare.clone(), bare, binding("syslog://b:1", &[])],
        &Rules::default(),
    );
    assert_eq!(
        shown(&plan),
        [("*", "syslog://all:1"), ("*", "syslog://b:1")]
    );
    assert!(
        plan.drains
            .iter()
            .all(|drain| drain.scope == Scope::Aggregate)
    );
    assert_eq!(plan.drains[0].hostname(), "");
}

#[test]
fn headers_of_binding_credentials_and_url_go_together() {
    let mut with = binding("https://h?logweir-header=X-Url:3", &[("app", "")]);
    with.headers.insert("x-one".into(), Secret::new("1"));
    with.headers.insert("x-two".into(), Secret::new("1"));
    with.credentials[0]
        .headers
        .insert("x-two".into(), Secret::new("2"));
    let plan = apps(&[with.clone()], &Rules::default());
    let headers = plan.drains[0].headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(headers, [("x-one", "1"), ("x-two", "2"), ("x-url", "3")]);

    with.headers.insert("Host".into(), Secret::new("1"));
    let plan = apps(&[with], &Rules::default());
    assert_eq!(plan.drains.len(), 0);
    assert_eq!(
        plan.refused[0].reason.to_string(),
        "Invalid header Host for syslog drain url https://h"
    );
}

#[test]
fn the_change_between_two_sets() {
    let rules = Rules::default();
    let plan = |bindings: &[Binding]| apps(bindings, &rules).drains;
    let old = plan(&[
        binding("syslog://gone:1", &[("app", "o.s.a")]),
        binding(
            "https://stays?include-log-types=app",
            &[("app", "o.s.a"), ("other", "o.s.b")],
        ),
    ]);
    let new = plan(&[
        binding(
            "https://stays?include-log-types=app",
            &[("app", "o.s.a"), ("other", "o.s.renamed")],
        ),
        binding("syslog://new:1", &[("app", "o.s.a")]),
    ]);
    let exits = |set: &[Arc<Drain>]| set.iter().cloned().map(Exit::from).collect::<Vec<_>>();
    let change = change(&exits(&old), &exits(&new));
    let id = |set: &[Arc<Drain>], app: &str, url: &str| {
        let mut set = set.iter();
        let found = set.find(|drain| drain.scope.app() == Some(app) && drain.url.reveal() == url);
        found.unwrap().id.clone()
    };
    let renamed = id(&new, "other", "https://stays?include-log-types=app");
    let mut stop = change.stop.clone();
    stop.sort_unstable();
    let mut expected = vec![id(&old, "app", "syslog://gone:1"), renamed.clone()];
    expected.sort_unstable();
    assert_eq!(stop, expected);
    let mut start: Vec<_> = change
        .start
        .iter()
        .map(|exit| exit.id().to_owned())
        .collect();
    start.sort_unstable();
    let mut expected = vec![renamed, id(&new, "app", "syslog://new:1")];
    expected.sort_unstable();
    assert_eq!(start, expected);
    assert_eq!(super::change(&exits(&new), &exits(&new)), Change::default());
}
