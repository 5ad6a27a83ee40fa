//! Syslog over UDP: a datagram for each message (RFC 5426).

use std::{io, net::SocketAddr};

use logweir_route::Cause;
use nix::errno::Errno;
use tokio::{
    net::UdpSocket,
    time::{Instant, sleep_until},
};

use super::{
    DrainState, Failure,
    courier::Courier,
    dial::{Dial, Receiver},
};

/// Bytes that are taken from the queue at a time.
const TAKE: usize = 64 << 10;

/// Sends until nothing was to be sent for long, or the drain ends. The name is looked up
/// anew for each session.
pub(super) async fn session(courier: &mut Courier, to: Receiver) -> Result<(), Failure> {
    courier.shared.enter(DrainState::Connecting);
    let dial = Dial {
        to: &to,
        with: &courier.with,
    };
    let addresses = dial.addresses().await?;
    let Some(address) = addresses.first() else {
        return Err(Failure::Resolve("the receiver has no address".to_owned()));
    };
    let socket = open(*address).await.map_err(|error| Failure::Connect {
        address: address.to_string(),
        reason: error.to_string(),
    })?;
    let opened = Instant::now();
    courier.connected(opened);
    let settings = &courier.with.settings;
    let (idle, old) = (settings.idle, opened + settings.max_age);
    let mut used = opened;
    loop {
        let now = Instant::now();
        courier.tell_what_is_due(now);
        if courier.batch.is_empty() {
            courier.fill(TAKE).await;
        }
        if courier.batch.is_empty() {
            let end = old.min(used + idle);
            if courier.is_over() || now >= end {
                return Ok(());
            }
            courier.batch.release();
            let wake = courier.tell_due().map_or(end, |due| due.min(end));
            tokio::select! {
                () = courier.until_filled(1) => {}
                () = sleep_until(wake) => {}
            }
            continue;
        }
        let message = courier.batch.body(0, 1);
        // The datagram says where a message ends.
        let message = match to {
            // Logplex's datagrams are its lines.
            Receiver::Channel(_) => &message[..],
            _ => message.strip_suffix(b"\n").unwrap_or(&message),
        };
        match socket.send(message).await {
            Ok(_) => courier.sent(1),
            Err(error) if is_too_large(&error) => {
                courier.lose(0, 1, Cause::TooLarge);
                courier.sent(1);
            }
            // What a datagram before this one met with.
            Err(error) => return Err(Failure::Broken(error.to_string())),
        }
        used = now;
    }
}

async fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}
