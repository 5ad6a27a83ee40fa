//! What strangers ask of a session, and what it shows of what strangers wrote: a line is one
//! event, whatever is in it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // What is asked on the first line, the message after it.
    let end = input.iter().position(|byte| *byte == b'\n');
    let (body, message) = input.split_at(end.unwrap_or(input.len()));
    let message = message.strip_prefix(b"\n").unwrap_or_default();
    let Some((fetched, plain, events)) = logweir_serve::logplex::session(body, message) else {
        return;
    };
    assert!(fetched <= 1501);
    assert_eq!(plain.last(), Some(&b'\n'));
    let events = String::from_utf8(events).expect("events are UTF-8");
    assert!(!events.contains('\r'));
    let data = events.strip_suffix("\n\n").expect("the end of an event");
    assert!(data.split('\n').all(|line| line.starts_with("data: ")));
});
