//! `label_replace` and `label_join`.

use std::sync::Arc;

use super::{Evaluator, Table, Value, call::argument};
use crate::promql::{
    EvalError, Labels, Mode,
    ast::Call,
    labels::{METRIC_NAME, is_legacy_label_name},
    matcher::anchored,
};

impl Evaluator<'_> {
    /// The text of an argument.
    pub(super) fn text(&self, call: &Call, index: usize) -> Result<Arc<str>, EvalError> {
        match self.eval(argument(call, index)?)? {
            Value::Text(text) => Ok(text),
            _ => Err(EvalError::execution("a string is expected here")),
        }
    }

    /// Since Prometheus 3 any text may be a label's name.
    pub(super) fn is_label_name(&self, name: &str) -> bool {
        match self.mode {
            Mode::LogCache => is_legacy_label_name(name),
            Mode::Modern => !name.is_empty() && !name.contains('\u{fffd}'),
        }
    }

    pub(super) fn label_replace(&self, call: &Call) -> Result<Table, EvalError> {
        let (target, template) = (self.text(call, 1)?, self.text(call, 2)?);
        let (source, expression) = (self.text(call, 3)?, self.text(call, 4)?);
        let regex = anchored(&expression).map_err(|_| {
            EvalError::execution(format!(
                "invalid regular expression in label_replace(): {expression}"
            ))
        })?;
        if !self.is_label_name(&target) {
            let function = "invalid destination label name in label_replace()";
            return Err(EvalError::execution(format!("{function}: {target}")));
        }
        self.relabel(call, &target, |labels| {
            let captures = regex.captures(labels.get(&source))?;
            let mut value = String::new();
            captures.expand(&template, &mut value);
            Some(value)
        })
    }

    pub(super) fn label_join(&self, call: &Call) -> Result<Table, EvalError> {
        let (target, separator) = (self.text(call, 1)?, self.text(call, 2)?);
        let mut sources = Vec::new();
        for index in 3..call.args.len() {
            let source = self.text(call, index)?;
            if !self.is_label_name(&source) {
                let message = format!("invalid source label name in label_join(): {source}");
                return Err(EvalError::execution(message));
            }
            sources.push(source);
        }
        if !self.is_label_name(&target) {
            let message = format!("invalid destination label name in label_join(): {target}");
            return Err(EvalError::execution(message));
        }
        self.relabel(call, &target, |labels| {
            let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
            Some(values.join(&separator))
        })
    }

    /// Sets a label of each series to what `value` makes of the others, if it makes anything.
    fn relabel(
        &self,
        call: &Call,
        target: &Arc<str>,
        value: impl Fn(&Labels) -> Option<String>,
    ) -> Result<Table, EvalError> {
        let mut table = self.vector(argument(call, 0)?)?;
        for row in &mut table.rows {
            self.budget.work(1)?;
            if let Some(value) = value(&row.labels) {
                let mut labels = row.labels.edit();
                labels.set(target.clone(), value);
                row.labels = labels.build();
                // A name that was set on purpose stays.
                row.drop_name &= &**target != METRIC_NAME;
            }
        }
        table.merged(self)
    }
}
