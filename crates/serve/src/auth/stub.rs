//! Stubs of UAA and CAPI.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt, net::TcpListener};

/// What a stub answers: status and body, in order; the last one again and again.
pub(crate) type Answers = Vec<(u16, &'static str)>;

/// An HTTP server that notes what it is asked.
#[derive(Clone, Default)]
pub(crate) struct Stub {
    /// Its address.
    pub(crate) url: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl Stub {
    pub(crate) async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stub = Stub {
            url,
            ..Stub::default()
        };
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let server = stub.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                *server
                    .connections
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) += 1;
                let (asked, answers) = (server.asked.clone(), answers.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (asked, answers) = (asked.clone(), answers.clone());
                    async move {
                        let line = describe(request).await;
                        asked.lock().unwrap().push(line);
                        let mut answers = answers.lock().unwrap();
                        let (status, body) = match answers.len() {
                            1 => answers[0],
                            _ => answers.pop_front().unwrap(),
                        };
                        let response = Response::builder().status(status);
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
                    }
                });
                let io = TokioIo::new(connection);
                tokio::spawn(http1::Builder::new().serve_connection(io, answer));
            }
        });
        stub
    }

    /// Accepts, writes these bytes, and then says nothing more.
    pub(crate) async fn raw(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                connection.write_all(bytes).await.unwrap();
                kept.push(connection);
            }
        });
        Stub {
            url,
            ..Stub::default()
        }
    }

    /// Nobody listens there.
    pub(crate) async fn absent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Stub {
            url,
            ..Stub::default()
        }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn describe(request: Request<Incoming>) -> String {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.map_or("-", |value| value.to_str().unwrap());
    let body = String::from_utf8(body.to_vec()).unwrap();
    format!("{} {} [{authorization}] {body}", parts.method, parts.uri)
        .trim_end()
        .to_owned()
}
