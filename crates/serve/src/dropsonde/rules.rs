//! What a UDP door does to each datagram: check, counter total, source id and tags.

use bytes::BytesMut;
use logweir_wire::{
    convert,
    dropsonde::{self, Defaults, Rejected},
    legacy::{self, LegacyError, Secret},
};

use super::{
    config::{DropsondeConfig, LegacyConfig},
    totals::Totals,
};

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No envelope: truncated, of a wrong wire type, or without a required field.
    Unmarshal,
    /// Of an event type that nobody knows, or that was given up in 2016.
    UnknownType,
    /// Without the event that its type names.
    NoEvent,
    /// At the door of 2013: not signed, though a secret is set.
    Unsigned,
    /// At the door of 2013: signed with another secret.
    BadSignature,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = 5;

    /// Every reason, in the order of [`Reason::index`].
    pub const ALL: [Reason; Reason::COUNT] = [
        Reason::Unmarshal,
        Reason::UnknownType,
        Reason::NoEvent,
        Reason::Unsigned,
        Reason::BadSignature,
    ];

    /// Position in arrays of counts by reason.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name in metric labels and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Unmarshal => "unmarshal",
            Reason::UnknownType => "unknown_type",
            Reason::NoEvent => "no_event",
            Reason::Unsigned => "unsigned",
            Reason::BadSignature => "bad_signature",
        }
    }

    fn of(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Unmarshal(_) => Reason::Unmarshal,
            Rejected::Invalid { event_type: 4..=9 } => Reason::NoEvent,
            Rejected::Invalid { .. } => Reason::UnknownType,
        }
    }

    fn of_legacy(error: LegacyError) -> Self {
        match error {
            LegacyError::Malformed => Reason::Unmarshal,
            LegacyError::Unsigned => Reason::Unsigned,
            LegacyError::BadSignature | LegacyError::Cipher => Reason::BadSignature,
        }
    }
}

/// What a datagram of a door is.
enum Form {
    /// A V1 envelope.
    Dropsonde,
    /// A log message of 2013, or a log envelope.
    Legacy {
        secret: Option<Secret>,
        envelope: BytesMut,
    },
}

/// What one door does to datagrams. Each door has its own: only its task uses it.
pub struct Rules {
    form: Form,
    defaults: Defaults,
    totals: Option<Totals>,
    /// Room for an envelope on its way to V2.
    tagged: BytesMut,
}

impl Rules {
    /// For V1 envelopes. Without `totals` counters stay as they are: whoever is behind
    /// this hop adds up.
    pub fn dropsonde(config: &DropsondeConfig, totals: bool) -> Self {
        Self {
            form: Form::Dropsonde,
            defaults: defaults(config),
            totals: totals.then(|| Totals::new(config.counters)),
            tagged: BytesMut::new(),
        }
    }

    /// For the log messages of 2013.
    pub fn legacy(config: &DropsondeConfig, legacy: &LegacyConfig) -> Self {
        let secret = (!legacy.secret.is_empty()).then(|| Secret::new(&legacy.secret));
        Self {
            form: Form::Legacy {
                secret,
                envelope: BytesMut::new(),
            },
            defaults: defaults(config),
            totals: None,
            tagged: BytesMut::new(),
        }
    }

    /// Appends the V1 envelope that a datagram leaves as.
    ///
    /// # Errors
    /// Why it is not taken; nothing is appended then.
    pub fn apply(&mut self, datagram: &[u8], out: &mut BytesMut) -> Result<(), Reason> {
        let envelope = match &mut self.form {
            Form::Dropsonde => datagram,
            Form::Legacy { secret, envelope } => {
                let message = legacy::read(datagram, secret.as_ref()).map_err(Reason::of_legacy)?;
                envelope.clear();
                legacy::to_v1(&message, envelope);
                &envelope[..]
            }
        };
        let seen = dropsonde::check(envelope).map_err(Reason::of)?;
        let total = self.totals.as_mut().and_then(|totals| {
            let counter = dropsonde::counter(envelope, &seen)?;
            totals.observe(&counter)
        });
        dropsonde::tag(envelope, &seen, &self.defaults, total, out);
        Ok(())
    }
}

impl Rules {
    /// The same as a V2 envelope, as a UDP forwarder sends it on.
    ///
    /// # Errors
    /// As [`Rules::apply`].
    pub fn apply_v2(&mut self, datagram: &[u8], out: &mut BytesMut) -> Result<(), Reason> {
        let mut tagged = std::mem::take(&mut self.tagged);
        tagged.clear();
        let applied = self.apply(datagram, &mut tagged).and_then(|()| {
            // What is taken is an envelope.
            convert::v1_to_v2(&tagged, out).map_err(|_| Reason::Unmarshal)
        });
        self.tagged = tagged;
        applied
    }
}

fn defaults(config: &DropsondeConfig) -> Defaults {
    let DropsondeConfig {
        deployment,
        job,
        index,
        ip,
        ..
    } = config;
    Defaults::new(deployment, job, index, ip)
}

#[cfg(test)]
mod tests;
