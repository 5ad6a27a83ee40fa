//! A body of Logplex's frames and a connection of any pieces hold the same messages, and no
//! byte of them is read twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_wire::logplex::framing::{Framer, Item, Items, MAX_MESSAGE, Oversize};

fn owned(item: Item<'_>) -> (char, Vec<u8>) {
    match item {
        Item::Message(text) => ('m', text.to_vec()),
        Item::Cut(text) => ('c', text.to_vec()),
        Item::Junk(text) => ('j', text.to_vec()),
    }
}

fn streamed(stream: &[u8], step: usize, oversize: Oversize) -> Vec<(char, Vec<u8>)> {
    let mut framer = Framer::new(oversize);
    let mut found = Vec::new();
    for piece in stream.chunks(step) {
        framer.push(piece);
        while let Some(item) = framer.next_item() {
            found.push(owned(item));
        }
    }
    found
}

fuzz_target!(|stream: &[u8]| {
    for oversize in [Oversize::Junk, Oversize::Cut] {
        let whole = streamed(stream, stream.len().max(1), oversize);
        for step in [1, 3, 1000] {
            assert_eq!(streamed(stream, step, oversize), whole);
        }
        let mut items = Items::of(stream, oversize);
        let body: Vec<_> = items.by_ref().map(owned).collect();
        let read: usize = body.iter().map(|(_, text)| text.len()).sum();
        assert!(read + items.rest().len() <= stream.len());
        assert!(
            body.iter()
                .all(|(kind, text)| *kind == 'j' || text.len() <= MAX_MESSAGE)
        );
        // A body's end decides what a connection would wait for.
        assert!(body.starts_with(&whole));
    }
});
