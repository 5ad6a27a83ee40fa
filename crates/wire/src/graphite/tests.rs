use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn envelope(message: Message) -> v2::Envelope {
    v2::Envelope {
        timestamp: 1_700_000_000_999_999_999,
        source_id: "app-1".into(),
        instance_id: "0".into(),
        message: Some(message),
        ..v2::Envelope::default()
    }
}

fn counter(name: &str, total: u64) -> v2::Envelope {
    envelope(Message::Counter(v2::Counter {
        name: name.into(),
        delta: 1,
        total,
    }))
}

fn written(envelope: &v2::Envelope, prefix: &str) -> (String, usize) {
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    let written = lines(&envelope.encode_to_vec(), prefix, &mut out, &mut ends);
    let text = String::from_utf8(out).expect("text");
    assert_eq!(ends.len(), text.matches('\n').count());
    assert_eq!(ends.last().copied().unwrap_or(0), text.len());
    (text, written.sanitised)
}

#[test]
fn each_number_is_a_line() {
    let (text, sanitised) = written(&counter("requests.total", 7), "weir");
    assert_eq!(text, "weir.app-1.0.requests.total 7 1700000000\n");
    assert_eq!(sanitised, 0);

    let value = |value| v2::GaugeValue {
        unit: "bytes".into(),
        value,
    };
    let metrics: BTreeMap<_, _> = [("cpu", 0.5), ("mem", 2e9), ("bad", f64::NAN)]
        .map(|(name, number)| (name.to_owned(), value(number)))
        .into();
    let (text, sanitised) = written(&envelope(Message::Gauge(v2::Gauge { metrics })), "");
    assert_eq!(
        text,
        "app-1.0.cpu 0.5 1700000000\napp-1.0.mem 2e+09 1700000000\n"
    );
    assert_eq!(sanitised, 1, "what is no number has no line");

    let timer = v2::Timer {
        name: "http".into(),
        start: 1_000_000,
        stop: 13_500_000,
    };
    let (text, _) = written(&envelope(Message::Timer(timer)), "a.b");
    assert_eq!(text, "a.b.app-1.0.http 12.5 1700000000\n");
}

#[test]
fn logs_have_no_line() {
    let (text, _) = written(&envelope(Message::Log(v2::Log::default())), "weir");
    assert_eq!(text, "");
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    lines(b"\xff\xff", "weir", &mut out, &mut ends);
    assert!(out.is_empty() && ends.is_empty());
}

#[test]
fn paths_stay_paths() {
    let mut odd = counter("../etc//passwd mem;host=x\n", 1);
    odd.source_id = "org.space.app".into();
    odd.instance_id = String::new();
    let (text, sanitised) = written(&odd, "weir");
    assert_eq!(
        text,
        "weir.org_space_app._._etc__passwd_mem_host_x_ 1 1700000000\n"
    );
    assert_eq!(sanitised, 1);
    let (text, _) = written(&counter("...", 1), "weir");
    assert_eq!(text, "weir.app-1.0._ 1 1700000000\n");
}

#[test]
fn prefixes() {
    for right in ["", "weir", "a.b-c.d_1"] {
        assert_eq!(check_prefix(right), Ok(()));
    }
    for wrong in [".", "a.", ".a", "a..b", "a b", "ä"] {
        assert!(check_prefix(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_name_makes_one_line_that_carbon_reads(
        source in ".{0,300}", instance in ".{0,20}", name in ".{0,300}", total: u64, timestamp: i64,
    ) {
        let one = v2::Envelope {
            source_id: source,
            instance_id: instance,
            timestamp,
            ..counter(&name, total)
        };
        let (text, _) = written(&one, "weir");
        let line = text.strip_suffix('\n').expect("a line");
        let words: Vec<_> = line.split(' ').collect();
        prop_assert_eq!(words.len(), 3);
        prop_assert!(words[0].len() < 2048);
        prop_assert!(words[0].split('.').all(|part| !part.is_empty() && part.len() <= PART));
        prop_assert!(words[0].bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        prop_assert!(words[1].parse::<f64>().is_ok());
        prop_assert!(words[2].parse::<i64>().is_ok());
    }
}
