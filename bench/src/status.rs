//! What the processes say about their own losses, on their status pages.

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Counter of envelopes lost, by cause, at every hop (`docs/metrics.md`).
const DROPPED: &str = "logweir_dropped";

/// Envelopes that the processes on these ports count as dropped, all together. None
/// when none of them has such a counter, as another implementation's have not.
pub(crate) async fn dropped(ports: impl Iterator<Item = u16>) -> Option<u64> {
    let mut all = None;
    for port in ports {
        let page = timeout(Duration::from_secs(2), page(port)).await;
        if let Ok(Ok(page)) = page
            && let Some(dropped) = sum(&page, DROPPED)
        {
            all = Some(all.unwrap_or(0) + dropped);
        }
    }
    all
}

async fn page(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum of all series of `name` on a page in Prometheus' text format.
fn sum(page: &str, name: &str) -> Option<u64> {
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        if !rest.starts_with(['{', ' ']) {
            return None;
        }
        rest.rsplit_once(' ')?.1.parse::<u64>().ok()
    });
    values.reduce(|sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_added() {
        let page = "# TYPE logweir_dropped counter\n\
                    logweir_dropped{cause=\"queue_full\"} 3\n\
                    logweir_dropped{cause=\"reader gone\"} 4\n\
                    logweir_dropped_bytes 100\n";
        assert_eq!(sum(page, DROPPED), Some(7));
        assert_eq!(sum("", DROPPED), None);
    }
}
