//! Requests to the API in numbers, by what they are about (spec logplex §6.1).

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use http::StatusCode;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Channels.
    Channels,
    /// Drains.
    Drains,
    /// Sessions.
    Sessions,
    /// Tokens.
    Tokens,
    /// The lines of a channel.
    ChannelLogs,
    /// Something that is counted elsewhere, or not at all.
    Other,
}

impl Resource {
    /// Those with figures of their own, as the peer names them.
    pub(crate) const NAMED: [(Self, &'static str); 5] = [
        (Self::Channels, "channels"),
        (Self::Drains, "drains"),
        (Self::Sessions, "sessions"),
        (Self::Tokens, "tokens"),
        (Self::ChannelLogs, "channel_logs"),
    ];

    /// Of a path.
    pub(crate) fn of(path: &str) -> Self {
        let mut words = path.split('/').skip(1).peekable();
        if words.next_if(|word| matches!(*word, "v2" | "v3")).is_none()
            && matches!(words.peek(), Some(&("logs" | "api" | "healthcheck")))
        {
            return Self::Other;
        }
        match (words.next(), words.nth(1)) {
            (Some("channels"), Some("drains")) => Self::Drains,
            (Some("channels"), Some("token" | "tokens")) => Self::Tokens,
            (Some("channels"), Some("logs")) => Self::ChannelLogs,
            (Some("channels"), _) => Self::Channels,
            (Some("sessions" | "canary-sessions" | "canary-fetch"), _) => Self::Sessions,
            _ => Self::Other,
        }
    }
}

/// Classes of statuses, as the peer names them.
pub(crate) const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "other"];

/// Figures of one resource.
#[derive(Debug, Default)]
pub(crate) struct Of {
    statuses: [AtomicU64; CLASSES.len()],
    latency: AtomicU64,
}

impl Of {
    /// Answers by class of their status.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.statuses.iter().map(|count| count.load(Relaxed));
        CLASSES.into_iter().zip(counts)
    }

    /// How long the last answer took until it began.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.load(Relaxed))
    }
}

/// Figures of all resources.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    of: [Of; Resource::NAMED.len()],
    unknown: AtomicU64,
}

impl Requests {
    /// Counts an answer.
    pub(crate) fn count(&self, resource: Resource, status: StatusCode, took: Duration) {
        let Some(of) = self.of.get(resource as usize) else {
            if resource == Resource::Other && status == StatusCode::NOT_FOUND {
                self.unknown.fetch_add(1, Relaxed);
            }
            return;
        };
        let class = match status.as_u16() / 100 {
            class @ 2..=5 => usize::from(class) - 2,
            _ => CLASSES.len() - 1,
        };
        of.statuses[class].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        of.latency.store(micros, Relaxed);
    }

    /// Each resource with its figures.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, &Of)> {
        let names = Resource::NAMED.into_iter().map(|(_, name)| name);
        names.zip(&self.of)
    }

    /// Requests for nothing that there is.
    pub(crate) fn unknown(&self) -> u64 {
        self.unknown.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_its_resource() {
        for (path, resource) in [
            ("/channels", Resource::Channels),
            ("/channels/1/info", Resource::Channels),
            ("/v2/channels/1", Resource::Channels),
            ("/v3/channels/app-1", Resource::Channels),
            ("/v3/channels/drains", Resource::Channels),
            ("/channels/1/drains/tokens", Resource::Drains),
            ("/v2/channels/1/drains/7", Resource::Drains),
            ("/channels/1/token", Resource::Tokens),
            ("/v3/channels/x/tokens", Resource::Tokens),
            ("/v3/channels/x/logs", Resource::ChannelLogs),
            ("/v3/sessions", Resource::Sessions),
            ("/v2/canary-fetch/1", Resource::Sessions),
            ("/logs", Resource::Other),
            ("/api/logplex/creds", Resource::Other),
            ("/healthcheck", Resource::Other),
            ("/v3/nothing", Resource::Other),
            ("/", Resource::Other),
        ] {
            assert_eq!(Resource::of(path), resource, "{path}");
        }
        for (index, (resource, _)) in Resource::NAMED.into_iter().enumerate() {
            assert_eq!(resource as usize, index);
        }
    }

    #[test]
    fn answers_are_counted_by_class() {
        let requests = Requests::default();
        let took = Duration::from_millis(3);
        for status in [201, 404, 503, 101] {
            let status = StatusCode::from_u16(status).unwrap();
            requests.count(Resource::Tokens, status, took);
        }
        requests.count(Resource::Other, StatusCode::NOT_FOUND, took);
        let (_, of) = requests.each().find(|(name, _)| *name == "tokens").unwrap();
        let counts: Vec<_> = of.statuses().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 0, 1, 1, 1]);
        assert_eq!((of.latency(), requests.unknown()), (took, 1));
    }
}
