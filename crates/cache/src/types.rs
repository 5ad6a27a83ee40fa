//! Types of envelopes, as sets.

use logweir_proto::peek::Kind;

/// A set of envelope types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u8);

impl Types {
    /// Log lines.
    pub const LOG: Types = Types(1);
    /// Counters.
    pub const COUNTER: Types = Types(2);
    /// Gauges.
    pub const GAUGE: Types = Types(4);
    /// Timers.
    pub const TIMER: Types = Types(8);
    /// Events.
    pub const EVENT: Types = Types(16);
    /// Envelopes without a message, or with one that is not known here.
    pub const OTHER: Types = Types(32);
    /// None at all: nothing is of such a type.
    pub const NONE: Types = Types(0);
    /// All of them, those without a message included.
    pub const ANY: Types = Types(63);

    /// The type of an envelope with such a message.
    pub fn of(kind: Option<Kind>) -> Self {
        match kind {
            Some(Kind::Log) => Self::LOG,
            Some(Kind::Counter) => Self::COUNTER,
            Some(Kind::Gauge) => Self::GAUGE,
            Some(Kind::Timer) => Self::TIMER,
            Some(Kind::Event) => Self::EVENT,
            None => Self::OTHER,
        }
    }

    /// What is in either set.
    #[must_use]
    pub const fn with(self, more: Types) -> Self {
        Self(self.0 | more.0)
    }

    /// Whether it is one type.
    pub const fn is_one(self) -> bool {
        self.0.is_power_of_two() && self.0 <= Self::ANY.0
    }

    /// The set as bits, in the order of the constants.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with these bits; others are left out.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ANY.0)
    }

    /// Whether the sets have a type in common.
    pub const fn intersects(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }
}
