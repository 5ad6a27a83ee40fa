//! Prints the logs of one app until the stream is refused.
//!
//! `cargo run -p logweir-client --example tail -- 127.0.0.1:8082 certs my-app`

use std::{io::Write, path::Path};

use logweir_client::{
    Endpoint, Event, Kind, ReadRequest, Reader, TlsFiles, selector, v2::envelope::Message,
};

/// Writes up to `limit` logs of `source_id` to `out`, one a line.
pub(crate) async fn tail(
    address: &str,
    certs: &Path,
    source_id: &str,
    limit: usize,
    out: &mut impl Write,
) -> Result<(), Box<dyn std::error::Error>> {
    let rlp = Endpoint::new(address, "reverselogproxy").tls(TlsFiles::in_dir(certs));
    let request = ReadRequest::new(vec![selector(source_id, Kind::Log)]);
    let mut reader = Reader::connect(rlp, request)?;
    let mut printed = 0;
    while printed < limit
        && let Some(event) = reader.next().await
    {
        // Connections lost and found are events too; a tail passes them over.
        let Event::Batch(batch) = event? else {
            continue;
        };
        for envelope in batch.batch {
            if let Some(Message::Log(log)) = envelope.message {
                out.write_all(&log.payload)?;
                out.write_all(b"\n")?;
                printed += 1;
            }
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8082".into());
    let certs = arguments.next().unwrap_or_else(|| "certs".into());
    let source_id = arguments.next().unwrap_or_else(|| "my-app".into());
    tail(
        &address,
        Path::new(&certs),
        &source_id,
        usize::MAX,
        &mut std::io::stdout(),
    )
    .await
}
