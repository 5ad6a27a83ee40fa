//! Which Redis server has the recent lines of a channel (spec logplex §1.2).

use md5::{Digest, Md5};

use crate::logplex::redis::{Redis, RedisUrl, RedisUrlError};

/// Servers, in Logplex's order: by the fragments of their URLs.
#[derive(Clone)]
pub(crate) struct Shards(Vec<Redis>);

impl Shards {
    /// At least one server.
    ///
    /// # Errors
    /// A URL that names none.
    pub(crate) fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, RedisUrlError> {
        let urls: Result<Vec<_>, _> = urls.into_iter().map(RedisUrl::parse).collect();
        let mut urls = urls?;
        urls.sort_by(|one, other| one.sort_key().cmp(other.sort_key()));
        match urls.is_empty() {
            true => Err(RedisUrlError::Host),
            false => Ok(Self(urls.into_iter().map(Redis::new).collect())),
        }
    }

    /// The same servers with connections of their own.
    pub(crate) fn apart(&self) -> Self {
        Self(self.0.iter().map(Redis::apart).collect())
    }

    /// Each server.
    pub(super) fn all(&self) -> &[Redis] {
        &self.0
    }

    /// The one that has a channel, by its place.
    pub(super) fn of(&self, channel: &str) -> usize {
        shard(channel, self.0.len())
    }
}

/// The hash of the id, as one number, in equal intervals.
fn shard(channel: &str, shards: usize) -> usize {
    if shards < 2 {
        return 0;
    }
    let hash: [u8; 16] = Md5::digest(channel.as_bytes()).into();
    let count = u128::try_from(shards).unwrap_or(u128::MAX);
    // 2^128 div the count, without a number that is so large, and one.
    let interval = u128::MAX / count + u128::from(u128::MAX % count == count - 1) + 1;
    usize::try_from(u128::from_be_bytes(hash) / interval).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_where_the_original_has_them() {
        for (channel, expected) in [("1", [1, 2, 3, 6]), ("3", [1, 2, 3, 7])] {
            let places = [2, 3, 4, 8].map(|count| shard(channel, count));
            // The reference counts from 0.
            assert_eq!(places, expected, "{channel}");
            assert_eq!(shard(channel, 1), 0);
        }
    }

    #[test]
    fn servers_are_sorted_by_their_fragments() {
        let urls = ["redis://a#3", "redis://b#1", "redis://c#2"];
        let shards = Shards::new(urls).unwrap();
        let hosts: Vec<_> = shards
            .all()
            .iter()
            .map(|one| one.url().to_string())
            .collect();
        assert_eq!(
            hosts,
            ["redis://b:6379/0", "redis://c:6379/0", "redis://a:6379/0"]
        );
        assert!(Shards::new([]).is_err());
    }
}
