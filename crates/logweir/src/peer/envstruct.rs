//! The peers' rules of reading their environment (spec loggregator-v2 §7.1), down to
//! the texts of their errors.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How a peer names one of its settings in its report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name: &'static str,
    variable: &'static str,
    required: bool,
    shown: bool,
}

/// A setting with the peer's name for it, as `Config.RouterAddrs`, and its variable.
pub(crate) const fn field(name: &'static str, variable: &'static str) -> Field {
    Field {
        name,
        variable,
        required: false,
        shown: false,
    }
}

impl Field {
    /// Without a value the process does not start.
    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// Its value is shown in the report.
    pub(crate) const fn shown(self) -> Self {
        Self {
            shown: true,
            ..self
        }
    }
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) required: bool,
    /// None where the report must not show it.
    pub(crate) value: Option<String>,
}

/// Reads fields in the order in which the peer declares them.
pub(crate) struct Environment<'a> {
    variables: &'a BTreeMap<String, String>,
    missing: BTreeSet<&'static str>,
    wrong: Option<String>,
    rows: Vec<Row>,
}

impl<'a> Environment<'a> {
    /// Starts reading.
    pub(crate) fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self {
            variables,
            missing: BTreeSet::new(),
            wrong: None,
            rows: Vec::new(),
        }
    }

    /// The rows of the report; or the first value that cannot be read; or, sorted, the
    /// required variables that are not there.
    pub(crate) fn finish(self) -> Result<Vec<Row>, String> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if !self.missing.is_empty() {
            let names: Vec<_> = self.missing.into_iter().collect();
            return Err(format!(
                "missing required environment variables: {}",
                names.join(", ")
            ));
        }
        Ok(self.rows)
    }

    /// Any text.
    pub(crate) fn text(&mut self, field: Field, default: &str) -> String {
        let value = self.value(field).unwrap_or(default).to_owned();
        self.row(field, "string", &value);
        value
    }

    /// `true` and `1`; anything else is false.
    pub(crate) fn flag(&mut self, field: Field, default: bool) -> bool {
        let value = self.value(field).map(|text| text == "true" || text == "1");
        let value = value.unwrap_or(default);
        self.row(field, "bool", &value.to_string());
        value
    }

    /// Signed, 64 bits.
    pub(crate) fn signed(&mut self, field: Field, kind: &'static str, default: i64) -> i64 {
        let value = self.parsed(field, default, parse_signed);
        self.row(field, kind, &value.to_string());
        value
    }

    /// Unsigned; what does not fit in `bits` is cut off.
    pub(crate) fn unsigned(
        &mut self,
        field: Field,
        kind: &'static str,
        bits: u32,
        default: u64,
    ) -> u64 {
        let value = self.parsed(field, default, parse_unsigned);
        let value = value & (u64::MAX >> (64 - bits));
        self.row(field, kind, &value.to_string());
        value
    }

    /// Go's duration syntax.
    pub(crate) fn duration(&mut self, field: Field, default: Duration) -> Duration {
        let value = self.parsed(field, default, super::go_duration::parse);
        self.row(field, "time.Duration", &super::go_duration::format(value));
        value
    }

    /// Entries between commas; a trailing comma makes an empty last one.
    pub(crate) fn list(&mut self, field: Field) -> Vec<String> {
        let value: Vec<String> = self
            .value(field)
            .map(|text| text.split(',').map(|entry| entry.trim().into()).collect())
            .unwrap_or_default();
        self.row(field, "[]string", &format!("[{}]", value.join(" ")));
        value
    }

    /// `key:value` between commas; a value may hold colons.
    pub(crate) fn map(&mut self, field: Field) -> BTreeMap<String, String> {
        let value = self.parsed(field, BTreeMap::new(), |text| {
            let pairs = text.split(',').map(str::trim);
            pairs
                .map(|pair| match pair.split_once(':') {
                    Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
                    None => Err(format!("map[string]string key '{pair}' is missing a value")),
                })
                .collect()
        });
        self.row(field, "map[string]string", "");
        value
    }

    fn value(&mut self, field: Field) -> Option<&'a str> {
        let value = self.variables.get(field.variable).map(String::as_str);
        let value = value.filter(|text| !text.is_empty());
        if field.required && value.is_none() {
            self.missing.insert(field.variable);
        }
        value
    }

    fn parsed<T>(
        &mut self,
        field: Field,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let Some(text) = self.value(field) else {
            return default;
        };
        match parse(text) {
            Ok(value) => value,
            Err(error) => {
                self.wrong.get_or_insert(error);
                default
            }
        }
    }

    fn row(&mut self, field: Field, kind: &'static str, value: &str) {
        self.rows.push(Row {
            name: field.name,
            kind,
            variable: field.variable,
            required: field.required,
            value: field.shown.then(|| value.to_owned()),
        });
    }
}

fn parse_signed(text: &str) -> Result<i64, String> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    check_digits("ParseInt", text, digits)?;
    format!("{sign}{digits}")
        .parse()
        .map_err(|_| out_of_range("ParseInt", text))
}

fn parse_unsigned(text: &str) -> Result<u64, String> {
    check_digits("ParseUint", text, text)?;
    text.parse().map_err(|_| out_of_range("ParseUint", text))
}

fn check_digits(call: &str, text: &str, digits: &str) -> Result<(), String> {
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(()),
        false => Err(format!("strconv.{call}: parsing {text:?}: invalid syntax")),
    }
}

fn out_of_range(call: &str, text: &str) -> String {
    format!("strconv.{call}: parsing {text:?}: value out of range")
}

#[cfg(test)]
mod tests;
