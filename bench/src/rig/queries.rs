//! `logweir run` that is asked in PromQL, filled over gRPC.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use http::{HeaderMap, Request, Response, header};
use logweir_net::{
    body,
    dial::{DialSettings, Dialer, H2},
    grpc,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::service;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::{fleet::Implementation, process::Process, samples::Samples, usage::Memory};

/// How long the process may take to open its doors.
const OPENING: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const ANSWER: usize = 256 << 20;
/// Fewest answers from which a p99 is told.
const FEWEST: u64 = 50;
/// What is remembered: more than is sent.
const STORE: u64 = 4 << 30;

/// A whole system in one process.
pub(crate) struct QueryRig {
    process: Process,
    ingress: H2,
    http: HttpClient,
    base: String,
    /// Unix seconds: when the samples end.
    pub(crate) end: i64,
    _data: TempDir,
}

/// What is asked again and again.
pub(crate) struct Question {
    pub(crate) page: &'static str,
    pub(crate) fields: String,
    /// Series that each answer must have.
    pub(crate) series: usize,
}

/// How long answers took, and what they cost.
pub(crate) struct Asked {
    /// Milliseconds: p50, p99, p99.9 and the longest.
    pub(crate) latency: [f64; 4],
    pub(crate) answers: u64,
    pub(crate) seconds: f64,
    /// Processor seconds of one.
    pub(crate) cpu: f64,
}

impl QueryRig {
    /// Starts it with these settings more, as environment.
    pub(crate) async fn open(
        implementation: &Implementation,
        settings: &[(&'static str, String)],
    ) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let process = implementation.everything(data.path(), STORE, settings);
        let process = process.await?;
        let file = data.path().join("endpoints.json");
        let doors = async {
            loop {
                let text = fs::read(&file).unwrap_or_default();
                match serde_json::from_slice::<BTreeMap<String, String>>(&text) {
                    Ok(doors) => return doors,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let doors = timeout(OPENING, doors).await.context("no endpoints.json")?;
        let door = |name: &str| doors.get(name).with_context(|| format!("no door {name}"));
        let file = |name: &str| data.path().join("certs").join(name);
        let (ca, cert, key) = (file("ca.crt"), file("client.crt"), file("client.key"));
        let tls = ClientTls::load(Some(&ca), Some((&cert, &key)), Verify::Ca, &[], Alpn::H2)?;
        let dialer = Dialer::new(Some(tls), "metron".to_owned(), DialSettings::default());
        let ingress = dialer.connect(door("ingress")?.parse()?).await?;
        let http = HttpClientSettings {
            max_body: ANSWER,
            ..HttpClientSettings::default()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self {
            process,
            ingress,
            http: HttpClient::new(None, None, http),
            base: format!("http://{}/prometheus/api/v1", door("http")?),
            end: i64::try_from(now - now % 15)?,
            _data: data,
        })
    }

    /// Sends all samples, and waits until they are remembered.
    pub(crate) async fn fill(&self, samples: &Samples) -> Result<()> {
        for batches in samples.moments(self.end) {
            for frames in batches {
                let path = service::SEND;
                grpc::unary(&self.ingress, path, &frames, HeaderMap::new(), ANSWER).await?;
            }
        }
        Ok(())
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        self.process.memory()
    }

    /// Forgets the peak of memory so far.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        self.process.forget_peak()
    }

    /// The answer to a question: a page with its fields.
    pub(crate) async fn ask(&self, page: &str, fields: &str) -> Result<Response<bytes::Bytes>> {
        let form = "application/x-www-form-urlencoded";
        let request = Request::post(format!("{}/{page}", self.base))
            .header(header::CONTENT_TYPE, form)
            .body(body::full(fields.to_owned()))?;
        Ok(self.http.send(request).await?)
    }

    /// Asks one question again and again, for `window` and at least 50 times.
    pub(crate) async fn ask_on(&self, window: Duration, question: &Question) -> Result<Asked> {
        let Question {
            page,
            fields,
            series,
        } = question;
        let first = self.ask(page, fields).await?;
        let found = String::from_utf8_lossy(first.body());
        let found = found.matches("{\"metric\":").count();
        ensure!(found == *series, "{page} answers {found} series");
        let length = first.body().len();
        let mut times = Histogram::<u64>::new(3)?;
        let (begin, cpu) = (Instant::now(), self.process.cpu_seconds()?);
        let end = begin + window;
        let mut answers = 0;
        while Instant::now() < end || answers < FEWEST {
            let begin = Instant::now();
            let answer = self.ask(page, fields).await?;
            times.record(u64::try_from(begin.elapsed().as_micros())?)?;
            answers += 1;
            let status = answer.status();
            ensure!(status.is_success(), "{page} answers {status}");
            ensure!(
                answer.body().len() == length,
                "{page} answers something else"
            );
        }
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
        Ok(Asked {
            latency: [at(0.5), at(0.99), at(0.999), times.max() as f64 / 1000.0],
            answers,
            seconds: begin.elapsed().as_secs_f64(),
            cpu: (self.process.cpu_seconds()? - cpu) / answers as f64,
        })
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.process.kill().await;
    }
}
