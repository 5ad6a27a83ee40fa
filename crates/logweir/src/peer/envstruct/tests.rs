use std::{collections::BTreeMap, time::Duration};

use super::{Environment, field};

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn empty_is_unset() {
    let set = variables(&[("A", ""), ("B", "b")]);
    let mut env = Environment::new(&set);
    assert_eq!(env.text(field("C.A", "A"), "default"), "default");
    assert_eq!(env.text(field("C.B", "B"), "default"), "b");
    assert_eq!(env.unsigned(field("C.C", "C"), "uint16", 16, 7), 7);
    assert!(env.finish().is_ok());
}

#[test]
fn missing_ones_are_named_sorted_and_once() {
    let set = variables(&[("C", "")]);
    let mut env = Environment::new(&set);
    for name in ["C", "A", "C"] {
        env.text(field("Config.X", name).required(), "");
    }
    assert_eq!(
        env.finish(),
        Err("missing required environment variables: A, C".into())
    );
}

#[test]
fn only_true_and_1_are_true() {
    for (text, value) in [("true", true), ("1", true), ("TRUE", false), ("yes", false)] {
        let set = variables(&[("A", text)]);
        let mut env = Environment::new(&set);
        assert_eq!(env.flag(field("C.A", "A"), true), value, "{text}");
        assert!(env.finish().is_ok());
    }
}

#[test]
fn integers_are_cut_to_their_width_and_text_is_refused() {
    let unsigned = |text: &str| {
        let set = variables(&[("A", text)]);
        let mut env = Environment::new(&set);
        let value = env.unsigned(field("C.A", "A"), "uint16", 16, 0);
        env.finish().map(|_| value)
    };
    assert_eq!(unsigned("8082"), Ok(8082));
    assert_eq!(unsigned("65537"), Ok(1));
    let error =
        |what: &str, text: &str| Err(format!("strconv.ParseUint: parsing \"{text}\": {what}"));
    assert_eq!(unsigned("-1"), error("invalid syntax", "-1"));
    assert_eq!(unsigned("+1"), error("invalid syntax", "+1"));
    assert_eq!(unsigned("80x"), error("invalid syntax", "80x"));
    let long = "18446744073709551616";
    assert_eq!(unsigned(long), error("value out of range", long));

    let signed = |text: &str| {
        let set = variables(&[("A", text)]);
        let mut env = Environment::new(&set);
        let value = env.signed(field("C.A", "A"), "int", 0);
        env.finish().map(|_| value)
    };
    assert_eq!(signed("-5"), Ok(-5));
    assert_eq!(signed("+5"), Ok(5));
    assert_eq!(
        signed("five"),
        Err("strconv.ParseInt: parsing \"five\": invalid syntax".into())
    );
}

#[test]
fn lists_are_trimmed_and_keep_an_empty_last_entry() {
    let set = variables(&[("A", "a:1 , b:2,")]);
    let mut env = Environment::new(&set);
    assert_eq!(env.list(field("C.A", "A")), ["a:1", "b:2", ""]);
    assert_eq!(env.list(field("C.B", "B")), Vec::<String>::new());
}

#[test]
fn maps_split_at_the_first_colon() {
    let set = variables(&[("A", "a:1, url:http://x")]);
    let mut env = Environment::new(&set);
    let map = env.map(field("C.A", "A"));
    assert_eq!(map["a"], "1");
    assert_eq!(map["url"], "http://x");
    let set = variables(&[("A", "a:1,b")]);
    let mut env = Environment::new(&set);
    env.map(field("C.A", "A"));
    assert_eq!(
        env.finish(),
        Err("map[string]string key 'b' is missing a value".into())
    );
}

#[test]
fn a_bad_value_is_told_before_missing_ones() {
    let set = variables(&[("B", "x")]);
    let mut env = Environment::new(&set);
    env.text(field("C.A", "A").required(), "");
    env.duration(field("C.B", "B"), Duration::ZERO);
    assert_eq!(env.finish(), Err("time: invalid duration \"x\"".into()));
}
