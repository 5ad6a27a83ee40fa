//! Where drains of channels may lead (spec logplex §5.1). Whoever may use the API names them, so
//! that more is closed to them than to drains that the platform names: this machine and what
//! only it can reach. And none may lead back into this process.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::OnceLock,
};

use crate::block_list::BlockList;

/// What is open to drains of channels.
#[derive(Debug, Default)]
pub struct Reach {
    allowed: BlockList,
    doors: OnceLock<Doors>,
}

#[derive(Debug)]
struct Doors {
    all: Vec<SocketAddr>,
    local: bool,
}

/// Why an address is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Drains may not lead there.
    Blocked,
    /// This process listens there.
    Own,
}

impl Reach {
    /// With ranges that are open although nothing else says so.
    pub fn new(allowed: BlockList) -> Self {
        Self {
            allowed,
            doors: OnceLock::new(),
        }
    }

    /// Where this process listens, said once. If whoever names drains is on this machine
    /// (`local`), they may lead to its loopback too.
    pub fn set_doors(&self, all: Vec<SocketAddr>, local: bool) {
        // A second time there is nothing to say.
        let _ = self.doors.set(Doors { all, local });
    }

    /// Whether an address is closed to drains of channels, beside what is closed to all.
    pub fn closed(&self, address: SocketAddr) -> Option<Closed> {
        let ip = address.ip().to_canonical();
        let (all, local) = match self.doors.get() {
            None => (&[][..], false),
            Some(doors) => (&doors.all[..], doors.local),
        };
        if all.iter().any(|door| leads_to(address.port(), ip, *door)) {
            return Some(Closed::Own);
        }
        let closed = match ip {
            _ if self.allowed.blocks(ip) => false,
            ip if ip.is_loopback() => !local,
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_unicast_link_local() || ip == METADATA,
        };
        closed.then_some(Closed::Blocked)
    }
}

/// Where a cloud tells its machines their credentials; over IPv4 it is a link-local address.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn leads_to(port: u16, ip: IpAddr, door: SocketAddr) -> bool {
    let at = door.ip().to_canonical();
    port == door.port()
        && (at == ip || at.is_unspecified() && (ip.is_unspecified() || is_of_this_machine(ip)))
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use super::*;

    fn reach(doors: &[&str], allowed: &str) -> Reach {
        let reach = Reach::new(BlockList::parse([allowed]).unwrap());
        let doors: Vec<SocketAddr> = doors.iter().map(|door| door.parse().unwrap()).collect();
        let local = doors.iter().all(|door| door.ip().is_loopback());
        reach.set_doors(doors, local);
        reach
    }

    #[test]
    fn what_only_this_machine_reaches_is_closed() {
        let open = reach(&["10.0.0.1:8601"], "");
        for (address, closed) in [
            ("127.0.0.1:514", true),
            ("[::1]:514", true),
            ("[::ffff:127.0.0.1]:514", true),
            ("0.0.0.0:514", true),
            ("169.254.169.254:80", true),
            ("[fe80::1]:80", true),
            ("[fd00:ec2::254]:80", true),
            ("10.0.0.1:514", false),
            ("192.0.2.1:80", false),
            ("[2001:db8::1]:80", false),
        ] {
            let expected = closed.then_some(Closed::Blocked);
            assert_eq!(open.closed(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn the_operator_opens_what_is_closed() {
        let open = reach(&["10.0.0.1:8601"], "127.0.0.0-127.255.255.255");
        assert_eq!(open.closed("127.0.0.1:514".parse().unwrap()), None);
        assert!(open.closed("[::1]:514".parse().unwrap()).is_some());
    }

    #[test]
    fn a_process_on_the_loopback_serves_the_loopback() {
        let local = reach(&["127.0.0.1:8601", "[::1]:8001"], "");
        assert_eq!(local.closed("127.0.0.1:514".parse().unwrap()), None);
        assert!(local.closed("169.254.0.1:80".parse().unwrap()).is_some());
        let early = Reach::default();
        assert!(early.closed("127.0.0.1:514".parse().unwrap()).is_some());
    }

    #[test]
    fn nothing_leads_back() {
        let own = Some(Closed::Own);
        let local = reach(&["127.0.0.1:8601"], "");
        assert_eq!(local.closed("127.0.0.1:8601".parse().unwrap()), own);
        assert_eq!(local.closed("127.0.0.1:8602".parse().unwrap()), None);
        let all = reach(&["0.0.0.0:8601"], "127.0.0.0-127.255.255.255");
        assert_eq!(all.closed("127.0.0.1:8601".parse().unwrap()), own);
        assert_eq!(all.closed("192.0.2.1:8601".parse().unwrap()), None);
    }
}
