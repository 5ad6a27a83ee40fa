//! Lines of statsd: `name:value|type[|@rate][|#tag:value,…]`, with the types of Etsy's
//! statsd and of DogStatsD.

/// What a sample is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `c`: an amount to add.
    Counter,
    /// `g`: a reading; with a sign, a change of the last one.
    Gauge,
    /// `ms`: a time in milliseconds.
    Timer,
    /// `h`: a value whose distribution is of interest.
    Histogram,
    /// `d`: the same, over all hosts.
    Distribution,
    /// `s`: a member of a set whose size is of interest.
    Set,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Finite, its sign included.
    Number(f64),
    /// The member of a set, as it came.
    Member(&'a str),
}

/// The sign that a number was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// All before the first colon; not empty.
    pub name: &'a str,
    /// What it is of.
    pub kind: Kind,
    /// Not divided by the rate.
    pub value: Value<'a>,
    /// The sign that the value was written with; it makes a gauge's value a change.
    pub sign: Option<Sign>,
    /// Of how many events one was reported: above 0, finite, usually at most 1.
    pub rate: f64,
    /// In the order of the line; a tag without a colon has an empty value.
    pub tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Sample<'a> {
    /// The name as the original's injector splits it, at the first dot: the origin and
    /// the rest. None if either is empty or there is no dot.
    pub fn origin(&self) -> Option<(&'a str, &'a str)> {
        let (origin, name) = self.name.split_once('.')?;
        (!origin.is_empty() && !name.is_empty()).then_some((origin, name))
    }
}

/// Why a line is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It holds bytes that are no UTF-8.
    #[error("a statsd line that is not utf-8")]
    NotUtf8,
    /// There is no `name:`.
    #[error("a statsd line without a name before its first colon")]
    NoName,
    /// There is no `|type`, or a type that is not known.
    #[error("a statsd line without a known type: c, g, ms, h, d or s after the value")]
    NoType,
    /// The value is empty or no finite number.
    #[error("a statsd line whose value is not a finite number")]
    BadValue,
    /// The rate is not a finite number above 0.
    #[error("a statsd line whose sample rate is not a number above 0")]
    BadRate,
}

/// The lines of a datagram: what newlines divide, without carriage returns and empty
/// lines.
pub fn lines(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    datagram
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// Reads a line. Sections after the type that are not known are passed over.
///
/// # Errors
/// [`LineError`].
pub fn parse(line: &[u8]) -> Result<Sample<'_>, LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    let (name, rest) = line.split_once(':').ok_or(LineError::NoName)?;
    if name.is_empty() {
        return Err(LineError::NoName);
    }
    let mut sections = rest.split('|');
    let value = sections.next().unwrap_or_default();
    let kind = match sections.next().map(str::trim_end) {
        Some("c") => Kind::Counter,
        Some("g") => Kind::Gauge,
        Some("ms") => Kind::Timer,
        Some("h") => Kind::Histogram,
        Some("d") => Kind::Distribution,
        Some("s") => Kind::Set,
        _ => return Err(LineError::NoType),
    };
    let mut sample = Sample {
        name,
        kind,
        value: Value::Member(value),
        sign: None,
        rate: 1.0,
        tags: Vec::new(),
    };
    if kind != Kind::Set {
        sample.value = Value::Number(number(value).ok_or(LineError::BadValue)?);
        sample.sign = match value.as_bytes().first() {
            Some(b'+') => Some(Sign::Plus),
            Some(b'-') => Some(Sign::Minus),
            _ => None,
        };
    } else if value.is_empty() {
        return Err(LineError::BadValue);
    }
    for section in sections {
        if let Some(rate) = section.strip_prefix('@') {
            sample.rate = number(rate.trim_end())
                .filter(|rate| *rate > 0.0)
                .ok_or(LineError::BadRate)?;
        } else if let Some(tags) = section.strip_prefix('#') {
            let tags = tags.split(',').filter(|tag| !tag.is_empty());
            sample
                .tags
                .extend(tags.map(|tag| tag.split_once(':').unwrap_or((tag, ""))));
        }
    }
    Ok(sample)
}

/// A finite number in digits: neither of the words that Rust reads as one.
fn number(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number: f64 = plain.then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests;
