//! The table of functions. Those of 2.13.1 come first (log-cache specification, 4.1).

use super::{
    Body::{Calendar as Date, Math, Own as Special, Range, RangeKeepingName},
    Calendar, Function, Own, Since,
    Variadic::{self, Exact, Optional, Unbounded},
    math, over_time, rate, regression,
};
use crate::promql::ast::ValueType::{self, Matrix, Scalar, String as Text, Vector};

const fn function(
    name: &'static str,
    args: &'static [ValueType],
    returns: ValueType,
    body: super::Body,
) -> Function {
    Function {
        name,
        args,
        variadic: Exact,
        returns,
        since: Since::Always,
        body,
    }
}

impl Function {
    const fn with(mut self, variadic: Variadic) -> Self {
        self.variadic = variadic;
        self
    }

    const fn modern(mut self) -> Self {
        self.since = Since::Modern;
        self
    }

    const fn removed(mut self) -> Self {
        self.since = Since::Removed;
        self
    }
}

const fn math(name: &'static str, body: fn(f64) -> f64) -> Function {
    function(name, &[Vector], Vector, Math(body))
}

const fn date(name: &'static str, body: fn(Calendar) -> i64) -> Function {
    function(name, &[Vector], Vector, Date(body)).with(Optional(1))
}

const fn range(
    name: &'static str,
    body: fn(&super::Window<'_>, &[f64]) -> Option<f64>,
) -> Function {
    function(name, &[Matrix], Vector, Range(body))
}

/// All functions of both modes.
pub static FUNCTIONS: &[Function] = &[
    math("abs", f64::abs),
    function("absent", &[Vector], Vector, Special(Own::Absent)),
    range("avg_over_time", over_time::avg),
    math("ceil", f64::ceil),
    range("changes", rate::changes),
    function(
        "clamp_max",
        &[Vector, Scalar],
        Vector,
        Special(Own::ClampMax),
    ),
    function(
        "clamp_min",
        &[Vector, Scalar],
        Vector,
        Special(Own::ClampMin),
    ),
    range("count_over_time", over_time::count),
    date("day_of_month", Calendar::day_of_month),
    date("day_of_week", Calendar::day_of_week),
    date("days_in_month", Calendar::days_in_month),
    range("delta", rate::delta),
    range("deriv", regression::deriv),
    math("exp", f64::exp),
    math("floor", f64::floor),
    function(
        "histogram_quantile",
        &[Scalar, Vector],
        Vector,
        Special(Own::HistogramQuantile),
    ),
    function(
        "holt_winters",
        &[Matrix, Scalar, Scalar],
        Vector,
        Range(regression::smoothing),
    )
    .removed(),
    date("hour", Calendar::hour),
    range("idelta", rate::idelta),
    range("increase", rate::increase),
    range("irate", rate::irate),
    function(
        "label_join",
        &[Vector, Text, Text, Text],
        Vector,
        Special(Own::LabelJoin),
    )
    .with(Unbounded(1)),
    function(
        "label_replace",
        &[Vector, Text, Text, Text, Text],
        Vector,
        Special(Own::LabelReplace),
    ),
    math("ln", f64::ln),
    math("log10", f64::log10),
    math("log2", f64::log2),
    range("max_over_time", over_time::max),
    range("min_over_time", over_time::min),
    date("minute", Calendar::minute),
    date("month", Calendar::month),
    function(
        "predict_linear",
        &[Matrix, Scalar],
        Vector,
        Range(regression::predict),
    ),
    function(
        "quantile_over_time",
        &[Scalar, Matrix],
        Vector,
        Special(Own::QuantileOverTime),
    ),
    range("rate", rate::rate),
    range("resets", rate::resets),
    function("round", &[Vector, Scalar], Vector, Special(Own::Round)).with(Optional(1)),
    function("scalar", &[Vector], Scalar, Special(Own::Scalar)),
    function("sort", &[Vector], Vector, Special(Own::Sort)),
    function("sort_desc", &[Vector], Vector, Special(Own::SortDesc)),
    math("sqrt", f64::sqrt),
    range("stddev_over_time", over_time::stddev),
    range("stdvar_over_time", over_time::stdvar),
    range("sum_over_time", over_time::sum),
    function("time", &[], Scalar, Special(Own::Time)),
    function("timestamp", &[Vector], Vector, Special(Own::Timestamp)),
    function("vector", &[Scalar], Vector, Special(Own::Vector)),
    date("year", Calendar::year),
    // From here on what came later.
    function(
        "absent_over_time",
        &[Matrix],
        Vector,
        Special(Own::AbsentOverTime),
    )
    .modern(),
    math("acos", f64::acos).modern(),
    math("acosh", f64::acosh).modern(),
    math("asin", f64::asin).modern(),
    math("asinh", f64::asinh).modern(),
    math("atan", f64::atan).modern(),
    math("atanh", f64::atanh).modern(),
    function(
        "clamp",
        &[Vector, Scalar, Scalar],
        Vector,
        Special(Own::Clamp),
    )
    .modern(),
    math("cos", f64::cos).modern(),
    math("cosh", f64::cosh).modern(),
    date("day_of_year", Calendar::day_of_year).modern(),
    math("deg", f64::to_degrees).modern(),
    function(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        Vector,
        Range(regression::smoothing),
    )
    .modern(),
    function("end", &[], Scalar, Special(Own::End)).modern(),
    function(
        "first_over_time",
        &[Matrix],
        Vector,
        RangeKeepingName(over_time::first),
    )
    .modern(),
    function("histogram_avg", &[Vector], Vector, Special(Own::NativeOnly)).modern(),
    function(
        "histogram_count",
        &[Vector],
        Vector,
        Special(Own::NativeOnly),
    )
    .modern(),
    function(
        "histogram_fraction",
        &[Scalar, Scalar, Vector],
        Vector,
        Special(Own::HistogramFraction),
    )
    .modern(),
    function(
        "histogram_quantiles",
        &[Vector, Text, Scalar, Scalar],
        Vector,
        Special(Own::HistogramQuantiles),
    )
    .with(Unbounded(1))
    .modern(),
    function(
        "histogram_stddev",
        &[Vector],
        Vector,
        Special(Own::NativeOnly),
    )
    .modern(),
    function(
        "histogram_stdvar",
        &[Vector],
        Vector,
        Special(Own::NativeOnly),
    )
    .modern(),
    function("histogram_sum", &[Vector], Vector, Special(Own::NativeOnly)).modern(),
    function("info", &[Vector, Vector], Vector, Special(Own::Info))
        .with(Optional(1))
        .modern(),
    function(
        "last_over_time",
        &[Matrix],
        Vector,
        RangeKeepingName(over_time::last),
    )
    .modern(),
    range("mad_over_time", over_time::mad).modern(),
    function("max_of", &[Scalar, Scalar], Scalar, Special(Own::MaxOf)).modern(),
    function("min_of", &[Scalar, Scalar], Scalar, Special(Own::MinOf)).modern(),
    function("pi", &[], Scalar, Special(Own::Pi)).modern(),
    range("present_over_time", over_time::present).modern(),
    math("rad", f64::to_radians).modern(),
    function("range", &[], Scalar, Special(Own::QueryRange)).modern(),
    math("sgn", math::sgn).modern(),
    math("sin", f64::sin).modern(),
    math("sinh", f64::sinh).modern(),
    function(
        "sort_by_label",
        &[Vector, Text],
        Vector,
        Special(Own::SortByLabel),
    )
    .with(Unbounded(1))
    .modern(),
    function(
        "sort_by_label_desc",
        &[Vector, Text],
        Vector,
        Special(Own::SortByLabelDesc),
    )
    .with(Unbounded(1))
    .modern(),
    function("start", &[], Scalar, Special(Own::Start)).modern(),
    function("step", &[], Scalar, Special(Own::Step)).modern(),
    math("tan", f64::tan).modern(),
    math("tanh", f64::tanh).modern(),
    range("ts_of_first_over_time", over_time::first_time).modern(),
    range("ts_of_last_over_time", over_time::last_time).modern(),
    range("ts_of_max_over_time", over_time::max_time).modern(),
    range("ts_of_min_over_time", over_time::min_time).modern(),
];
