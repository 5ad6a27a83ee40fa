//! Why a record of a request was not taken.

/// Why a log record, a data point or a span did not become envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its bytes or its JSON are no such record.
    #[error("cannot be read")]
    Malformed,
    /// It is larger than [`MOST_BYTES`](super::leaf::MOST_BYTES), or has too many buckets.
    #[error("larger than 1 MiB, or more than 1024 buckets")]
    TooLarge,
    /// A delta of a sum that may fall: nobody here remembers what it adds to.
    #[error("a delta of a sum that is not monotonic; export it cumulative")]
    FallingDelta,
    /// A total that is negative or no number, or a delta with a fraction.
    #[error("no whole number from 0 up, which a counter needs")]
    NoTotal,
    /// The request would become many times its own size, for what its resource says is
    /// repeated in each envelope.
    #[error("the request becomes too many bytes of envelopes; send less in one")]
    TooMuch,
}

impl Refusal {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// Every refusal, in the order of [`Refusal::index`].
    pub const ALL: [Refusal; Refusal::COUNT] = [
        Refusal::Malformed,
        Refusal::TooLarge,
        Refusal::FallingDelta,
        Refusal::NoTotal,
        Refusal::TooMuch,
    ];

    /// Position in arrays of counts by refusal.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name in metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::FallingDelta => "falling_delta",
            Self::NoTotal => "no_total",
            Self::TooMuch => "too_much",
        }
    }
}
