//! Pages and lists of Cloud Foundry's API, as a caller sees them.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use logweir_net::{body, http_client::HttpClient};
use serde::Deserialize;

use super::call;
use crate::metrics::Gauge;

/// Entries of one page of a list: as many as the API gives.
pub(crate) const PER_PAGE: &str = "per_page=5000";
/// Largest answer, in bytes: such a page, whose entries have some kilobytes.
pub(crate) const LARGEST: usize = 64 << 20;
/// More pages than any installation has.
const PAGES: usize = 1000;

/// One of the API's doors, and who asks there.
pub(crate) struct Asker<'a> {
    pub(crate) client: &'a HttpClient,
    pub(crate) base: &'a Uri,
    /// The caller's own header.
    pub(crate) authorization: &'a HeaderValue,
}

/// An entry of a list.
#[derive(Deserialize)]
pub(crate) struct Resource {
    pub(crate) guid: String,
    #[serde(default)]
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    pagination: Pagination,
    resources: Vec<Resource>,
}

#[derive(Default, Deserialize)]
struct Pagination {
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

impl Asker<'_> {
    /// One page. `path` is below the door's own; its parts are escaped.
    ///
    /// # Errors
    /// Why nothing was answered.
    pub(crate) async fn page(
        &self,
        path: &str,
        latency: Option<&Gauge>,
    ) -> Result<Response<Bytes>, String> {
        let below = self.base.path().trim_end_matches('/');
        self.at(&format!("{below}{path}"), latency).await
    }

    /// Every entry of a list, in the API's order.
    ///
    /// # Errors
    /// Why not all of it was answered.
    pub(crate) async fn list(&self, first: &str, latency: &Gauge) -> Result<Vec<Resource>, String> {
        let mut all = Vec::new();
        let mut answer = self.page(first, Some(latency)).await?;
        for _ in 0..PAGES {
            if answer.status() != StatusCode::OK {
                return Err(format!("the cloud controller answered {}", answer.status()));
            }
            let page: Page = serde_json::from_slice(answer.body())
                .map_err(|error| format!("the cloud controller's list cannot be read: {error}"))?;
            all.extend(page.resources);
            let Some(next) = page.pagination.next else {
                return Ok(all);
            };
            // The same server, whatever it calls itself: its host may be one that is not
            // reached from here.
            let next: Uri = next
                .href
                .parse()
                .map_err(|error| format!("the cloud controller's next page: {error}"))?;
            let next = next.path_and_query().map_or("/", |next| next.as_str());
            answer = self.at(next, Some(latency)).await?;
        }
        Err(format!("the cloud controller has more than {PAGES} pages"))
    }

    async fn at(&self, path: &str, latency: Option<&Gauge>) -> Result<Response<Bytes>, String> {
        let mut request = Request::new(body::empty());
        let url = call::with_path(self.base, path);
        *request.uri_mut() = url.ok_or_else(|| format!("{path:?} is no path"))?;
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, self.authorization.clone());
        match latency {
            Some(latency) => call::send(self.client, request, latency).await,
            None => {
                let answer = self.client.send(request).await;
                answer.map_err(|error| error.to_string())
            }
        }
    }
}
