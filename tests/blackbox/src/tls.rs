//! A TLS handshake by rustls alone: our own client refuses to load what these tests show
//! to a server.

use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{certificates::Identity, patience::within};

/// How an HTTP/2 client begins: the preface and empty settings (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Shows `identity` to the gRPC server at `address`. None if it is taken, which shows in
/// the server's own settings; else why not.
///
/// # Panics
/// When the identity is unreadable or there is no connection.
pub async fn refusal(address: &str, name: &str, ca: &Path, identity: &Identity) -> Option<String> {
    let config = config(ca, Some(identity), &[b"h2"]);
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let tcp = TcpStream::connect(address).await.expect("a connection");
    let attempt = async {
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await?;
        stream.write_all(PREFACE).await?;
        stream.read_u8().await
    };
    within("an answer to the handshake", attempt)
        .await
        .err()
        .map(|error| error.to_string())
}

/// A connection to the server at `address`, of whose certificate `ca` vouches for `name`.
/// With TLS 1.3 a refused client hears of it only when it reads.
///
/// # Errors
/// What goes wrong in the handshake.
///
/// # Panics
/// When the identity is unreadable.
pub async fn connect(
    address: &str,
    name: &str,
    ca: &Path,
    identity: Option<&Identity>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let config = config(ca, identity, &[]);
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

fn config(ca: &Path, identity: Option<&Identity>, alpn: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).expect("an authority"))
        .expect("is added");
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::from_pem_file(&identity.cert).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(&identity.key).expect("a key");
            builder
                .with_client_auth_cert(vec![chain], key)
                .expect("an identity")
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config
}
