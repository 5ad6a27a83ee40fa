//! Families from lines.

use std::borrow::Cow;
use std::collections::HashMap;

use super::scan::{self, BLANKS, Series};
use super::{ERRORS, Exposition, Family, Kind, Limits, LineError, Part, Reason, Sample};

/// What was read so far: `TYPE` and `HELP` may make a family before any sample does.
pub(super) struct Builder<'a> {
    limits: Limits,
    found: Exposition<'a>,
    /// Places in `found.families`, by name.
    places: HashMap<Cow<'a, str>, usize>,
    /// Which of them had a `TYPE` line.
    typed: Vec<bool>,
    samples: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            found: Exposition::default(),
            places: HashMap::new(),
            typed: Vec::new(),
            samples: 0,
        }
    }

    pub(super) fn bad(&mut self, error: LineError) {
        self.found.bad_lines += 1;
        if self.found.errors.len() < ERRORS {
            self.found.errors.push(error);
        }
    }

    /// Families without samples go.
    pub(super) fn finish(mut self) -> Exposition<'a> {
        self.found
            .families
            .retain(|family| !family.samples.is_empty());
        self.found
    }

    /// Reads a line without its newline.
    pub(super) fn line(&mut self, bytes: &'a [u8]) -> Result<(), Reason> {
        let line = std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8)?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.trim_matches(BLANKS);
        if line.is_empty() {
            return Ok(());
        }
        match line.strip_prefix('#') {
            Some(comment) => self.comment(comment.trim_start_matches(BLANKS)),
            None => self.series(scan::series(line, self.limits.labels)?),
        }
    }

    fn comment(&mut self, comment: &'a str) -> Result<(), Reason> {
        let (keyword, rest) = comment.split_once(BLANKS).unwrap_or((comment, ""));
        if !matches!(keyword, "TYPE" | "HELP") {
            return Ok(());
        }
        let rest = rest.trim_start_matches(BLANKS);
        let (name, rest) = match rest.strip_prefix('"') {
            Some(inner) => scan::quoted(inner).ok_or(Reason::NoName)?,
            None => {
                let (name, rest) = scan::name(rest);
                (Cow::Borrowed(name), rest)
            }
        };
        if name.is_empty() || !(rest.is_empty() || rest.starts_with(BLANKS)) {
            return Err(Reason::NoName);
        }
        let rest = rest.trim_start_matches(BLANKS);
        if keyword == "TYPE" {
            let kind = match rest {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                "summary" => Kind::Summary,
                "untyped" | "unknown" => Kind::Untyped,
                _ => return Err(Reason::BadType),
            };
            let Some(place) = self.place(name) else {
                return Ok(());
            };
            let family = &mut self.found.families[place];
            if self.typed[place] || !family.samples.is_empty() {
                return Err(Reason::LateType);
            }
            family.kind = kind;
            self.typed[place] = true;
        } else if let Some(place) = self.place(name) {
            self.found.families[place].help = Some(scan::unescaped(rest, false));
        }
        Ok(())
    }

    fn series(&mut self, series: Series<'a>) -> Result<(), Reason> {
        if self.samples >= self.limits.samples {
            self.found.left_out += 1;
            return Ok(());
        }
        let (family, part, bound) = self.role(&series.name);
        let mut labels = series.labels;
        let part = match bound {
            None => part,
            Some(bound) => {
                let at = labels.iter().position(|(name, _)| name == bound);
                let (_, value) = labels.remove(at.ok_or(Reason::NoBound)?);
                let value = scan::number(&value).ok_or(Reason::NoBound)?;
                match part {
                    Part::Bucket(_) => Part::Bucket(value),
                    _ => Part::Quantile(value),
                }
            }
        };
        let family = match family {
            Some(place) => place,
            None => {
                // OpenMetrics names a counter's family without the suffix.
                let is_total = series.name.strip_suffix("_total").is_some_and(|name| {
                    let place = self.places.get(name);
                    place.is_some_and(|place| self.found.families[*place].kind == Kind::Counter)
                });
                let Some(place) = self.place(series.name) else {
                    self.found.left_out += 1;
                    return Ok(());
                };
                if is_total {
                    self.found.families[place].kind = Kind::Counter;
                }
                place
            }
        };
        self.found.families[family].samples.push(Sample {
            part,
            labels,
            value: series.value,
            timestamp: series.timestamp,
        });
        self.samples += 1;
        Ok(())
    }

    /// What a series of this name is: a family that is known, the part, and the label
    /// that the part holds.
    fn role(&self, name: &str) -> (Option<usize>, Part, Option<&'static str>) {
        let known = |name: &str| {
            let place = *self.places.get(name)?;
            Some((place, self.found.families[place].kind))
        };
        if let Some((place, kind)) = known(name) {
            return match kind {
                Kind::Summary => (Some(place), Part::Quantile(0.0), Some("quantile")),
                _ => (Some(place), Part::Value, None),
            };
        }
        for (suffix, part, bound) in [
            ("_sum", Part::Sum, None),
            ("_count", Part::Count, None),
            ("_bucket", Part::Bucket(0.0), Some("le")),
        ] {
            match name.strip_suffix(suffix).and_then(known) {
                Some((place, Kind::Histogram)) => return (Some(place), part, bound),
                Some((place, Kind::Summary)) if bound.is_none() => {
                    return (Some(place), part, bound);
                }
                _ => {}
            }
        }
        (None, Part::Value, None)
    }

    /// The family of a name, made if need be; none beyond the limit.
    fn place(&mut self, name: Cow<'a, str>) -> Option<usize> {
        if let Some(place) = self.places.get(&name) {
            return Some(*place);
        }
        let place = self.found.families.len();
        if place >= self.limits.families {
            return None;
        }
        self.found.families.push(Family {
            name: name.clone(),
            kind: Kind::default(),
            help: None,
            samples: Vec::new(),
        });
        self.typed.push(false);
        self.places.insert(name, place);
        Some(place)
    }
}
