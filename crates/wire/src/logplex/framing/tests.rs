//! The grammar of frames, and streams in pieces.

use super::*;

fn all(body: &[u8], oversize: Oversize) -> (Vec<Item<'_>>, &[u8]) {
    let mut items = Items::of(body, oversize);
    let found: Vec<_> = items.by_ref().collect();
    (found, items.rest())
}

fn message(text: &str) -> Item<'_> {
    Item::Message(text.as_bytes())
}

fn junk(text: &str) -> Item<'_> {
    Item::Junk(text.as_bytes())
}

#[test]
fn the_grammar() {
    for (body, items, rest) in [
        ("", vec![], ""),
        ("3 abc2 de", vec![message("abc"), message("de")], ""),
        ("3 a\nc", vec![message("a\nc")], ""),
        // What is left over is no piece.
        ("3 abc 1", vec![message("abc")], " 1"),
        ("3 abc4 de", vec![message("abc")], "4 de"),
        ("3 abc12", vec![message("abc")], "12"),
        // A stray newline is a malformed piece, and so is the rest with one.
        (
            "3 abc\n2 de",
            vec![message("abc"), junk(""), message("de")],
            "",
        ),
        (
            "3 abc\r\n2 de",
            vec![message("abc"), junk(""), message("de")],
            "",
        ),
        (
            "2 abc\n2 de",
            vec![message("ab"), junk("c"), message("de")],
            "",
        ),
        // No length.
        ("abc\n3 abc", vec![junk("abc"), message("abc")], ""),
        ("03 abc\n", vec![junk("03 abc")], ""),
        ("0 \n", vec![junk("0 ")], ""),
        ("3x abc\n", vec![junk("3x abc")], ""),
        (" 3 abc\n", vec![junk(" 3 abc")], ""),
        ("-3 abc\r\n", vec![junk("-3 abc")], ""),
        (
            "99999999999 a\n1 b",
            vec![junk("99999999999 a"), message("b")],
            "",
        ),
        (
            "9999999999 a\n1 b",
            vec![junk("9999999999 a"), message("b")],
            "",
        ),
        ("0", vec![], "0"),
        ("<1>1 a\n", vec![junk("<1>1 a")], ""),
    ] {
        for oversize in [Oversize::Junk, Oversize::Cut] {
            let found = all(body.as_bytes(), oversize);
            assert_eq!(found, (items.clone(), rest.as_bytes()), "{body:?}");
        }
    }
}

#[test]
fn the_longest_message_and_one_byte_more() {
    let text = format!("<1>{}", "x".repeat(MAX_MESSAGE - 3));
    let body = format!("{MAX_MESSAGE} {text}1 a");
    let whole = vec![message(&text), message("a")];
    assert_eq!(all(body.as_bytes(), Oversize::Junk), (whole, &b""[..]));

    let body = format!("{} {text}\n1 a", MAX_MESSAGE + 1);
    let head = format!("{} {text}", MAX_MESSAGE + 1);
    let resynced = vec![junk(&head), message("a")];
    assert_eq!(all(body.as_bytes(), Oversize::Junk), (resynced, &b""[..]));
    let cut = vec![Item::Cut(text.as_bytes()), message("a")];
    assert_eq!(all(body.as_bytes(), Oversize::Cut), (cut, &b""[..]));

    // A number that is no length of anything does not swallow the frames after it.
    let rest = format!("1 a{}", "2 bc".repeat(8_000));
    let body = format!("20000 apples\n{rest}");
    let found = all(body.as_bytes(), Oversize::Cut).0;
    assert_eq!(found[..2], [junk("20000 apples"), message("a")]);
    assert_eq!(found.len(), 8_002);

    // A message that was announced too long and is not all there.
    let body = "20000 <1>1 a\n1 b";
    let found = vec![junk("20000 <1>1 a"), message("b")];
    assert_eq!(all(body.as_bytes(), Oversize::Cut), (found, &b""[..]));
}

/// What a framer gives of a stream in pieces of `step` bytes.
fn streamed(stream: &[u8], step: usize, oversize: Oversize) -> Vec<(bool, Vec<u8>)> {
    let mut framer = Framer::new(oversize);
    let mut found = Vec::new();
    for piece in stream.chunks(step) {
        framer.push(piece);
        while let Some(item) = framer.next_item() {
            found.push(match item {
                Item::Message(text) | Item::Cut(text) => (true, text.to_vec()),
                Item::Junk(text) => (false, text.to_vec()),
            });
        }
        assert!(framer.buffer.len() <= MAX_JUNK + LENGTH_DIGITS + 1 + step);
    }
    found
}

#[test]
fn a_stream_in_pieces_is_the_stream() {
    let long = format!("<1>{}", "x".repeat(MAX_MESSAGE));
    let stream = format!("3 abcjunk\r\n5 defgh{} {long}\n1 a", long.len());
    for oversize in [Oversize::Junk, Oversize::Cut] {
        let whole = streamed(stream.as_bytes(), stream.len(), oversize);
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(streamed(stream.as_bytes(), step, oversize), whole);
        }
        assert_eq!(whole.first(), Some(&(true, b"abc".to_vec())));
        assert_eq!(whole.last(), Some(&(true, b"a".to_vec())));
    }
}

#[test]
fn junk_without_end_is_given_once_and_not_kept() {
    let mut stream = vec![b'x'; 5 * MAX_JUNK];
    stream.extend_from_slice(b"\n3 abc");
    for step in [1000, 64 << 10] {
        let found = streamed(&stream, step, Oversize::Cut);
        let expected = [(false, vec![b'x'; MAX_JUNK]), (true, b"abc".to_vec())];
        assert_eq!(found, expected);
    }
}
