use super::*;

fn envelope(message: &[u8], received: i64, trim: Trim) -> Result<Envelope, Refusal> {
    let mut out = Vec::new();
    super::envelope(message, received, trim, &mut out)?;
    Ok(Envelope::decode(&out[..]).unwrap())
}

fn taken(rest: &str) -> Result<Envelope, Refusal> {
    let message = format!("<14>1 1970-01-01T00:00:00.012345+00:00 host {rest}");
    envelope(message.as_bytes(), 7, Trim::WhiteSpace)
}

fn payload(envelope: &Envelope) -> &[u8] {
    match &envelope.message {
        Some(Body::Log(log)) => &log.payload,
        other => panic!("no log: {other:?}"),
    }
}

#[test]
fn a_line_of_an_app() {
    let envelope = taken("app [APP/PROC/WEB/2] - [tags@47450 a=\"b\"] \u{a0} x y \t\n").unwrap();
    assert_eq!(envelope.timestamp, 12_345_000);
    assert_eq!(envelope.source_id, "app");
    assert_eq!(envelope.instance_id, "2");
    assert_eq!(envelope.tags["a"], "b");
    assert_eq!(payload(&envelope), b"x y");
}

#[test]
fn without_a_time_it_is_when_the_message_came() {
    let envelope = envelope(b"<11>1 - - a p - -  x \n", 7, Trim::Newline).unwrap();
    assert_eq!(envelope.timestamp, 7);
    assert_eq!(payload(&envelope), b" x ");
    let Some(Body::Log(log)) = envelope.message else {
        panic!("no log");
    };
    assert_eq!(log.r#type, i32::from(log::Type::Err));
}

#[test]
fn what_others_say_beside_the_line_is_kept_as_tags() {
    let envelope = taken("app - - [origin ip=\"1.2.3.4\"][meta] x");
    assert_eq!(envelope, Err(Refusal::NoProcess));
    let envelope = taken("app 1 - [origin ip=\"1.2.3.4\"][meta][tags a=\"b\"] x").unwrap();
    assert_eq!(envelope.tags["origin.ip"], "1.2.3.4");
    assert_eq!(envelope.tags["a"], "b");
    assert_eq!(envelope.tags.len(), 2);
}

#[test]
fn metrics_are_read_or_refused() {
    let metric = |elements: &str| taken(&format!("app 1 - {elements} \n")).map(|e| e.message);
    let counter = metric("[counter@47450 name=\"c\" total=\"9\" delta=\"1\"][timer]").unwrap();
    let expected = Counter {
        name: "c".into(),
        delta: 1,
        total: 9,
    };
    assert_eq!(counter, Some(Body::Counter(expected)));
    assert!(matches!(metric("[event@1]").unwrap(), Some(Body::Event(_))));
    for (elements, kind, parameter) in [
        ("[counter name=\"c\" total=\"9\"]", "counter", "delta"),
        ("[gauge name=\"c\" value=\"9\"]", "gauge", "unit"),
        ("[gauge name=\"c\" unit=\"\" value=\"x\"]", "gauge", "value"),
        ("[timer start=\"9\" stop=\"\"]", "timer", "stop"),
    ] {
        let refused = metric(elements);
        assert_eq!(refused, Err(Refusal::BadMetric { kind, parameter }));
    }
}

#[test]
fn a_zero_keeps_its_sign() {
    let envelope = taken("a 1 - [gauge name=\"g\" value=\"-0\" unit=\"u\"] ").unwrap();
    let Some(Body::Gauge(gauge)) = envelope.message else {
        panic!("no gauge");
    };
    assert_eq!(gauge.metrics["g"].unit, "u");
    assert!(gauge.metrics["g"].value.is_sign_negative());
}

#[test]
fn a_line_of_white_space_is_one_and_none_is_not() {
    assert_eq!(payload(&taken("app 1 - - \n").unwrap()), b"");
    assert_eq!(taken("app 1 - - "), Err(Refusal::Empty));
    assert_eq!(taken("- 1 - - x"), Err(Refusal::NoApp));
}
