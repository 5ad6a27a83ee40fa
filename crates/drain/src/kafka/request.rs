//! What is asked of a broker: a length, a header, a body.

/// Who we are to a broker, for its logs and quotas.
const CLIENT_ID: &str = "logweir";

/// Bytes before the correlation id: length, key and version.
const BEFORE_CORRELATION: usize = 8;

/// One of the questions, in the version that is spoken of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Records for partitions.
    Produce(i16),
    /// Who leads the partitions of a topic.
    Metadata,
    /// What is to follow is of this SASL mechanism.
    SaslHandshake,
    /// Which questions the broker knows.
    ApiVersions,
    /// An id by which the broker knows what it has already.
    InitProducerId,
    /// A message of a SASL mechanism.
    SaslAuthenticate,
}

/// Versions of `Produce` that are spoken: the first with batches of the present form, and the
/// last before its fields were numbered.
pub const PRODUCE: (i16, i16) = (3, 8);

impl Api {
    /// Its number.
    pub fn key(self) -> i16 {
        match self {
            Self::Produce(_) => 0,
            Self::Metadata => 3,
            Self::SaslHandshake => 17,
            Self::ApiVersions => 18,
            Self::InitProducerId => 22,
            Self::SaslAuthenticate => 36,
        }
    }

    /// The version that is spoken.
    pub fn version(self) -> i16 {
        match self {
            Self::Produce(version) => version,
            Self::Metadata => 4,
            Self::SaslHandshake => 1,
            Self::ApiVersions | Self::InitProducerId | Self::SaslAuthenticate => 0,
        }
    }
}

/// A request. Its answer begins with its correlation id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    fn new(api: Api) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(api.key().to_be_bytes());
        bytes.extend(api.version().to_be_bytes());
        bytes.extend([0; 4]);
        let mut request = Self { bytes };
        request.text(CLIENT_ID);
        request
    }

    /// Which questions the broker knows.
    pub fn api_versions() -> Self {
        Self::new(Api::ApiVersions)
    }

    /// Who leads the partitions of this topic. A broker that makes missing topics makes it, as
    /// for every producer.
    pub fn metadata(topic: &str) -> Self {
        let mut request = Self::new(Api::Metadata);
        request.int32(1);
        request.text(topic);
        request.bytes.push(1);
        request
    }

    /// An id by which the broker knows what it has already.
    pub fn init_producer_id() -> Self {
        let mut request = Self::new(Api::InitProducerId);
        request.no_text();
        // The timeout of transactions, of which there are none.
        request.int32(60_000);
        request
    }

    /// What is to follow is of this mechanism.
    pub fn sasl_handshake(mechanism: &str) -> Self {
        let mut request = Self::new(Api::SaslHandshake);
        request.text(mechanism);
        request
    }

    /// A message of the mechanism.
    pub fn sasl_authenticate(message: &[u8]) -> Self {
        let mut request = Self::new(Api::SaslAuthenticate);
        request.block(message);
        request
    }

    /// Batches for partitions of a topic, each of another partition and in two parts. The
    /// broker answers once all replicas have them, or after so many milliseconds.
    pub fn produce<'a>(
        version: i16,
        topic: &str,
        timeout_ms: i32,
        batches: impl ExactSizeIterator<Item = (i32, [&'a [u8]; 2])>,
    ) -> Self {
        let mut request = Self::new(Api::Produce(version));
        request.no_text();
        // Acknowledged by all replicas that are in sync.
        request.bytes.extend((-1i16).to_be_bytes());
        request.int32(timeout_ms);
        request.int32(1);
        request.text(topic);
        request.length(batches.len());
        for (partition, parts) in batches {
            request.int32(partition);
            request.length(parts.iter().map(|part| part.len()).sum());
            parts
                .iter()
                .for_each(|part| request.bytes.extend_from_slice(part));
        }
        request
    }

    /// The bytes, with this id in them.
    pub fn numbered(mut self, correlation: i32) -> Vec<u8> {
        let length = i32::try_from(self.bytes.len() - 4).unwrap_or(i32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_be_bytes());
        let at = BEFORE_CORRELATION;
        self.bytes[at..at + 4].copy_from_slice(&correlation.to_be_bytes());
        self.bytes
    }

    fn int32(&mut self, value: i32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// Nothing here is near what does not fit.
    fn length(&mut self, value: usize) {
        self.int32(i32::try_from(value).unwrap_or(i32::MAX));
    }

    fn block(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// At most 32 KiB; the configuration sees to it.
    fn text(&mut self, text: &str) {
        let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn no_text(&mut self) {
        self.bytes.extend((-1i16).to_be_bytes());
    }
}
