//! What a log cache answers over HTTP (spec log-cache §1.4). Its Go clients refuse
//! unknown fields in reads and meta: never add one.

use logweir_proto::logcache::MetaInfo;

use super::{
    Written, envelope_batch,
    scalar::{string, whole},
};

/// Appends `{"envelopes":{"batch":[…]}}` and a newline for the bytes of an
/// `EnvelopeBatch`.
pub fn cache_read(batch: &[u8], out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(b"{\"envelopes\":");
    let written = envelope_batch(batch, out);
    out.extend_from_slice(b"}\n");
    written
}

/// The same with where the next page begins, which is empty after the last one.
pub fn cache_page(batch: &[u8], next: &str, out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(b"{\"envelopes\":");
    let written = envelope_batch(batch, out);
    out.extend_from_slice(b",\"next\":");
    string(next, out);
    out.extend_from_slice(b"}\n");
    written
}

/// Appends what is known of each source, and a newline. They come in the order of their names.
pub fn cache_meta<'a>(sources: impl IntoIterator<Item = (&'a str, MetaInfo)>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"meta\":{");
    for (index, (source, info)) in sources.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(source, out);
        for (before, number) in [
            (&b":{\"count\":"[..], info.count),
            (b",\"expired\":", info.expired),
            (b",\"oldest_timestamp\":", info.oldest_timestamp),
            (b",\"newest_timestamp\":", info.newest_timestamp),
        ] {
            out.extend_from_slice(before);
            whole(number, out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends the body of a call that failed: its gRPC code and message, and a newline.
pub fn failure(code: i32, message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(code.to_string().as_bytes());
    out.extend_from_slice(b",\"message\":");
    string(message, out);
    out.extend_from_slice(b",\"details\":[]}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_found_has_every_field() {
        let read = text(|out| {
            cache_read(b"", out);
        });
        assert_eq!(read, "{\"envelopes\":{\"batch\":[]}}\n");
        let page = text(|out| {
            cache_page(b"", "5.0", out);
        });
        assert_eq!(page, "{\"envelopes\":{\"batch\":[]},\"next\":\"5.0\"}\n");
        let meta = text(|out| cache_meta([], out));
        assert_eq!(meta, "{\"meta\":{}}\n");
    }

    #[test]
    fn sources_are_escaped() {
        let info = MetaInfo {
            count: 2,
            expired: 0,
            oldest_timestamp: -1,
            newest_timestamp: 2,
        };
        let sources = ["", "a\n\"", "b"].map(|name| (name, info));
        let known = "{\"count\":\"2\",\"expired\":\"0\",\"oldest_timestamp\":\"-1\",\
                     \"newest_timestamp\":\"2\"}";
        assert_eq!(
            text(|out| cache_meta(sources, out)),
            format!("{{\"meta\":{{\"\":{known},\"a\\n\\\"\":{known},\"b\":{known}}}}}\n")
        );
    }

    #[test]
    fn a_failure_names_its_code() {
        assert_eq!(
            text(|out| failure(3, "\"x\" <is> wrong", out)),
            "{\"code\":3,\"message\":\"\\\"x\\\" <is> wrong\",\"details\":[]}\n"
        );
    }
}
