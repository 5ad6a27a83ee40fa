//! `info`: the labels of info series, added to the series that they describe.

use std::collections::{BTreeMap, HashMap};

use super::{ABSENT, Evaluator, Row, Shifted, Table, call::argument};
use crate::promql::{
    EvalError, Labels, MatchOp, Matcher,
    ast::{Call, Expr, ExprKind},
    labels::METRIC_NAME,
    limits::Use,
};

/// The labels by which series and info series find each other.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// The info series where none is named.
const DEFAULT_NAME: &str = "target_info";
/// What is meant where names are only excluded.
const ANY_INFO: &str = ".+_info";

/// Which info series are wanted, and which of their labels.
struct Wanted {
    names: Vec<Matcher>,
    data: Vec<Matcher>,
}

impl Wanted {
    fn new(selector: Option<&Expr>) -> Result<Self, EvalError> {
        let matchers = match selector.map(|expr| &expr.kind) {
            Some(ExprKind::Selector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        let (mut names, data): (Vec<_>, Vec<_>) = matchers
            .into_iter()
            .partition(|matcher| &*matcher.name == METRIC_NAME);
        let includes = |matcher: &Matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, DEFAULT_NAME));
        } else if !names.iter().any(includes) {
            let any = Matcher::new(METRIC_NAME, MatchOp::Regex, ANY_INFO)
                .map_err(|error| EvalError::execution(error.to_string()))?;
            names.push(any);
        }
        Ok(Self { names, data })
    }

    /// Whether a series is an info series itself, to which nothing is added.
    fn is_info(&self, labels: &Labels) -> bool {
        self.names
            .iter()
            .all(|matcher| matcher.matches(labels.metric_name()))
    }

    /// Whether a series stays where no info series is found for it.
    fn keeps_unmatched(&self) -> bool {
        self.data.iter().all(|matcher| matcher.matches(""))
    }

    fn takes(&self, label: &str) -> bool {
        let data = self.data.is_empty() || self.data.iter().any(|matcher| &*matcher.name == label);
        data && label != METRIC_NAME && !IDENTIFYING.contains(&label)
    }
}

/// The values of the identifying labels; none for a series without any.
fn identity(labels: &Labels) -> Option<[&str; 2]> {
    let identity = IDENTIFYING.map(|name| labels.get(name));
    identity
        .iter()
        .any(|value| !value.is_empty())
        .then_some(identity)
}

impl Evaluator<'_> {
    pub(super) fn info(&self, call: &Call) -> Result<Table, EvalError> {
        let base_expr = argument(call, 0)?;
        let wanted = Wanted::new(call.args.get(1))?;
        let base = self.vector(base_expr)?;
        let mut shifts = Vec::new();
        self.first_shifts(base_expr, &mut shifts)?;
        let time = |step| {
            shifts
                .iter()
                .fold(step, |time, shifted: &Shifted| shifted.time(time))
        };
        let matchers: Vec<_> = wanted.names.iter().chain(&wanted.data).cloned().collect();
        // Of each info series the time of the sample that is seen: of several the newest counts.
        let infos = self.select(&matchers, time, |sample| sample.at as f64)?;
        let mut by_identity: HashMap<[&str; 2], Vec<&Row>> = HashMap::new();
        for info in &infos.rows {
            if let Some(identity) = identity(&info.labels) {
                by_identity.entry(identity).or_default().push(info);
            }
        }
        let mut rows: Vec<Row> = Vec::new();
        let mut places: HashMap<(Labels, bool), usize> = HashMap::new();
        for row in &base.rows {
            let infos = identity(&row.labels).and_then(|identity| by_identity.get(&identity));
            let infos = infos
                .filter(|_| !wanted.is_info(&row.labels))
                .map_or(&[][..], Vec::as_slice);
            for (step, value) in row.values.iter().enumerate() {
                self.budget.work(infos.len() + 1)?;
                if row.at(step).is_none() {
                    continue;
                }
                let labels = match wanted.is_info(&row.labels) {
                    true => Some(row.labels.clone()),
                    false => enriched(&row.labels, infos, step, &wanted)?,
                };
                let Some(labels) = labels else { continue };
                let next = rows.len();
                let place = *places
                    .entry((labels.clone(), row.drop_name))
                    .or_insert(next);
                if place == next {
                    self.budget.charge(Use::values(1, self.steps.count))?;
                    let values = vec![ABSENT; self.steps.count];
                    rows.push(Row {
                        labels,
                        values,
                        drop_name: row.drop_name,
                    });
                }
                if let Some(cell) = rows.get_mut(place).and_then(|row| row.values.get_mut(step)) {
                    if super::is_present(*cell) {
                        return Err(EvalError::same_labelset());
                    }
                    *cell = *value;
                }
            }
        }
        Ok(Table { rows })
    }

    /// The offsets and `@` on the way to the first selector: info series are looked for at
    /// the time that the series' samples are of.
    fn first_shifts(&self, expr: &Expr, shifts: &mut Vec<Shifted>) -> Result<bool, EvalError> {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Text(_) => Ok(false),
            ExprKind::Selector(selector) => {
                shifts.push(self.shifted(&selector.shift)?);
                Ok(true)
            }
            ExprKind::Range(range) => {
                shifts.push(self.shifted(&range.selector.shift)?);
                Ok(true)
            }
            ExprKind::Subquery(subquery) => {
                shifts.push(self.shifted(&subquery.shift)?);
                self.first_shifts(&subquery.inner, shifts)
            }
            ExprKind::Call(call) => {
                for arg in &call.args {
                    if self.first_shifts(arg, shifts)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            ExprKind::Aggregate(aggregate) => self.first_shifts(&aggregate.inner, shifts),
            ExprKind::Binary(binary) => Ok(self.first_shifts(&binary.lhs, shifts)?
                || self.first_shifts(&binary.rhs, shifts)?),
            ExprKind::Negate(inner) | ExprKind::Plus(inner) | ExprKind::Paren(inner) => {
                self.first_shifts(inner, shifts)
            }
        }
    }
}

/// A series' labels with those of the info series that are seen at a step; none if there is
/// no such info series and the query wants one.
fn enriched(
    base: &Labels,
    infos: &[&Row],
    step: usize,
    wanted: &Wanted,
) -> Result<Option<Labels>, EvalError> {
    let mut newest: BTreeMap<&str, (f64, &Labels)> = BTreeMap::new();
    for info in infos {
        let Some(time) = info.at(step) else { continue };
        let name = info.labels.metric_name();
        match newest.get(name) {
            Some((other, _)) if *other > time => {}
            Some((other, labels)) if *other == time => {
                return Err(EvalError::execution(format!(
                    "found duplicate series for info metric: {labels} and {}",
                    info.labels
                )));
            }
            _ => drop(newest.insert(name, (time, &info.labels))),
        }
    }
    if newest.is_empty() {
        return Ok(wanted.keeps_unmatched().then(|| base.clone()));
    }
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, labels) in newest.values() {
        for (label, value) in labels.iter().filter(|(label, _)| wanted.takes(label)) {
            if base.get(label).is_empty()
                && added
                    .insert(label, value)
                    .is_some_and(|other| other != value)
            {
                return Err(EvalError::execution(format!("conflicting label: {label}")));
            }
        }
    }
    let mut labels = base.edit();
    for (label, value) in added {
        labels.set(label, value);
    }
    Ok(Some(labels.build()))
}
