//! Which cipher suites are offered, and the provider that carries them out.

use std::sync::Arc;

use rustls::{
    SupportedCipherSuite,
    crypto::{CryptoProvider, aws_lc_rs},
};

use super::TlsError;

/// Those of TLS 1.2, the fastest first. The peers know the two with RSA only; the
/// others let an ECDSA certificate speak TLS 1.2 as well.
const TLS12: [SupportedCipherSuite; 4] = [
    aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// Those of TLS 1.3, which are not configurable (spec loggregator-v2 §3.2). AES-128
/// first: it is what a router spends most of its time on.
const TLS13: [SupportedCipherSuite; 3] = [
    aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
    aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
    aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// The provider for a configured list of suites; an empty list takes them all. Names
/// are IANA's, which are Go's too (`TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`). Unknown
/// ones are skipped as the peers do; an error if none is left.
pub(super) fn provider(configured: &[String]) -> Result<Arc<CryptoProvider>, TlsError> {
    let mut suites = TLS13.to_vec();
    suites.extend(TLS12.iter().filter(|suite| {
        configured.is_empty()
            || configured
                .iter()
                .any(|name| suite.suite().as_str() == Some(name.trim()))
    }));
    if suites.len() == TLS13.len() {
        return Err(TlsError::NoValidCiphers);
    }
    Ok(Arc::new(CryptoProvider {
        cipher_suites: suites,
        ..aws_lc_rs::default_provider()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls12(configured: &[&str]) -> Result<Vec<&'static str>, TlsError> {
        let configured: Vec<String> = configured.iter().map(ToString::to_string).collect();
        let provider = provider(&configured)?;
        Ok(provider
            .cipher_suites
            .iter()
            .filter(|suite| suite.tls13().is_none())
            .filter_map(|suite| suite.suite().as_str())
            .collect())
    }

    #[test]
    fn no_list_takes_all_and_the_fastest_leads() {
        let all = tls12(&[]).unwrap();
        assert_eq!(all.len(), 4);
        assert!(all[0].ends_with("AES_128_GCM_SHA256"), "{all:?}");
        let first = provider(&[]).unwrap().cipher_suites[0];
        assert_eq!(first.suite().as_str(), Some("TLS13_AES_128_GCM_SHA256"));
    }

    #[test]
    fn a_list_narrows_and_unknown_names_are_skipped() {
        let wanted = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        assert_eq!(
            tls12(&[
                "TLS_RSA_WITH_RC4_128_SHA",
                " TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 "
            ])
            .unwrap(),
            [wanted]
        );
    }

    #[test]
    fn a_list_of_which_nothing_is_left_is_refused() {
        let error = tls12(&["TLS_RSA_WITH_RC4_128_SHA"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no valid ciphers provided for TLS configuration"
        );
    }
}
