//! Datagrams that the kernel could not hand to the process they were for.

use std::fs;

/// Datagrams dropped at the socket on this UDP port since it was opened; none where the
/// kernel does not say.
pub(crate) fn udp_drops(port: u16) -> Option<u64> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"];
    let texts = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts
        .filter_map(|text| drops(&text, port))
        .reduce(|sum, drops| sum + drops)
}

/// The last column of the rows whose local address ends in `:PORT`, in hexadecimal.
fn drops(table: &str, port: u16) -> Option<u64> {
    let rows = table.lines().skip(1).filter_map(|row| {
        let mut fields = row.split_ascii_whitespace();
        let (_, local) = fields.nth(1)?.rsplit_once(':')?;
        if u16::from_str_radix(local, 16).ok()? != port {
            return None;
        }
        fields.next_back()?.parse::<u64>().ok()
    });
    rows.reduce(|sum, drops| sum + drops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_the_port_is_read() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     \x20  11: 0100007F:0D81 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 42\n\
                     \x20  12: 0100007F:0D82 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1235 2 0000000000000000 7\n";
        assert_eq!(drops(table, 3457), Some(42));
        assert_eq!(drops(table, 3459), None);
    }
}
