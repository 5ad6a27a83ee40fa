//! Plain HTTP/1.0, enough to read a status page.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::patience::within;

/// Status and body of `GET path`.
///
/// # Panics
/// When the answer is no HTTP.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let answer = send(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// Sends `request` and reads the answer to its end.
///
/// # Panics
/// When there is no connection.
pub async fn send(address: &str, request: &[u8]) -> String {
    within("an answer over plain TCP", async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request).await.expect("written");
        let mut answer = Vec::new();
        // A reset after the answer is an end as well.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
}

/// The sum of all series of `name` on a page in Prometheus' format whose labels
/// contain every one of `labels` (as `cause="malformed"`).
pub fn sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    page.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (series, value) = rest.rsplit_once(' ')?;
            let named = series.is_empty() || series.starts_with('{');
            let chosen = labels.iter().all(|label| series.contains(label));
            (named && chosen).then(|| value.parse::<f64>().ok())?
        })
        .sum()
}
