//! `logweir recent`: the last lines of a source.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use logweir_client::v2;
use logweir_wire::json;

use crate::{
    cache::LogCache,
    exit::{self, Failure},
    front::{Where, escaped},
    tail::{FormatArg, KindArg, output::Format},
    when::duration,
};

/// Most envelopes of one answer.
const PAGE: usize = 1000;

/// Arguments of `logweir recent`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir recent my-app                       the last lines of an app, oldest first
  logweir recent my-app -n 20 --json          its last 20, one envelope a line
  logweir recent my-app --since 10m --grep 'status=5..'
  logweir recent my-app --format cf           as `cf logs --recent` prints it
  logweir recent my-app --type gauge,counter  its metrics
  logweir recent $GUID --url https://log-cache.sys.example --token \"$(cf oauth-token)\"

The exit code is 0 also where nothing is remembered, 69 when no logweir was found.")]
pub struct RecentArgs {
    /// Whose lines
    #[arg(value_name = "SOURCE_ID")]
    pub source_id: String,
    /// The newest N
    #[arg(short = 'n', long, value_name = "N", default_value = "100")]
    pub limit: usize,
    /// Only what is not older, as 90s, 10m or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// Only lines in which this regular expression has a match
    #[arg(long, value_name = "RE")]
    pub grep: Option<String>,
    /// Envelopes of this kind; may be repeated
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_enum,
        value_delimiter = ',',
        default_value = "log"
    )]
    pub kinds: Vec<KindArg>,
    /// Print the gateway's JSON, one envelope a line
    #[arg(long)]
    pub json: bool,
    /// Print to the space as another program does
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with = "json")]
    pub format: Option<FormatArg>,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// What one question brought.
struct Page {
    /// The newest first.
    envelopes: Vec<v2::Envelope>,
    /// Where the next one begins; empty after the last.
    next: String,
}

impl RecentArgs {
    /// The page that begins at `after`, of so many. What every log cache answers is
    /// asked of `read`, the rest of `search`, which is ours.
    fn page(&self, most: usize, after: &str, since: i64) -> String {
        let ours = self.grep.is_some() || self.limit > PAGE;
        let route = if ours { "search" } else { "read" };
        let source = escaped(&self.source_id);
        let mut page = format!("{route}/{source}?descending=true&limit={most}&start_time={since}");
        for kind in &self.kinds {
            page.push_str("&envelope_types=");
            page.push_str(match kind {
                KindArg::Log => "LOG",
                KindArg::Counter => "COUNTER",
                KindArg::Gauge => "GAUGE",
                KindArg::Timer => "TIMER",
                KindArg::Event => "EVENT",
            });
        }
        if let Some(pattern) = &self.grep {
            page.push_str(&format!("&pattern={}", escaped(pattern)));
        }
        if !after.is_empty() {
            page.push_str(&format!("&after={}", escaped(after)));
        }
        page
    }

    /// Unix nanoseconds; before everything if nobody said.
    fn start(&self, now: SystemTime) -> i64 {
        let Some(since) = self.since else {
            return i64::MIN;
        };
        let start = now.checked_sub(since).unwrap_or(UNIX_EPOCH);
        let nanos = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(nanos.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Asks as often as it takes, and prints what is remembered.
pub async fn run(args: RecentArgs) -> Result<(), Failure> {
    let cache = LogCache::new(&args.place)?;
    let since = args.start(SystemTime::now());
    let mut found: Vec<v2::Envelope> = Vec::new();
    let mut after = String::new();
    while found.len() < args.limit {
        let most = PAGE.min(args.limit - found.len());
        let answer = cache.get(&args.page(most, &after, since)).await?;
        let page = read(&answer)?;
        found.extend(page.envelopes);
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    // Envelopes of one timestamp are not divided by the server.
    found.truncate(args.limit);
    let format = Format::chosen(args.format, args.json);
    let mut out = Vec::new();
    for envelope in found.iter().rev() {
        format.write(envelope, &mut out);
    }
    exit::print(&out)
}

fn read(answer: &serde_json::Value) -> Result<Page, Failure> {
    let batch = answer["envelopes"].to_string();
    let batch = json::parse_batch(batch.as_bytes())
        .map_err(|error| Failure::new(format!("the server's answer is unreadable: {error}")))?;
    Ok(Page {
        envelopes: batch.batch,
        next: answer["next"].as_str().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        recent: RecentArgs,
    }

    fn args(arguments: &[&str]) -> RecentArgs {
        Cli::parse_from([&["recent"], arguments].concat()).recent
    }

    #[test]
    fn a_plain_question_is_one_that_every_log_cache_answers() {
        assert_eq!(
            args(&["a b/ü?", "-n", "5"]).page(5, "", -1),
            "read/a%20b%2F%C3%BC%3F?descending=true&limit=5&start_time=-1&envelope_types=LOG"
        );
    }

    #[test]
    fn a_search_goes_on_where_it_ended() {
        let args = args(&["app", "--grep", "a&b", "--type", "log,event"]);
        assert_eq!(
            args.page(7, "1.2", 9),
            "search/app?descending=true&limit=7&start_time=9&envelope_types=LOG\
             &envelope_types=EVENT&pattern=a%26b&after=1.2"
        );
    }

    #[test]
    fn durations_are_counted_back_from_now() {
        let now = UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(
            args(&["app", "--since", "1m30s"]).start(now),
            10_000_000_000
        );
        assert_eq!(args(&["app", "--since", "2h"]).start(now), 0);
        assert_eq!(args(&["app"]).start(now), i64::MIN);
    }

    #[test]
    fn an_answer_is_read_with_where_the_next_begins() {
        let envelope = json!({"timestamp": "5", "source_id": "app", "instance_id": "0",
            "deprecated_tags": {}, "tags": {}, "log": {"payload": "aGk=", "type": "OUT"}});
        let answer = json!({"envelopes": {"batch": [envelope]}, "next": "5.0"});
        let Ok(page) = read(&answer) else {
            panic!("unreadable")
        };
        assert_eq!((page.envelopes[0].timestamp, &*page.next), (5, "5.0"));
        assert!(read(&json!({"html": 1})).is_err());
    }
}
