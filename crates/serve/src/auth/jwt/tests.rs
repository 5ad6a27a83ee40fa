use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A key of a token server.
pub(crate) struct Signer(KeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// Its public half, PEM.
    pub(crate) fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// A token.
    pub(crate) fn token(&self, kid: &str, claims: &str) -> String {
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}"#);
        let signed = signed(&header, claims);
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn signed(header: &str, claims: &str) -> String {
    let (header, claims) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims),
    );
    format!("{header}.{claims}")
}

fn with_secret(secret: &[u8], header: &str, claims: &str) -> String {
    let signed = signed(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn checked(token: &str, key: &Key, now: u64) -> Result<Claims, TokenError> {
    let now = UNIX_EPOCH + Duration::from_secs(now);
    Token::parse(token)?.check(key, now)
}

const HS256: &str = r#"{"alg":"HS256","kid":"k"}"#;

#[test]
fn a_signed_token_is_taken_until_its_time_is_over() {
    let signer = Signer::new();
    let key = Key::read("RS256", &signer.pem()).unwrap();
    let token = signer.token("k", r#"{"scope":["logs.admin"],"exp":100.9}"#);
    assert_eq!(checked(&token, &key, 100).unwrap().scope, ["logs.admin"]);
    assert_eq!(checked(&token, &key, 101), Err(TokenError::Expired(100)));
    let endless = signer.token("k", "{}");
    assert_eq!(checked(&endless, &key, 1), Err(TokenError::Expired(0)));
    let secret = Key::read("HS256", "s").unwrap();
    let token = with_secret(b"s", HS256, r#"{"exp":100}"#);
    assert!(checked(&token, &secret, 1).is_ok());
}

#[test]
fn a_public_key_is_no_secret() {
    let signer = Signer::new();
    let key = Key::read("RS256", &signer.pem()).unwrap();
    let forged = with_secret(signer.pem().as_bytes(), HS256, r#"{"exp":100}"#);
    let refused = checked(&forged, &key, 1);
    assert!(matches!(refused, Err(TokenError::OtherKey { .. })));
    let none = signed(r#"{"alg":"none","kid":"k"}"#, r#"{"exp":100}"#) + ".";
    let refused = checked(&none, &key, 1);
    assert_eq!(refused, Err(TokenError::Algorithm("none".into())));
}

#[test]
fn changed_and_foreign_tokens_are_refused() {
    let (signer, other) = (Signer::new(), Signer::new());
    let key = Key::read("RS256", &signer.pem()).unwrap();
    let token = other.token("k", r#"{"exp":100}"#);
    assert_eq!(checked(&token, &key, 1), Err(TokenError::Signature));
    let token = signer.token("k", r#"{"exp":100}"#);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":100,"scope":["logs.admin"]}"#);
    let changed = format!("{header}.{claims}.{signature}");
    assert_eq!(checked(&changed, &key, 1), Err(TokenError::Signature));
}

#[test]
fn what_is_no_token_is_malformed() {
    let long = "a".repeat(LONGEST + 1);
    for text in ["", "a", "a.b", "a.b.c", "e30.e30.", "..", &long] {
        let refused = Token::parse(text).err();
        assert_eq!(refused, Some(TokenError::Malformed), "{text:.20}");
    }
}

#[test]
fn what_is_no_key_is_none() {
    for (algorithm, value) in [
        ("HS256", ""),
        ("RS256", ""),
        ("RS256", "x"),
        (
            "RS256",
            "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
        ),
    ] {
        assert!(Key::read(algorithm, value).is_none(), "{value}");
    }
}
