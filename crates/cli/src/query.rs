//! `logweir query`: PromQL over what a log cache remembers.

mod answer;
mod chart;
mod figure;
mod rows;

use std::time::{Duration, SystemTime};

use clap::Args;
use rustix::termios::tcgetwinsize;

use crate::{
    cache::LogCache,
    exit::{self, Failure},
    front::{Where, escaped},
    when::{Moment, duration, moment},
};
use answer::Answer;
use chart::Window;

/// Columns where the output is no terminal.
const WIDTH: usize = 80;

/// Arguments of `logweir query`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir query 'cpu{source_id=\"my-app\"}'       what an app's instances use now
  logweir query 'sum by (instance_id) (rate(requests{source_id=\"my-app\"}[5m]))' --start 1h
                                                a chart of the last hour
  logweir query 'http{source_id=~\"shop|till\"}' --time 2026-11-21T10:00:00Z
  logweir query 'memory{source_id=\"my-app\"}' --start 30m --end 10m --step 1m --json
  logweir query 'cpu{source_id=\"my-app\"}' --url https://log-cache.sys.example \\
    --token \"$(cf oauth-token)\"

A metric's name is that of a counter, gauge or timer, with _ for what PromQL does not take; its
labels are the envelope's tags, source_id and instance_id. The server answers as Prometheus 3 does;
a log cache that knows no /prometheus, as version 2.13. A TIME is an RFC 3339 time, Unix
seconds, now, or ago: 90s, 10m, 1h30m. The exit code is 0 also where nothing matches, 69 when no
logweir was found.")]
pub struct QueryArgs {
    /// What is asked, in PromQL
    #[arg(value_name = "EXPR")]
    pub expression: String,
    /// The moment of the answer [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "start")]
    pub time: Option<Moment>,
    /// Ask for every step since this moment, and draw a chart
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub start: Option<Moment>,
    /// The chart's last moment [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "start")]
    pub end: Option<Moment>,
    /// From step to step, as 15s or 1m [default: what the width shows]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "start")]
    pub step: Option<Duration>,
    /// Print the server's JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

impl QueryArgs {
    /// The steps that are asked for; `None` for a single moment.
    fn window(&self, now: SystemTime, width: usize) -> Result<Option<Window>, Failure> {
        let Some(start) = self.start else {
            return Ok(None);
        };
        let start = start.seconds(now);
        let end = self.end.unwrap_or(Moment::Ago(Duration::ZERO)).seconds(now);
        if end < start {
            return Err(Failure::new("--end lies before --start"));
        }
        let step = match self.step {
            Some(step) => step.as_secs_f64(),
            None => chart::step(end - start, width),
        };
        Ok(Some(Window { start, end, step }))
    }

    fn page(&self, window: Option<Window>, now: SystemTime) -> String {
        let expression = escaped(&self.expression);
        match (window, self.time) {
            (Some(Window { start, end, step }), _) => {
                format!("query_range?query={expression}&start={start:.3}&end={end:.3}&step={step}")
            }
            (None, Some(time)) => {
                format!("query?query={expression}&time={:.3}", time.seconds(now))
            }
            (None, None) => format!("query?query={expression}"),
        }
    }
}

/// Asks once, and prints a table, or a chart of what was asked for step by step.
pub async fn run(args: QueryArgs) -> Result<(), Failure> {
    let cache = LogCache::new(&args.place)?;
    let now = SystemTime::now();
    let width = match tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => WIDTH,
    };
    let window = args.window(now, width)?;
    let answered = cache
        .query(&args.page(window, now))
        .await
        .map_err(remedied)?;
    // Its `infos` doubt names alone, as of counters that are not called `_total`.
    for told in answered["warnings"].as_array().into_iter().flatten() {
        exit::say(told.as_str().unwrap_or_default());
    }
    if args.json {
        return exit::print(format!("{answered}\n").as_bytes());
    }
    let answer = Answer::read(&answered["data"])
        .ok_or_else(|| Failure::new("the server's answer is unreadable"))?;
    if answer.is_empty() {
        exit::say("no metric matches; `logweir sources` tells of which sources there are some");
    }
    let text = match window {
        Some(window) => answer.chart(window, width),
        None => answer.table(),
    };
    exit::print(text.as_bytes())
}

/// What to do about an error that everybody meets once.
fn remedied(mut failure: Failure) -> Failure {
    let message = &mut failure.message;
    if message.contains("does not have a 'source_id' label") {
        message.push_str(": write it as NAME{source_id=\"my-app\"}");
    } else if message.contains("query does not request any source_ids") {
        message.push_str(": write metrics as NAME{source_id=\"my-app\"}");
    }
    failure
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        query: QueryArgs,
    }

    fn page(arguments: &[&str]) -> String {
        let args = Cli::parse_from([&["query"], arguments].concat()).query;
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        let Ok(window) = args.window(now, 80) else {
            panic!("refused")
        };
        args.page(window, now)
    }

    #[test]
    fn a_moment_is_asked_for_or_left_to_the_server() {
        assert_eq!(page(&["x{a=\"b\"}"]), "query?query=x%7Ba%3D%22b%22%7D");
        assert_eq!(page(&["x", "--time", "1h"]), "query?query=x&time=6400.000");
    }

    #[test]
    fn a_range_has_steps_that_fit_the_width() {
        assert_eq!(
            page(&["x", "--start", "1h"]),
            "query_range?query=x&start=6400.000&end=10000.000&step=30"
        );
        assert_eq!(
            page(&["x", "--start", "5000", "--end", "1m", "--step", "1m30s"]),
            "query_range?query=x&start=5000.000&end=9940.000&step=90"
        );
        assert_eq!(
            page(&["x", "--start", "10s"]),
            "query_range?query=x&start=9990.000&end=10000.000&step=1"
        );
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused() {
        let args = Cli::parse_from(["query", "x", "--start", "now", "--end", "1m"]).query;
        let refused = args.window(SystemTime::now(), 80);
        assert!(refused.is_err_and(|failure| failure.message.contains("--end")));
        for wrong in [
            &["query", "x", "--end", "1m"][..],
            &["query", "x", "--step", "1m"],
            &["query", "x", "--time", "1m", "--start", "1m"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_missing_source_has_a_remedy() {
        let told = "metric 'x' does not have a 'source_id' label";
        let message = remedied(Failure::new(told)).message;
        assert_eq!(
            message,
            format!("{told}: write it as NAME{{source_id=\"my-app\"}}")
        );
    }
}
