//! What the kernel knows of a socket's queue. Linux shows it in `/proc/net/udp`.

use std::{
    fs,
    net::UdpSocket,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The kernel's queue of one UDP socket. Clones look at the same socket.
#[derive(Clone, Debug)]
pub struct KernelQueue {
    /// Tells sockets of one port apart. `None` where the system does not show it.
    inode: Option<u64>,
    /// The last number seen: it outlives the socket.
    dropped: Arc<AtomicU64>,
}

impl KernelQueue {
    pub(super) fn of(socket: &UdpSocket) -> Self {
        let descriptor = format!("/proc/self/fd/{}", socket.as_raw_fd());
        Self {
            inode: fs::metadata(descriptor).ok().map(|found| found.ino()),
            dropped: Arc::default(),
        }
    }

    /// Datagrams that the kernel dropped because the receive buffer was full (or their
    /// checksum wrong) since the socket was bound. `None` where the system does not
    /// tell. Reads a small file of the kernel's: for a scrape, not for a datagram.
    pub fn dropped(&self) -> Option<u64> {
        let inode = self.inode?;
        let tables = ["/proc/net/udp", "/proc/net/udp6"];
        let found = tables
            .into_iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .find_map(|table| drops_of(&table, inode));
        if let Some(found) = found {
            self.dropped.fetch_max(found, Ordering::Relaxed);
        }
        Some(self.dropped.load(Ordering::Relaxed))
    }
}

/// The last column of the line of a socket.
fn drops_of(table: &str, inode: u64) -> Option<u64> {
    let mut lines = table.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut columns| {
        let own = columns.nth(9)?.parse() == Ok(inode);
        own.then(|| columns.last()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::drops_of;

    const TABLE: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
  461: 0100007F:0D81 00000000:0000 07 00000000:00035A00 00:00000000 00000000     0        0 81923 2 0000000000000000 17          
  512: 0100007F:0D81 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81924 2 0000000000000000 0           
";

    #[test]
    fn drops_are_those_of_the_socket_not_of_its_port() {
        assert_eq!(drops_of(TABLE, 81_923), Some(17));
        assert_eq!(drops_of(TABLE, 81_924), Some(0));
        assert_eq!(drops_of(TABLE, 7), None);
    }

    #[test]
    fn a_table_of_another_make_tells_nothing() {
        assert_eq!(drops_of("inode drops\n81923 1\n", 81_923), None);
    }
}
