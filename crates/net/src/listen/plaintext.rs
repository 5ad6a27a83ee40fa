//! Plain text on a TLS port: said clearly, not as a failed handshake.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// First byte of every TLS record that begins a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;

/// How Go's HTTP server answers such a client (spec loggregator-v2 §6.1).
const ANSWER: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// How long a client that got the answer may still be sending.
const LINGER: Duration = Duration::from_secs(1);

/// What a client began with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A TLS record.
    Tls,
    /// An HTTP request.
    Http,
    /// Neither.
    Other,
    /// It left without a word.
    Nothing,
}

/// Looks at the first bytes and leaves them where they are. Waits for the first one.
pub(super) async fn look(tcp: &TcpStream) -> io::Result<Beginning> {
    let mut first = [0; 5];
    let n = tcp.peek(&mut first).await?;
    Ok(judge(&first[..n]))
}

fn judge(first: &[u8]) -> Beginning {
    const METHODS: [&[u8]; 6] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO", b"PRI *"];
    match first {
        [] => Beginning::Nothing,
        [HANDSHAKE, ..] => Beginning::Tls,
        _ if METHODS.iter().any(|method| method.starts_with(first)) => Beginning::Http,
        _ => Beginning::Other,
    }
}

/// Answers 400 and lets the client read it: closing with unread input would reset the
/// connection under the answer.
pub(super) async fn refuse(mut tcp: TcpStream) {
    let goodbye = async {
        tcp.write_all(ANSWER).await?;
        tcp.shutdown().await?;
        let mut rest = [0; 1024];
        while tcp.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    let _ = tokio::time::timeout(LINGER, goodbye).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_told_apart() {
        assert_eq!(judge(b"\x16\x03\x01\x02\x00"), Beginning::Tls);
        assert_eq!(judge(b"\x16"), Beginning::Tls);
        assert_eq!(judge(b"GET /"), Beginning::Http);
        assert_eq!(judge(b"PO"), Beginning::Http);
        assert_eq!(judge(b"<14>1"), Beginning::Other);
        assert_eq!(judge(b""), Beginning::Nothing);
    }
}
