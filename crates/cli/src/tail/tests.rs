use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    tail: TailArgs,
}

fn request(arguments: &[&str]) -> ReadRequest {
    Cli::parse_from([&["tail"], arguments].concat())
        .tail
        .request()
}

#[test]
fn no_source_and_no_type_ask_for_everything() {
    let request = request(&[]);
    assert_eq!(request.selectors.len(), 5);
    assert!(
        request
            .selectors
            .iter()
            .all(|selector| selector.source_id.is_empty())
    );
    assert!(request.preferred_tags);
}

#[test]
fn sources_and_types_are_crossed() {
    let request = request(&["a", "b", "--type", "log,timer", "--shard-id", "s"]);
    let expected = [
        selector("a", Kind::Log),
        selector("a", Kind::Timer),
        selector("b", Kind::Log),
        selector("b", Kind::Timer),
    ];
    assert_eq!(request.selectors, expected);
    assert_eq!(request.shard_id, "s");
}

#[test]
fn formats_of_cf_ask_for_logs_alone() {
    for format in ["cf", "cf6"] {
        let expected = [selector("a", Kind::Log)];
        assert_eq!(request(&["a", "--format", format]).selectors, expected);
    }
    for other in [["--type", "gauge"], ["--format", "json"]] {
        let arguments = [&["tail", "--format", "cf"], &other[..]].concat();
        assert!(Cli::try_parse_from(arguments).is_err());
    }
    assert!(Cli::try_parse_from(["tail", "--format", "cf", "--json"]).is_err());
}

fn tagged(tags: &[(&str, &str)]) -> v2::Envelope {
    v2::Envelope {
        tags: tags
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
        message: Some(v2::envelope::Message::Log(v2::Log::default())),
        ..v2::Envelope::default()
    }
}

#[test]
fn every_wanted_tag_is_needed_and_notices_are_always_shown() {
    let wanted = BTreeMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
    assert!(shown(
        &tagged(&[("a", "1"), ("b", "2"), ("c", "3")]),
        &wanted
    ));
    assert!(!shown(&tagged(&[("a", "1")]), &wanted));
    assert!(!shown(&tagged(&[("a", "1"), ("b", "3")]), &wanted));
    assert!(shown(&tagged(&[]), &BTreeMap::new()));
    let notice = tagged(&[
        ("source_type", "LGR"),
        ("dropped", "5"),
        ("cause", "queue_full"),
    ]);
    assert!(shown(&notice, &wanted));
    assert!(!shown(&tagged(&[("source_type", "LGR")]), &wanted));
}
