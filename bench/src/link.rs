//! Connections of the bench to the processes.

use anyhow::Result;
use logweir_net::{
    dial::{DialSettings, Dialer},
    tls::{Alpn, ClientTls, Verify},
};

use crate::identity::Identities;

/// Dials a process whose certificate carries `name`.
pub(crate) fn dialer(ids: &Identities, name: &str) -> Result<Dialer> {
    let (cert, key) = ids.client();
    let tls = ClientTls::load(
        Some(&ids.ca()),
        Some((&cert, &key)),
        Verify::Ca,
        &[],
        Alpn::H2,
    )?;
    Ok(Dialer::new(
        Some(tls),
        name.to_owned(),
        DialSettings::default(),
    ))
}
