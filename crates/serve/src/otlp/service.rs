//! What the doors answer. Producers are never asked to wait: what cannot be taken is
//! refused for good, and told.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use logweir_net::{
    body::{self, Body, BoxError},
    grpc::{self, Code, Status},
};
use logweir_wire::otlp::{Encoding, Signal, answer, failure};
use tokio_util::task::TaskTracker;

use super::{
    body::{Failure, read},
    intake::{Arrived, Intake},
};
use crate::front::answer as page;

/// Bytes before a gRPC message: whether it is packed, and its length.
const PREFIX: usize = 5;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Both doors' service: gRPC is known by its content type.
#[derive(Clone)]
pub(super) struct Service {
    intake: Intake,
    message_bytes: usize,
    /// Requests under way.
    open: TaskTracker,
}

impl Service {
    pub(super) fn new(intake: Intake, message_bytes: usize, open: TaskTracker) -> Self {
        Self {
            intake,
            message_bytes,
            open,
        }
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let _open = self.open.token();
        let kind = content_type(request.headers());
        match kind.starts_with("application/grpc") {
            true => self.over_grpc(request).await,
            false => self.over_http(request).await,
        }
    }

    async fn over_grpc(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let known = Signal::ALL.into_iter().find(|one| one.grpc_path() == path);
        let Some(signal) = known else {
            let method = path.trim_start_matches('/');
            let text = format!("unknown method {method}; this door takes OTLP");
            return grpc::status_response(Status::unimplemented(text));
        };
        match self.export(signal, request).await {
            Ok(message) => grpc::ok_unary(message),
            Err(failure) => {
                self.intake.failed(&failure);
                let status = Status::new(code(&failure), failure.to_string());
                let mut response = grpc::status_response(status);
                let known = HeaderValue::from_static("identity,gzip");
                let name = HeaderName::from_static("grpc-accept-encoding");
                response.headers_mut().insert(name, known);
                response
            }
        }
    }

    async fn export(&self, signal: Signal, request: Request<Body>) -> Result<Vec<u8>, Failure> {
        let name = HeaderName::from_static("grpc-encoding");
        let packing = text(request.headers(), &name);
        let limit = self.message_bytes.saturating_add(PREFIX);
        let mut body = read(request.into_body(), limit).await;
        if let Err(Failure::TooLarge { limit }) = &mut body {
            *limit = self.message_bytes;
        }
        let (packed, body) = one_message(body?)?;
        let gzip = match (packed, packing.as_str()) {
            (false, _) => false,
            (true, "gzip") => true,
            (true, other) => return Err(Failure::Encoding(other.to_owned())),
        };
        let encoding = Encoding::Protobuf;
        let arrived = Arrived {
            signal,
            encoding,
            gzip,
            body,
        };
        let outcome = self.intake.take(arrived).await?;
        Ok(answer(signal, encoding, &outcome))
    }

    async fn over_http(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let known = Signal::ALL.into_iter().find(|one| one.http_path() == path);
        let Some(signal) = known else {
            return page::not_found();
        };
        if request.method() != Method::POST {
            let mut response = page::method_not_allowed();
            let post = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, post);
            return response;
        }
        let encoding = match content_type(request.headers()).as_str() {
            PROTOBUF => Encoding::Protobuf,
            JSON => Encoding::Json,
            _ => {
                let text = format!("send {PROTOBUF} or {JSON}\n");
                return page::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
            }
        };
        match self.post(signal, encoding, request).await {
            Ok(body) => http_answer(StatusCode::OK, encoding, body),
            Err(error) => {
                self.intake.failed(&error);
                let body = failure(encoding, code(&error).into(), &error.to_string());
                http_answer(http_status(&error), encoding, body)
            }
        }
    }

    async fn post(
        &self,
        signal: Signal,
        encoding: Encoding,
        request: Request<Body>,
    ) -> Result<Vec<u8>, Failure> {
        let gzip = match text(request.headers(), &header::CONTENT_ENCODING).as_str() {
            "" | "identity" => false,
            "gzip" | "x-gzip" => true,
            other => return Err(Failure::Encoding(other.to_owned())),
        };
        let body = read(request.into_body(), self.message_bytes).await?;
        let arrived = Arrived {
            signal,
            encoding,
            gzip,
            body,
        };
        let outcome = self.intake.take(arrived).await?;
        Ok(answer(signal, encoding, &outcome))
    }
}

/// The one message of a unary call, and whether it is packed.
fn one_message(mut body: Bytes) -> Result<(bool, Bytes), Failure> {
    let broken = || Failure::Broken("a unary call needs one message".into());
    if body.len() < PREFIX {
        return Err(broken());
    }
    let packed = body.get_u8() != 0;
    let length = usize::try_from(body.get_u32()).unwrap_or(usize::MAX);
    match body.len() == length {
        true => Ok((packed, body)),
        false => Err(broken()),
    }
}

fn http_answer(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(body::full(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// None of these is one that a producer tries again.
fn code(failure: &Failure) -> Code {
    match failure {
        Failure::TooLarge { .. } => Code::ResourceExhausted,
        Failure::Late | Failure::Broken(_) | Failure::Gzip(_) | Failure::Malformed(_) => {
            Code::InvalidArgument
        }
        Failure::Encoding(_) => Code::Unimplemented,
    }
}

fn http_status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Failure::Late => StatusCode::REQUEST_TIMEOUT,
        Failure::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Failure::Broken(_) | Failure::Gzip(_) | Failure::Malformed(_) => StatusCode::BAD_REQUEST,
    }
}

/// The content type without its parameters.
fn content_type(headers: &HeaderMap) -> String {
    let text = text(headers, &header::CONTENT_TYPE);
    let kind = text.split(';').next().unwrap_or_default();
    kind.trim().to_owned()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

impl<B> tower_service::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}
