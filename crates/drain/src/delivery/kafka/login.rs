//! Telling a broker who we are: SASL PLAIN (RFC 4616) and SCRAM.

use tokio::task::spawn_blocking;

use super::link::{Link, no_answer};
use crate::{
    delivery::Failure,
    kafka::{
        answer::{sasl_authenticate, sasl_handshake},
        request::Request,
        scram::{Hash, Scram},
    },
    nozzle::{Mechanism, Sasl},
};

/// Random characters in a nonce of SCRAM.
const NONCE: usize = 24;

/// Logs in. The broker ends the connection if it does not like us, mostly with a word.
pub(super) async fn login(link: &mut Link, sasl: &Sasl) -> Result<(), Failure> {
    let mechanism = sasl.mechanism.name();
    let answer = link.ask(Request::sasl_handshake(mechanism)).await?;
    let (error, offered) = sasl_handshake(&answer).map_err(no_answer)?;
    if !error.is_none() {
        let offered = offered.join(", ");
        return Err(Failure::Broker {
            code: error,
            about: format!("logging in by {mechanism}; it offers {offered}"),
        });
    }
    match sasl.mechanism {
        Mechanism::Plain => {
            let message = format!("\0{}\0{}", sasl.user, sasl.password.reveal());
            say(link, message.as_bytes(), mechanism).await.map(drop)
        }
        Mechanism::Scram(hash) => scram(link, sasl, hash).await,
    }
}

async fn scram(link: &mut Link, sasl: &Sasl, hash: Hash) -> Result<(), Failure> {
    let nonce: String = (0..NONCE).map(|_| fastrand::alphanumeric()).collect();
    let (scram, first) = Scram::begin(hash, &sasl.user, sasl.password.clone(), nonce);
    let answer = say(link, &first, hash.mechanism()).await?;
    // Thousands of rounds of a hash.
    let proof = spawn_blocking(move || scram.prove(&answer)).await;
    let proof = proof.map_err(|error| Failure::Request(error.to_string()))?;
    let (proved, last) = proof.map_err(Failure::Login)?;
    let answer = say(link, &last, hash.mechanism()).await?;
    proved.check(&answer).map_err(Failure::Login)
}

async fn say(link: &mut Link, message: &[u8], mechanism: &str) -> Result<Vec<u8>, Failure> {
    let answer = link.ask(Request::sasl_authenticate(message)).await?;
    let said = sasl_authenticate(&answer).map_err(no_answer)?;
    said.map_err(|code| Failure::Broker {
        code,
        about: format!("user and password ({mechanism})"),
    })
}
