//! What a broker answers. Nothing is believed of it: a length reserves no memory, and what is
//! left over is ignored, as newer brokers may add to the end.

mod reader;

use super::{error_code::ErrorCode, request::Api};
use reader::Reader;

/// What came is no answer to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer breaks off or is none")]
pub struct Malformed;

/// The questions that a broker knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions {
    /// The broker could not say.
    pub error: ErrorCode,
    /// Key, lowest and highest version of each.
    pub ranges: Vec<(i16, i16, i16)>,
}

impl ApiVersions {
    /// Reads one.
    ///
    /// # Errors
    /// It breaks off.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let error = from.error()?;
        let ranges = from.array(|from| Ok((from.int16()?, from.int16()?, from.int16()?)))?;
        Ok(Self { error, ranges })
    }

    /// Lowest and highest version that the broker knows of this question.
    pub fn range(&self, api: Api) -> Option<(i16, i16)> {
        let found = self.ranges.iter().find(|range| range.0 == api.key());
        found.map(|range| (range.1, range.2))
    }
}

/// A broker of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its name or address, as it wants to be called.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Who leads the partitions of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// All brokers.
    pub brokers: Vec<Broker>,
    /// What is wrong with the topic.
    pub error: ErrorCode,
    /// The leader of each partition, by the partition's number. `None`: it has none now.
    pub leaders: Vec<Option<i32>>,
}

/// Most partitions that a topic is believed to have.
const MOST_PARTITIONS: usize = 100_000;

impl Metadata {
    /// Reads the answer about one topic.
    ///
    /// # Errors
    /// It breaks off, is about another topic, or numbers partitions strangely.
    pub fn read(bytes: &[u8], topic: &str) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        from.throttle()?;
        let brokers = from.array(|from| {
            let (id, host) = (from.int32()?, from.text()?);
            let port = from.int32()?;
            let _rack = from.optional_text()?;
            let port = u16::try_from(port).map_err(|_| Malformed)?;
            Ok(Broker { id, host, port })
        })?;
        let _cluster = from.optional_text()?;
        let _controller = from.int32()?;
        let topics = from.array(|from| {
            let (error, name) = (from.error()?, from.text()?);
            let _internal = from.byte()?;
            let partitions = from.array(|from| {
                let (error, index) = (from.error()?, from.int32()?);
                let leader = from.int32()?;
                from.skip_array(4)?;
                from.skip_array(4)?;
                Ok((index, (error.is_none() && leader >= 0).then_some(leader)))
            })?;
            Ok((error, name, partitions))
        })?;
        let found = topics.into_iter().find(|(_, name, _)| name == topic);
        let (error, _, partitions) = found.ok_or(Malformed)?;
        let count = partitions.len();
        if count > MOST_PARTITIONS {
            return Err(Malformed);
        }
        let mut leaders = vec![None; count];
        for (index, leader) in partitions {
            let index = usize::try_from(index).map_err(|_| Malformed)?;
            *leaders.get_mut(index).ok_or(Malformed)? = leader;
        }
        Ok(Self {
            brokers,
            error,
            leaders,
        })
    }
}

/// An id of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerId {
    /// The number.
    pub id: i64,
    /// Which life of it.
    pub epoch: i16,
}

impl ProducerId {
    /// Without one the broker does not know what it has already.
    pub const NONE: Self = Self { id: -1, epoch: -1 };

    /// Reads one.
    ///
    /// # Errors
    /// It breaks off.
    pub fn read(bytes: &[u8]) -> Result<Result<Self, ErrorCode>, Malformed> {
        let mut from = Reader::new(bytes);
        from.throttle()?;
        let error = from.error()?;
        let (id, epoch) = (from.int64()?, from.int16()?);
        Ok(match error.is_none() {
            true => Ok(Self { id, epoch }),
            false => Err(error),
        })
    }
}

/// What became of a partition's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// Which partition.
    pub partition: i32,
    /// How it went.
    pub error: ErrorCode,
}

impl Produced {
    /// Reads the answer to batches, and for how many milliseconds the broker wants to be left
    /// alone.
    ///
    /// # Errors
    /// It breaks off.
    pub fn read(bytes: &[u8], version: i16) -> Result<(Vec<Self>, u32), Malformed> {
        let mut from = Reader::new(bytes);
        let topics = from.array(|from| {
            let _name = from.text()?;
            from.array(|from| {
                let (partition, error) = (from.int32()?, from.error()?);
                let (_offset, _append_time) = (from.int64()?, from.int64()?);
                if version >= 5 {
                    let _start = from.int64()?;
                }
                if version >= 8 {
                    from.array(|from| {
                        from.int32()?;
                        from.optional_text().map(drop)
                    })?;
                    let _words = from.optional_text()?;
                }
                Ok(Self { partition, error })
            })
        })?;
        let throttle = from.throttle()?;
        Ok((topics.into_iter().flatten().collect(), throttle))
    }
}

/// Reads whether a SASL mechanism is there, and which are.
///
/// # Errors
/// It breaks off.
pub fn sasl_handshake(bytes: &[u8]) -> Result<(ErrorCode, Vec<String>), Malformed> {
    let mut from = Reader::new(bytes);
    Ok((from.error()?, from.array(Reader::text)?))
}

/// Reads a message of a SASL mechanism.
///
/// # Errors
/// It breaks off.
pub fn sasl_authenticate(bytes: &[u8]) -> Result<Result<Vec<u8>, ErrorCode>, Malformed> {
    let mut from = Reader::new(bytes);
    let error = from.error()?;
    let _words = from.optional_text()?;
    let message = from.block()?.to_vec();
    Ok(match error.is_none() {
        true => Ok(message),
        false => Err(error),
    })
}
