//! One target: asked again and again, each time within a deadline.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, LOCATION},
};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_wire::prometheus_text::{self, Limits};
use tokio::time::Instant;

use super::{
    config::{PromScraperConfig, TargetConfig},
    convert::{self, Whose},
    state::States,
};
use crate::{grpc::unix_nanos, metrics::Counter, outlet::Outlet};

/// The format that is read; a server that knows only another may send that.
const FORMAT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// Most redirects of one scrape.
const TURNS: usize = 3;

/// Bytes of a wrong answer that the log shows.
const SHOWN: usize = 256;

/// One target and what is known of it.
pub(super) struct Target {
    config: TargetConfig,
    settings: PromScraperConfig,
    outlet: Outlet,
    /// Its number among the states.
    state: (u64, States),
    failed: Counter,
    client: Option<(HttpClient, Option<ClientTls>)>,
    /// What was wrong the last time, if anything was.
    trouble: Option<String>,
}

/// A page that was taken.
struct Page {
    series: usize,
    left_out: usize,
    bad_lines: usize,
    first_error: Option<String>,
}

impl Target {
    pub(super) fn new(
        config: TargetConfig,
        settings: &PromScraperConfig,
        outlet: Outlet,
        state: (u64, States),
        failed: Counter,
    ) -> Self {
        Self {
            config,
            settings: settings.clone(),
            outlet,
            state,
            failed,
            client: None,
            trouble: None,
        }
    }

    /// Time between two scrapes; none if it is not to be scraped.
    fn interval(&self) -> Option<Duration> {
        let interval = self.config.interval.unwrap_or(self.settings.interval);
        (!interval.is_zero()).then_some(interval)
    }

    /// Scrapes it for ever. What was read before this is dropped has gone on.
    pub(super) async fn run(mut self) {
        let Some(interval) = self.interval() else {
            return;
        };
        // Targets that begin together are not asked together.
        tokio::time::sleep(interval.mul_f64(fastrand::f64())).await;
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.scrape().await;
        }
    }

    async fn scrape(&mut self) {
        let begun = Instant::now();
        let outcome = match self.ask().await {
            Ok(answer) => self.take(&answer),
            Err(error) => Err(error),
        };
        let took = begun.elapsed();
        let shown = self.config.shown();
        let (number, states) = &self.state;
        states.update(*number, |state| {
            state.up = outcome.is_ok();
            state.took = took;
            state.series = outcome.as_ref().map_or(0, |page| page.series);
            if let Ok(page) = &outcome {
                state.bad_lines += page.bad_lines as u64;
                state.left_out += page.left_out as u64;
            }
        });
        let trouble = match outcome {
            Ok(page) => page.first_error.map(|error| {
                let bad = page.bad_lines;
                format!("{bad} lines could not be read, the first is {error}")
            }),
            Err(error) => {
                self.failed.add(1);
                Some(error)
            }
        };
        self.tell(trouble, &shown);
    }

    /// Says what is new: trouble of another kind, or none any more. The peer's words.
    fn tell(&mut self, trouble: Option<String>, shown: &str) {
        if trouble == self.trouble {
            return;
        }
        let TargetConfig {
            source_id,
            instance_id,
            ..
        } = &self.config;
        match &trouble {
            Some(trouble) => tracing::warn!(
                "failed to scrape: [id: {source_id}, instance_id: {instance_id}, metric_url: \
                 {shown}]: {trouble}"
            ),
            None => tracing::info!("{instance_id} has recovered ({shown})"),
        }
        self.trouble = trouble;
    }

    async fn ask(&mut self) -> Result<Bytes, String> {
        let mut url = self.config.url();
        let mut turns = 0;
        let answer = loop {
            let request = self.request(&url)?;
            let answer = self.client()?.send(request).await;
            let answer = answer.map_err(|error| error.to_string())?;
            match elsewhere(&url, &answer) {
                Some(next) if turns < TURNS => url = next,
                _ => break answer,
            }
            turns += 1;
        };
        if answer.status() != StatusCode::OK {
            let body = answer.body();
            let body = &body[..body.len().min(SHOWN)];
            return Err(format!(
                "unexpected status code {}: {}",
                answer.status().as_u16(),
                body.escape_ascii()
            ));
        }
        Ok(answer.into_body())
    }

    fn request(&self, url: &str) -> Result<Request<body::Body>, String> {
        let mut request = Request::get(url)
            .body(body::empty())
            .map_err(|error| format!("the address cannot be asked: {error}"))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(FORMAT));
        for (name, value) in &self.config.headers {
            // The value stays unsaid: it is a token more often than not.
            let bad = |_| format!("the header {name:?} cannot be sent");
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| bad(()))?;
            value.set_sensitive(true);
            headers.insert(parsed, value);
        }
        Ok(request)
    }

    /// The client, made at the first scrape that finds its files good. Files that change
    /// are read again.
    fn client(&mut self) -> Result<&HttpClient, String> {
        if self.client.is_none() {
            let tls = match self.config.scheme == "https" {
                true => Some(self.tls()?),
                false => None,
            };
            let name = &self.config.server_name;
            let name = (!name.is_empty()).then(|| name.clone());
            let settings = HttpClientSettings {
                total_timeout: self.settings.timeout,
                connect_timeout: self.settings.timeout,
                max_body: self.settings.page_bytes,
            };
            self.client = Some((HttpClient::new(tls.clone(), name, settings), tls));
        } else if let Some((_, Some(tls))) = &self.client
            && let Err(error) = tls.reload()
        {
            tracing::warn!("the last good certificates stay: {error}");
        }
        match &self.client {
            Some((client, _)) => Ok(client),
            None => Err("no client".into()),
        }
    }

    fn tls(&self) -> Result<ClientTls, String> {
        let (own, all) = (&self.config, &self.settings.target_tls);
        let given = |path: &PathBuf| !path.as_os_str().is_empty();
        let ca = [&own.ca, &all.ca].into_iter().find(|path| given(path));
        let pairs = [(&own.cert, &own.key), (&all.cert, &all.key)];
        let pair = pairs
            .into_iter()
            .find(|(cert, key)| given(cert) && given(key));
        if given(&all.cert) && own.server_name.is_empty() {
            // The peer's words, for which it ends the whole process.
            return Err(format!(
                "server_name is missing from mTLS scrape config ({})",
                own.source_id
            ));
        }
        let verify = match (self.settings.skip_verification, ca) {
            (true, _) => Verify::None,
            (false, Some(_)) => Verify::Ca,
            (false, None) => Verify::SystemRoots,
        };
        let pair = pair.map(|(cert, key)| (cert.as_path(), key.as_path()));
        let ca = ca.map(PathBuf::as_path);
        ClientTls::load(ca, pair, verify, &[], Alpn::Http1).map_err(|error| error.to_string())
    }

    /// Hands on what a page says. A page without a single series that can be read is none.
    fn take(&mut self, page: &[u8]) -> Result<Page, String> {
        let limits = Limits {
            samples: self.settings.series,
            ..Limits::default()
        };
        let exposition = prometheus_text::parse(page, &limits);
        let whose = Whose {
            source_id: &self.config.source_id,
            default_source_id: &self.settings.source_id,
            instance_id: &self.config.instance_id,
            labels: &self.config.labels,
            now: unix_nanos(),
        };
        let mut taken = Page {
            series: 0,
            left_out: exposition.left_out,
            bad_lines: exposition.bad_lines,
            first_error: exposition.errors.first().map(ToString::to_string),
        };
        for family in &exposition.families {
            let became = convert::family(family, &whose, &mut self.outlet);
            taken.series += became.envelopes;
            taken.left_out += became.left_out;
        }
        self.outlet.send_on();
        match &taken.first_error {
            Some(error) if taken.series == 0 => Err(format!("no series in the page: {error}")),
            _ => Ok(taken),
        }
    }
}

/// Where an answer sends us, if it is to the same server: headers hold tokens.
fn elsewhere(url: &str, answer: &Response<Bytes>) -> Option<String> {
    if !answer.status().is_redirection() {
        return None;
    }
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    let from = url::Url::parse(url).ok()?;
    let to = from.join(location).ok()?;
    (to.origin() == from.origin()).then(|| to.into())
}

#[cfg(test)]
mod tests;
