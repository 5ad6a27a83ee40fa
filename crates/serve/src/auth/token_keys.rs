//! The keys that UAA signs tokens with, fetched again as they change.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use logweir_net::{body, http_client::HttpClient, tls::ClientTls};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::{
    AuthError, UaaConfig, call,
    jwt::{Claims, Key, Token, TokenError},
};

/// Strangers decide how often a key is missed: UAA is asked this often at most.
const THROTTLE: Duration = Duration::from_secs(5);

/// Without any reason the keys are fetched this often, so that one that was taken away is
/// forgotten.
const PERIOD: Duration = Duration::from_secs(600);

/// Largest list of keys.
const ANSWER_BYTES: usize = 1 << 20;

/// Why there are no new keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeysError {
    /// Asked a moment ago.
    #[error("UAA TokenKey refresh throttled to every 5s, try again in {0:?}")]
    Throttled(Duration),
    /// UAA cannot be asked.
    #[error("{0}")]
    Unreachable(String),
    /// UAA answered something else.
    #[error("got an invalid status code talking to UAA {0}")]
    Status(StatusCode),
    /// What it answered are no keys.
    #[error("unable to decode json token keys from UAA: {0}")]
    Json(String),
    /// None of them can be used.
    #[error("received no usable token key from UAA")]
    None,
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<ListedKey>,
}

#[derive(Deserialize)]
struct ListedKey {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    alg: String,
}

/// The keys of one UAA.
pub(crate) struct TokenKeys {
    client: HttpClient,
    certificates: Option<ClientTls>,
    url: Uri,
    credentials: Option<HeaderValue>,
    keys: ArcSwap<HashMap<String, Key>>,
    /// When UAA was asked last. Held while it is asked.
    asked: Mutex<Option<Instant>>,
}

impl TokenKeys {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// An address, credential or certificate that cannot be used.
    pub(crate) fn new(config: &UaaConfig) -> Result<Self, AuthError> {
        let setting = |key, reason: &str| AuthError::Setting {
            key,
            reason: reason.to_owned(),
        };
        let base = call::base("uaa.url", &config.url)?;
        // As at the peer, certificates are not looked at only where an authority is named.
        let named = config.ca != Path::new("");
        let skip = config.skip_verify && named;
        let certificates = call::certificates("uaa.ca", &[&base], &config.ca, None, skip)?;
        let given = !config.client_id.is_empty() && !config.client_secret.is_empty();
        let credentials = given.then(|| {
            let pair = format!("{}:{}", config.client_id, config.client_secret);
            let value = format!("Basic {}", STANDARD.encode(pair));
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| setting("uaa.client_id", "fits in no header"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self {
            client: call::client(certificates.clone(), None, ANSWER_BYTES),
            certificates,
            // Only scheme and host of the address count; its path is replaced.
            url: call::with_path(&base, "/token_keys")
                .ok_or_else(|| setting("uaa.url", "takes no path"))?,
            credentials: credentials.transpose()?,
            keys: ArcSwap::default(),
            asked: Mutex::default(),
        })
    }

    /// The certificates towards UAA, to be watched for changes.
    pub(crate) fn certificates(&self) -> Option<ClientTls> {
        self.certificates.clone()
    }

    /// Fetches the keys, and forgets those that are not listed any more. Whoever comes
    /// while that goes on waits for it.
    ///
    /// # Errors
    /// [`KeysError`]; the keys that are known stay.
    pub(crate) async fn refresh(&self) -> Result<(), KeysError> {
        let came = Instant::now();
        let mut asked = self.asked.lock().await;
        if let Some(last) = *asked {
            if last > came {
                // Somebody did it in the meantime.
                return Ok(());
            }
            let left = THROTTLE.saturating_sub(last.elapsed());
            if !left.is_zero() {
                return Err(KeysError::Throttled(left));
            }
        }
        *asked = Some(Instant::now());
        let listed = self.fetch().await?;
        let mut keys = HashMap::new();
        for ListedKey { kid, value, alg } in listed.keys {
            match Key::read(&alg, &value) {
                Some(key) => {
                    keys.insert(kid, key);
                }
                None => tracing::warn!("the token key {kid:?} of UAA cannot be read"),
            }
        }
        if keys.is_empty() {
            return Err(KeysError::None);
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    async fn fetch(&self) -> Result<Listed, KeysError> {
        let mut request = Request::new(body::empty());
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(credentials) = &self.credentials {
            headers.insert(header::AUTHORIZATION, credentials.clone());
        }
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| KeysError::Unreachable(error.to_string()))?;
        match answer.status() {
            StatusCode::OK => serde_json::from_slice(answer.body())
                .map_err(|error| KeysError::Json(error.to_string())),
            status => Err(KeysError::Status(status)),
        }
    }

    /// Fetches the keys now and then, for ever.
    pub(crate) async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.refresh_in_background().await;
        }
    }

    async fn refresh_in_background(&self) {
        match self.refresh().await {
            Ok(()) | Err(KeysError::Throttled(_)) => {}
            Err(error) => tracing::warn!("the token keys stay as they are: {error}"),
        }
    }

    /// What a token says, if it is one of UAA's. The key of a token that is not known is
    /// fetched first; after a wrong signature the keys are fetched for the next.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) async fn check(self: &Arc<Self>, token: &str) -> Result<Claims, TokenError> {
        let checked = self.try_check(token).await;
        if matches!(checked, Err(TokenError::Malformed | TokenError::Signature)) {
            let keys = Arc::clone(self);
            tokio::spawn(async move { keys.refresh_in_background().await });
        }
        checked
    }

    async fn try_check(&self, token: &str) -> Result<Claims, TokenError> {
        let token = Token::parse(token)?;
        if !self.keys.load().contains_key(token.kid()) {
            self.refresh_in_background().await;
        }
        let keys = self.keys.load();
        let key = keys.get(token.kid());
        let key = key.ok_or_else(|| TokenError::UnknownKey(token.kid().to_owned()))?;
        token.check(key, SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{jwt::tests::Signer, stub::Stub};

    fn listed(keys: &[(&str, &Signer)]) -> &'static str {
        let keys: Vec<_> = keys
            .iter()
            .map(|(kid, signer)| {
                serde_json::json!({"kid": kid, "value": signer.pem(), "alg": "RS256", "n": "x"})
            })
            .collect();
        Box::leak(
            serde_json::json!({ "keys": keys })
                .to_string()
                .into_boxed_str(),
        )
    }

    fn of(stub: &Stub) -> Arc<TokenKeys> {
        Arc::new(
            TokenKeys::new(&UaaConfig {
                url: format!("{}/any/path", stub.url),
                client_id: "id".into(),
                client_secret: "secret".into(),
                ca: "".into(),
                skip_verify: false,
            })
            .unwrap(),
        )
    }

    const ADMIN: &str = r#"{"scope":["logs.admin"],"exp":32503680000}"#;

    #[tokio::test]
    async fn a_rotated_key_is_fetched_and_the_old_one_forgotten() {
        let (old, new) = (Signer::new(), Signer::new());
        let answers = vec![
            (200, listed(&[("old", &old)])),
            (200, listed(&[("new", &new)])),
        ];
        let uaa = Stub::start(answers).await;
        let keys = of(&uaa);
        keys.refresh().await.unwrap();
        let (old, new) = (old.token("old", ADMIN), new.token("new", ADMIN));
        assert_eq!(keys.check(&old).await.unwrap().scope, ["logs.admin"]);
        // A moment after the last time UAA is not asked.
        let refused = keys.check(&new).await;
        assert_eq!(refused, Err(TokenError::UnknownKey("new".into())));
        *keys.asked.lock().await = None;
        assert!(keys.check(&new).await.is_ok());
        assert!(matches!(
            keys.check(&old).await,
            Err(TokenError::UnknownKey(_))
        ));
        assert_eq!(uaa.asked().len(), 2);
        let credentials = STANDARD.encode("id:secret");
        assert_eq!(
            uaa.asked()[0],
            format!("GET /token_keys [Basic {credentials}]")
        );
    }

    #[tokio::test]
    async fn what_uaa_says_wrong_leaves_the_keys() {
        let signer = Signer::new();
        let answers = vec![
            (200, listed(&[("k", &signer)])),
            (503, ""),
            (200, "{"),
            (200, r#"{"keys":[{"kid":"k","value":"x","alg":"RS256"}]}"#),
        ];
        let keys = of(&Stub::start(answers).await);
        keys.refresh().await.unwrap();
        for _ in 0..3 {
            *keys.asked.lock().await = None;
            assert!(keys.refresh().await.is_err());
            assert!(keys.check(&signer.token("k", ADMIN)).await.is_ok());
        }
        let throttled = keys.refresh().await;
        assert!(matches!(throttled, Err(KeysError::Throttled(_))));
    }
}
