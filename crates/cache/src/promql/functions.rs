//! The functions: their names, what they take, in which mode they exist, and what runs them.

pub(crate) mod buckets;
mod calendar;
mod edges;
mod math;
mod over_time;
pub(crate) mod quantile;
mod rate;
mod regression;
pub(crate) mod sums;
mod table;
mod window;

pub(crate) use calendar::Calendar;
pub use table::FUNCTIONS;
pub(crate) use window::Window;

use super::{Mode, ast::ValueType};

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variadic {
    /// As many as its types.
    Exact,
    /// So many of the last may be left out.
    Optional(usize),
    /// So many of the last may be left out, and the last may come any number of times.
    Unbounded(usize),
}

/// Where a function exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// In both modes.
    Always,
    /// In `log-cache` mode only: later versions named it otherwise.
    Removed,
    /// In `modern` mode only.
    Modern,
}

/// A function of PromQL.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments.
    pub args: &'static [ValueType],
    /// How many of them there may be.
    pub variadic: Variadic,
    /// What it gives.
    pub returns: ValueType,
    /// Where it exists.
    pub since: Since,
    pub(crate) body: Body,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Function {
    /// The fewest arguments that it takes.
    pub fn least_args(&self) -> usize {
        match self.variadic {
            Variadic::Exact => self.args.len(),
            Variadic::Optional(less) | Variadic::Unbounded(less) => self.args.len() - less,
        }
    }
}

/// What runs a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// Each value of a vector by itself; the name goes.
    Math(fn(f64) -> f64),
    /// A part of the date of each value of a vector, of the step's time without one.
    Calendar(fn(Calendar) -> i64),
    /// Each range of samples by itself; numbers are the other arguments. The name goes.
    Range(fn(&Window<'_>, &[f64]) -> Option<f64>),
    /// The same, and the name stays.
    RangeKeepingName(fn(&Window<'_>, &[f64]) -> Option<f64>),
    /// Code of its own in the evaluator.
    Own(Own),
}

/// The functions that are no plain mapping of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Absent,
    AbsentOverTime,
    Clamp,
    ClampMax,
    ClampMin,
    End,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    Info,
    LabelJoin,
    LabelReplace,
    MaxOf,
    MinOf,
    NativeOnly,
    Pi,
    QuantileOverTime,
    QueryRange,
    Round,
    Scalar,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Start,
    Step,
    Time,
    Timestamp,
    Vector,
}

/// The function of a name in a mode.
pub(crate) fn find(name: &str, mode: Mode) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| {
        let exists = match function.since {
            Since::Always => true,
            Since::Removed => mode == Mode::LogCache,
            Since::Modern => mode == Mode::Modern,
        };
        exists && function.name == name
    })
}

#[cfg(test)]
mod tests;
