//! Lines that a list in Redis has and the memory of the channel's node does not have: from
//! before that node started, or from before the channel was its own.

use std::collections::HashMap;

use bytes::Bytes;

/// Of a list, oldest first, what comes before the lines in memory, which are oldest first
/// too. What is written to the list follows the memory: it may lack the newest lines, and
/// lines that were lost on the way to it.
pub(super) fn older(mut list: Vec<Bytes>, memory: &[Vec<u8>]) -> Vec<Bytes> {
    if let Some(at) = overlap(&list, memory).or_else(|| first_known(&list, memory)) {
        list.truncate(at);
    }
    list
}

/// Where the rest of the list is how the memory begins.
fn overlap(list: &[Bytes], memory: &[Vec<u8>]) -> Option<usize> {
    let first = memory.first()?;
    let from = list.len().saturating_sub(memory.len());
    (from..list.len()).find(|at| {
        let rest = &list[*at..];
        rest[0] == *first && rest.iter().zip(memory).all(|(one, other)| one == other)
    })
}

/// Where the first line is that the memory has too.
fn first_known(list: &[Bytes], memory: &[Vec<u8>]) -> Option<usize> {
    let mut places = HashMap::new();
    for (at, message) in list.iter().enumerate() {
        places.entry(&**message).or_insert(at);
    }
    memory
        .iter()
        .find_map(|message| places.get(&**message).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Bytes> {
        let words = text.split_whitespace();
        words
            .map(|word| Bytes::copy_from_slice(word.as_bytes()))
            .collect()
    }

    #[test]
    fn what_is_in_both_is_shown_once() {
        for (list, memory, expected) in [
            ("a b c d", "c d", "a b"),
            // The list has not got the newest yet, …
            ("a b c", "c d e", "a b"),
            ("a b", "c d", "a b"),
            // … or has lost some.
            ("a b d e", "c d e", "a b"),
            ("a b c e", "c d e", "a b"),
            // The memory has all of it.
            ("b c", "a b c", ""),
            ("", "a", ""),
            ("a b", "", "a b"),
            // Lines that are alike.
            ("x x x x", "x x", "x x"),
            ("x a x b", "x b", "x a"),
        ] {
            let memory: Vec<_> = texts(memory).iter().map(|one| one.to_vec()).collect();
            assert_eq!(
                older(texts(list), &memory),
                texts(expected),
                "{list} / {memory:?}"
            );
        }
    }
}
