//! Connections as they should not be: each ends with a clear reason, and those that
//! stand carry on.

use logweir_blackbox::{
    certificates::{Authority, Identity, Validity},
    envelopes::{batch, log, payload},
    http,
    patience::within,
    stream::{Producer, Reader},
    system::System,
    tls,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Sends one more log through an existing stream: it must still arrive.
async fn carries_on(system: &System, producer: &Producer, reader: &mut Reader) {
    producer.send(&batch(&[log("app", "still here")])).await;
    let got = system.read_to(reader, "still here").await;
    assert_eq!(got.iter().map(payload).collect::<Vec<_>>(), ["still here"]);
}

/// What becomes of a client that shows this identity: why it is refused.
async fn refused(system: &System, door: &str, client: Option<&Identity>) -> String {
    match system.dial_as(door, client).await {
        Err(error) => error.to_string(),
        // With TLS 1.3 the server's refusal comes after the client's handshake.
        Ok(h2) => {
            within("the connection ends", h2.closed()).await;
            h2.reason().unwrap_or("no reason").to_owned()
        }
    }
}

#[tokio::test]
async fn clients_with_wrong_certificates_are_refused_with_the_reason() {
    // Each stranger is logged, at a level that a flood of them does not fill a disk with.
    let system = System::start_with("log_level = \"debug\"\n").await;
    let (producer, mut reader) = system.pair("app").await;
    let elsewhere = Authority::create();
    let stranger = elsewhere.issue("client", Validity::Now);
    for door in ["ingress", "grpc"] {
        let reason = refused(&system, door, Some(&stranger)).await;
        assert!(
            reason.contains("UnknownCA") || reason.contains("unknown"),
            "{door}: {reason}"
        );
        let reason = refused(&system, door, None).await;
        assert!(
            reason.to_lowercase().contains("certificate"),
            "{door}: {reason}"
        );
    }
    system.process.says("TLS handshake failed: ").await;
    carries_on(&system, &producer, &mut reader).await;
}

#[tokio::test]
async fn an_expired_client_certificate_is_refused_as_expired() {
    let authority = Authority::create();
    let server = authority.issue("metron", Validity::Now);
    let client = authority.issue("client", Validity::Now);
    let expired = {
        let directory = tempfile::tempdir().expect("a directory");
        let identity = authority.issue_into(directory.path(), "old", Validity::Expired);
        (directory, identity)
    };
    let config = format!(
        "[agent.tls]\ncert = {:?}\nkey = {:?}\nca = {:?}\n",
        server.cert,
        server.key,
        authority.ca()
    );
    let system = System::start_with(&config).await;
    let door = system.door("ingress");
    assert_eq!(
        tls::refusal(door, "metron", &authority.ca(), &client).await,
        None
    );
    let reason = tls::refusal(door, "metron", &authority.ca(), &expired.1).await;
    let reason = reason.expect("a refusal");
    assert!(reason.to_lowercase().contains("expired"), "{reason}");
}

#[tokio::test]
async fn plain_text_on_a_grpc_port_is_closed_and_logged() {
    let system = System::start_with("log_level = \"debug\"\n").await;
    let (producer, mut reader) = system.pair("app").await;
    for door in ["ingress", "grpc"] {
        for text in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"<14>1 - - - - - - hello\n",
        ] {
            // `send` ends only when the server has closed the connection.
            assert_eq!(http::send(system.door(door), text).await, "", "{door}");
        }
    }
    system
        .process
        .says("the client sent plain text to a TLS port")
        .await;
    carries_on(&system, &producer, &mut reader).await;
}

#[tokio::test]
async fn plain_http_on_the_https_door_is_told_what_is_wrong() {
    let authority = Authority::create();
    let server = authority.issue("gateway", Validity::Now);
    let config = format!(
        "[run.https]\ncert = {:?}\nkey = {:?}\n",
        server.cert, server.key
    );
    let system = System::start_with(&config).await;
    let answer = http::send(
        system.door("http"),
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer:?}");
    assert!(
        answer.contains("Client sent an HTTP request to an HTTPS server."),
        "{answer:?}"
    );
}

#[tokio::test]
async fn clients_that_stall_hold_up_nobody() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let mut stalled = Vec::new();
    for door in ["ingress", "grpc", "http"] {
        for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"GE"] {
            let mut stream = TcpStream::connect(system.door(door))
                .await
                .expect("a connection");
            stream.write_all(beginning).await.expect("written");
            stalled.push(stream);
        }
    }
    // A message that is begun and not ended, on a connection that others use too.
    let h2 = system.dial("ingress").await;
    let begun = Producer::open(&h2);
    begun
        .send_raw(bytes::Bytes::from_static(b"\0\0\0\x10\0half"))
        .await;
    let beside = Producer::open(&h2);
    beside.send(&batch(&[log("app", "beside")])).await;
    system.read_to(&mut reader, "beside").await;
    carries_on(&system, &producer, &mut reader).await;
    // A late but honest rest makes the message whole.
    drop(begun);
    drop(stalled);
    carries_on(&system, &producer, &mut reader).await;
}
