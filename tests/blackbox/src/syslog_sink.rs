//! A receiver of octet-counted syslog over TCP in this process.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::patience::eventually;

type Messages = Arc<Mutex<Vec<String>>>;

/// Keeps every message. Dropping it closes its door.
pub struct SyslogSink {
    /// Where it listens.
    pub address: SocketAddr,
    messages: Messages,
    task: JoinHandle<()>,
}

impl SyslogSink {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0).into()).await
    }

    /// Listens at an address.
    ///
    /// # Panics
    /// When it is taken.
    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let messages = Messages::default();
        let into = Arc::clone(&messages);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(read(stream, Arc::clone(&into)));
            }
        });
        Self {
            address,
            messages,
            task,
        }
    }

    /// The URL of a drain to it, with this query.
    pub fn url(&self, query: &str) -> String {
        let query = match query {
            "" => String::new(),
            query => format!("?{query}"),
        };
        format!("syslog://{}{query}", self.address)
    }

    /// What came so far, as it came.
    pub fn messages(&self) -> Vec<String> {
        let messages = self.messages.lock();
        messages.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first message that contains `part`, once it is there.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn receives(&self, part: &str) -> String {
        let what = format!("a message with `{part}`");
        eventually(&what, async || {
            let messages = self.messages();
            messages.into_iter().find(|message| message.contains(part))
        })
        .await
    }
}

impl Drop for SyslogSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: TcpStream, into: Messages) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut count = Vec::new();
        if !matches!(stream.read_until(b' ', &mut count).await, Ok(1..)) {
            return;
        }
        let count = String::from_utf8_lossy(&count);
        let count: usize = count.trim_end().parse().expect("an octet count");
        let mut message = vec![0; count];
        if stream.read_exact(&mut message).await.is_err() {
            return;
        }
        let text = String::from_utf8(message).expect("UTF-8");
        let mut messages = into.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(text);
    }
}
