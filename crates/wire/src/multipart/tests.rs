use super::*;

fn written(parts: &[&[u8]]) -> (String, BytesMut) {
    let mut writer = Writer::new([0xAB; 30]);
    let content_type = writer.content_type();
    let mut out = BytesMut::new();
    for part in parts {
        writer.part(part, &mut out);
    }
    writer.end(&mut out);
    (content_type, out)
}

#[test]
fn parts_have_no_headers_and_the_boundary_is_last() {
    let boundary = "ab".repeat(30);
    let (content_type, body) = written(&[b"one", b"two"]);
    assert_eq!(
        content_type,
        format!("multipart/x-protobuf; boundary={boundary}")
    );
    let expected =
        format!("--{boundary}\r\n\r\none\r\n--{boundary}\r\n\r\ntwo\r\n--{boundary}--\r\n");
    assert_eq!(body, expected.as_bytes());
    assert_eq!(written(&[]).1, format!("\r\n--{boundary}--\r\n").as_bytes());
}

#[test]
fn what_is_written_is_read() {
    let binary: Vec<u8> = (0..=255).chain(*b"\r\n--\r\n\r\n").collect();
    for list in [&[][..], &[&b""[..]], &[b"", b"x", b""], &[&binary, b"\r\n"]] {
        let (content_type, body) = written(list);
        assert_eq!(parts(&content_type, &body).unwrap(), list);
    }
}

#[test]
fn headers_and_quotes_of_other_writers_are_read() {
    let body = b"preamble\r\n--B\r\nContent-Type: x\r\n\r\none\r\n--B--";
    assert_eq!(
        parts("multipart/mixed; boundary=\"B\"", body).unwrap(),
        [b"one"]
    );
}

#[test]
fn bodies_that_are_cut_are_errors() {
    let (content_type, body) = written(&[b"one", b"two"]);
    for len in 0..body.len() - 4 {
        assert!(parts(&content_type, &body[..len]).is_err(), "{len}");
    }
    assert_eq!(parts("text/plain", &body), Err(MultipartError::NoBoundary));
    let no_blank_line = b"--B\r\nx\r\n--B--\r\n";
    assert_eq!(
        parts("a; boundary=B", no_blank_line),
        Err(MultipartError::Malformed)
    );
}
