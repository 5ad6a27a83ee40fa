//! TLS towards a peer that brings authorities of its own and gave us a certificate for
//! it: a tenant's receiver. What one tenant trusts must not count for another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{Alpn, TlsError, client::webpki, files::PemFile, identity};

/// Sessions that are kept for the next connection with one peer.
const SESSIONS: usize = 4;

/// What one peer has of its own, in PEM.
#[derive(Clone, Copy, Default)]
pub struct Personal<'a> {
    /// Authorities of the peer beside those in force; empty for none. What in it is no
    /// certificate is passed over.
    pub ca: &'a str,
    /// Our certificate chain and key for this peer.
    pub identity: Option<(&'a str, &'a str)>,
    /// What is spoken inside; nothing is negotiated without it.
    pub alpn: Option<Alpn>,
}

/// How connections with one peer are opened.
pub struct PersonalTls {
    /// For rustls.
    pub config: Arc<ClientConfig>,
    asked: Arc<AtomicBool>,
}

impl PersonalTls {
    /// True if the peer asked for our certificate since this was last called. With TLS
    /// 1.3 it judges that certificate, or that there is none, only when we think that
    /// the handshake is over: its alert is then still to come.
    pub fn asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }
}

impl Personal<'_> {
    pub(super) fn over(
        &self,
        shared: &ClientConfig,
        verifier: &Arc<dyn ServerCertVerifier>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<PersonalTls, TlsError> {
        let mut config = shared.clone();
        if !self.ca.is_empty() {
            let own = webpki(authorities(self.ca)?, provider)?;
            let either = Either {
                own,
                shared: verifier.clone(),
            };
            config
                .dangerous()
                .set_certificate_verifier(Arc::new(either));
        }
        let identity = self
            .identity
            .map(|(cert, key)| {
                let cert = PemFile::of("the client certificate", cert);
                let key = PemFile::of("the client key", key);
                identity::load(&cert, &key, provider, SystemTime::now())
            })
            .transpose()?;
        let asked = Arc::new(AtomicBool::new(false));
        config.client_auth_cert_resolver = Arc::new(Told {
            asked: asked.clone(),
            identity,
        });
        config.alpn_protocols = self.alpn.map(Alpn::protocols).unwrap_or_default();
        // A session that is taken up again is not checked again, so it must not be
        // one that somebody else's authorities vouched for.
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(PersonalTls {
            config: Arc::new(config),
            asked,
        })
    }
}

fn authorities(pem: &str) -> Result<RootCertStore, TlsError> {
    let file = PemFile::of("the CA of this peer", pem);
    let mut store = RootCertStore::empty();
    let (taken, _) = store.add_parsable_certificates(file.certificates()?);
    match taken {
        0 => Err(file.wrong("no certificate in it can be used")),
        _ => Ok(store),
    }
}

/// Our certificate, and whether it was asked for.
#[derive(Debug)]
struct Told {
    asked: Arc<AtomicBool>,
    identity: Option<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for Told {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.identity.clone()
    }

    // False would keep rustls from asking.
    fn has_certs(&self) -> bool {
        true
    }
}

/// The peer's own authorities, or those of everybody. Two stores rather than one of
/// both: the system's is large, and there may be thousands of peers.
#[derive(Debug)]
struct Either {
    own: Arc<dyn ServerCertVerifier>,
    shared: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Either {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let check = |by: &Arc<dyn ServerCertVerifier>| {
            by.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        // The error of its own authorities is the one that helps.
        check(&self.own).or_else(|own| check(&self.shared).map_err(|_| own))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.shared.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.shared.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.shared.supported_verify_schemes()
    }
}
