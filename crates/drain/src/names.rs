//! Names of apps, spaces and organizations, for envelopes that do not say them.
//!
//! Whoever delivers looks up here, and what is not known is asked for by whoever has an answer:
//! [`Names::next`] says what, [`Names::answer`] takes it. Bounded, and nobody waits for long:
//! without an answer an envelope goes as it is.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, VecDeque},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::BytesMut;
use logweir_proto::{
    edit::{DefaultTags, tag_for_agent},
    frames::frames,
    peek::peek,
};
use lru::LruCache;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};

/// Most ids that wait to be asked for. Further ones wait for another envelope.
const WAITING: usize = 10_000;

/// How long ids are gathered before they are asked for together.
const GATHER: Duration = Duration::from_millis(20);

/// The names that make a lookup unnecessary.
const WANTED: [&str; 3] = ["app_name", "space_name", "organization_name"];

/// How long is remembered what, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamesSettings {
    /// An answer is asked for anew after about this long; until then, and while there is no
    /// other, it counts.
    pub ttl: Duration,
    /// The same for an id that is no app.
    pub absent_ttl: Duration,
    /// How long an envelope may wait for the first answer.
    pub patience: Duration,
    /// Most ids that are remembered; the least recently used goes.
    pub most: NonZeroUsize,
}

/// An app and where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppNames {
    /// Its name.
    pub app: String,
    /// Guid and name of its space.
    pub space: (String, String),
    /// Guid and name of the organization of that.
    pub organization: (String, String),
}

/// What was looked up so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamesStats {
    /// Ids that are remembered, apps or not.
    pub remembered: u64,
    /// Ids that wait to be asked for.
    pub waiting: u64,
    /// Answers that named an app.
    pub found: u64,
    /// Answers that said that an id is no app.
    pub absent: u64,
    /// Ids that were asked for in vain.
    pub failed: u64,
    /// Envelopes that went without names they might have had.
    pub unnamed: u64,
}

/// The cache, and the list of what is to be asked for.
pub struct Names {
    settings: NamesSettings,
    /// Tells whether an envelope has the names already.
    wanted: DefaultTags,
    inner: Mutex<Inner>,
    asked: Notify,
    answered: Notify,
}

struct Inner {
    known: LruCache<Box<str>, Known>,
    waiting: VecDeque<Box<str>>,
    /// Answers do not come, or come late: nobody waits for them.
    late: bool,
    stats: NamesStats,
}

/// What is known of an id.
struct Known {
    /// None if it is no app, or not known to be one.
    tags: Option<Arc<DefaultTags>>,
    /// It is asked for again after this.
    until: Instant,
    /// It waits to be asked for, or is being asked for.
    asked: bool,
    /// There was an answer once, or an attempt.
    settled: bool,
}

impl Names {
    /// Nothing is known yet.
    pub fn new(settings: NamesSettings) -> Arc<Self> {
        let wanted = WANTED.map(|name| (name.to_owned(), String::new()));
        Arc::new(Self {
            wanted: DefaultTags::new(&wanted.into()),
            inner: Mutex::new(Inner {
                known: LruCache::new(settings.most),
                waiting: VecDeque::new(),
                late: false,
                stats: NamesStats::default(),
            }),
            asked: Notify::new(),
            answered: Notify::new(),
            settings,
        })
    }

    /// Waits, but not for long, until it is known who sent these frames.
    pub(crate) async fn ready(&self, chunk: &[u8]) {
        if !self.is_open(chunk) {
            return;
        }
        let end = Instant::now() + self.settings.patience;
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable();
            if !self.is_open(chunk) {
                return;
            }
            if timeout_at(end, answered).await.is_err() {
                self.lock().late = true;
                return;
            }
        }
    }

    /// Whether an answer is still to come for which it is worth to wait.
    fn is_open(&self, chunk: &[u8]) -> bool {
        let (mut last, mut any) = ("", false);
        for frame in frames(chunk).flatten() {
            let Some(source) = self.lacking(frame.envelope) else {
                continue;
            };
            // Envelopes of one source come together.
            if source == last {
                continue;
            }
            last = source;
            let mut inner = self.lock();
            self.look_up(&mut inner, source);
            let open = inner.known.peek(source).is_some_and(|known| !known.settled);
            any |= open && !inner.late;
        }
        any
    }

    /// The envelope with the names that it lacks and that are known.
    pub(crate) fn fill<'a>(&self, envelope: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(source) = self.lacking(envelope) else {
            return Cow::Borrowed(envelope);
        };
        let mut inner = self.lock();
        let Some(tags) = self.look_up(&mut inner, source) else {
            let known = inner.known.peek(source);
            if !known.is_some_and(|known| known.settled && !known.asked) {
                inner.stats.unnamed += 1;
            }
            return Cow::Borrowed(envelope);
        };
        drop(inner);
        let mut filled = BytesMut::new();
        tag_for_agent(envelope, &tags, None, &mut filled);
        Cow::Owned(filled.to_vec())
    }

    /// The source of an envelope that has not all names but may be from an app.
    fn lacking<'a>(&self, envelope: &'a [u8]) -> Option<&'a str> {
        let source = peek(envelope).ok()?.source_id;
        (is_guid(source) && !self.wanted.are_in(envelope)).then_some(source)
    }

    /// What is known, and a note that it is to be asked for if that is nothing or old.
    fn look_up(&self, inner: &mut Inner, source: &str) -> Option<Arc<DefaultTags>> {
        let now = Instant::now();
        if let Some(known) = inner.known.get_mut(source) {
            let tags = known.tags.clone();
            if now >= known.until && !known.asked && inner.waiting.len() < WAITING {
                known.asked = true;
                inner.waiting.push_back(source.into());
                self.asked.notify_one();
            }
            return tags;
        }
        if inner.waiting.len() < WAITING {
            let known = Known {
                tags: None,
                until: now,
                asked: true,
                settled: false,
            };
            inner.known.put(source.into(), known);
            inner.waiting.push_back(source.into());
            self.asked.notify_one();
        }
        None
    }

    /// Waits for ids that are to be asked for, and takes at most so many.
    pub async fn next(&self, most: usize) -> Vec<String> {
        loop {
            let asked = self.asked.notified();
            if !self.lock().waiting.is_empty() {
                sleep(GATHER).await;
                let mut inner = self.lock();
                let count = most.min(inner.waiting.len());
                return inner.waiting.drain(..count).map(String::from).collect();
            }
            asked.await;
        }
    }

    /// Takes the answer to what [`Names::next`] gave: the apps among them, by guid.
    pub fn answer(&self, asked: &[String], mut found: HashMap<String, AppNames>) {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.late = false;
        for guid in asked {
            let app = found.remove(guid);
            match app {
                Some(_) => inner.stats.found += 1,
                None => inner.stats.absent += 1,
            }
            let ttl = match app {
                Some(_) => self.settings.ttl,
                None => self.settings.absent_ttl,
            };
            if let Some(known) = inner.known.peek_mut(guid.as_str()) {
                known.tags = app.map(|app| Arc::new(DefaultTags::new(&app.tags(guid))));
                // Not all of them anew in one moment.
                known.until = now + ttl.mul_f64(0.8 + 0.4 * fastrand::f64());
                (known.asked, known.settled) = (false, true);
            }
        }
        drop(inner);
        self.answered.notify_waiters();
    }

    /// There is no answer; what was known stays, and is asked for again later.
    pub fn failed(&self, asked: &[String]) {
        let again = Instant::now() + self.settings.absent_ttl;
        let mut inner = self.lock();
        inner.late = true;
        for guid in asked {
            inner.stats.failed += 1;
            if let Some(known) = inner.known.peek_mut(guid.as_str()) {
                known.until = again;
                (known.asked, known.settled) = (false, true);
            }
        }
        drop(inner);
        self.answered.notify_waiters();
    }

    /// The books.
    pub fn stats(&self) -> NamesStats {
        let inner = self.lock();
        NamesStats {
            remembered: inner.known.len() as u64,
            waiting: inner.waiting.len() as u64,
            ..inner.stats
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AppNames {
    /// As Cloud Foundry tags envelopes.
    fn tags(self, guid: &str) -> BTreeMap<String, String> {
        let (space_id, space) = self.space;
        let (organization_id, organization) = self.organization;
        [
            ("app_id", guid.to_owned()),
            ("app_name", self.app),
            ("space_id", space_id),
            ("space_name", space),
            ("organization_id", organization_id),
            ("organization_name", organization),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// Whether an id has the form of an app's guid: 8-4-4-4-12 hex digits of either case.
pub fn is_guid(id: &str) -> bool {
    let dash = |at| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, u8)| match dash(at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    id.len() == 36 && id.bytes().enumerate().all(fits)
}
