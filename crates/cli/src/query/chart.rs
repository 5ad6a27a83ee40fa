//! A small chart for a terminal: lines of dots for one series, a row of blocks for each of
//! several.

mod dots;

use super::{
    answer::{Answer, Series},
    figure::{clock, one_day, short},
    rows::{name, table},
};

/// Lines of a chart of one series.
const HEIGHT: usize = 11;
/// Columns beside a chart, for what its lines mean.
const MARGIN: usize = 11;
/// Fewest columns of a row.
const NARROWEST: usize = 16;
/// Steps that people count in, in seconds, below a day.
const STEPS: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    21_600.0, 43_200.0,
];
const DAY: f64 = 86_400.0;
/// An eighth, two eighths … of a line.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The steps that were asked for, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) step: f64,
}

/// A step, in seconds, of which a chart in a terminal of so many columns shows each.
pub(super) fn step(range: f64, width: usize) -> f64 {
    let columns = u16::try_from(plot(width)).unwrap_or(u16::MAX);
    let least = range / (f64::from(columns) * 2.0 - 1.0);
    let found = STEPS.iter().find(|step| **step >= least);
    found.copied().unwrap_or_else(|| (least / DAY).ceil() * DAY)
}

fn plot(width: usize) -> usize {
    width.saturating_sub(MARGIN + 2).max(NARROWEST)
}

impl Answer {
    /// What there was at every step.
    pub(super) fn chart(&self, window: Window, width: usize) -> String {
        match self {
            Self::Matrix(series) => match &series[..] {
                [] => String::new(),
                [one] => drawn(one, window, width),
                several => lined_up(several, window, width),
            },
            other => other.table(),
        }
    }
}

impl Window {
    /// So many steps there are.
    fn steps(&self) -> usize {
        let steps = (self.end - self.start) / self.step;
        // More than any server answers.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within bounds"
        )]
        let steps = steps.clamp(0.0, 1e6) as usize;
        steps + 1
    }

    /// The value of each step that has one.
    fn values(&self, series: &Series) -> Vec<Option<f64>> {
        let mut values = vec![None; self.steps()];
        for (time, value) in &series.points {
            let step = ((time - self.start) / self.step).round();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float is cut to the nearest number there is"
            )]
            let place = values.get_mut(step as usize).filter(|_| step >= 0.0);
            if let Some(place) = place.filter(|_| value.is_finite()) {
                *place = Some(*value);
            }
        }
        values
    }

    fn told(&self) -> String {
        let with_day = !one_day(self.start, self.end);
        let first = clock(self.start, true);
        let last = clock(self.end, with_day);
        format!("{first} to {last} UTC, every {} s", short(self.step))
    }
}

/// The least and the greatest; 0 if there are none.
fn bounds<'a>(values: impl Iterator<Item = &'a Option<f64>>) -> (f64, f64) {
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let found = values.flatten().fold(none, |(least, greatest), value| {
        (least.min(*value), greatest.max(*value))
    });
    if found == none { (0.0, 0.0) } else { found }
}

fn drawn(series: &Series, window: Window, width: usize) -> String {
    let values = window.values(series);
    let (least, greatest) = bounds(values.iter());
    let mut text = format!("{}\n", name(&series.labels));
    let lines = dots::draw(&values, (least, greatest), plot(width), HEIGHT);
    for (index, line) in lines.iter().enumerate() {
        let told = match index {
            0 => short(greatest),
            _ if index == HEIGHT - 1 => short(least),
            _ if index == HEIGHT / 2 => short(f64::midpoint(least, greatest)),
            _ => String::new(),
        };
        let tick = if told.is_empty() { '│' } else { '┤' };
        text.push_str(&format!("{told:>MARGIN$}{tick}{}\n", line.trim_end()));
    }
    text.push_str(&format!("{:MARGIN$}└{}\n", "", "─".repeat(plot(width))));
    text.push_str(&format!("{:MARGIN$} {}\n", "", window.told()));
    text
}

fn lined_up(all: &[Series], window: Window, width: usize) -> String {
    let values: Vec<_> = all.iter().map(|series| window.values(series)).collect();
    let bounds = bounds(values.iter().flatten());
    let labels: Vec<_> = all.iter().map(|series| &series.labels).collect();
    let rows = |columns: usize| {
        let cells = values.iter().map(|values| {
            let (least, greatest) = self::bounds(values.iter());
            let last = values.iter().rev().find_map(|value| *value);
            vec![
                row(values, bounds, columns),
                short(least),
                short(greatest),
                last.map_or_else(String::new, short),
            ]
        });
        table(&labels, &["", "Min", "Max", "Last"], cells.collect())
    };
    // How wide everything else is shows a table without charts.
    let beside = rows(0);
    let beside = beside.lines().filter(|line| !line.starts_with("all: "));
    let beside = beside.map(|line| line.chars().count()).max();
    let columns = width.saturating_sub(beside.unwrap_or(0)).max(NARROWEST);
    let scale = format!("from {} to {}", short(bounds.0), short(bounds.1));
    format!("{}{}; {scale}\n", rows(columns), window.told())
}

/// A block for each column: the mean of its steps.
fn row(values: &[Option<f64>], (least, greatest): (f64, f64), columns: usize) -> String {
    let steps = values.len();
    let block = |column: usize| {
        let first = column * steps / columns;
        let last = ((column + 1) * steps / columns).max(first + 1);
        let (mut sum, mut count) = (0.0, 0.0);
        for value in values[first..last].iter().flatten() {
            sum += value;
            count += 1.0;
        }
        if count == 0.0 {
            return ' ';
        }
        let share = (sum / count - least) / (greatest - least);
        let level = BLOCKS.iter().zip(1_u8..).find(|(_, level)| {
            // What does not differ lies in the middle.
            let share = if share.is_nan() { 0.5 } else { share };
            share * 8.0 <= f64::from(*level)
        });
        level.map_or('█', |(block, _)| *block)
    };
    (0..columns).map(block).collect()
}

#[cfg(test)]
mod tests;
