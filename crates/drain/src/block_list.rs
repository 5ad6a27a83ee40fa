//! Addresses that drains must not lead to (spec agents-and-drains §2.4).

use std::{
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
};

/// Ranges of blocked addresses. Empty: none.
///
/// To be asked about the address that is connected to: a name that was looked up before may
/// lead elsewhere by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList(Vec<RangeInclusive<Ipv6Addr>>);

/// Why a text is no list. The texts are the peers'.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockListError {
    /// Not `start-end`.
    #[error("invalid BlacklistRange: {0}")]
    Form(String),
    /// Not an address.
    #[error("invalid IP Address for Blacklist IP Range: {0}")]
    Address(String),
    /// The wrong way round.
    #[error("invalid Blacklist IP Range: Start {start} has to be before End {end}")]
    Order {
        /// First address.
        start: String,
        /// Last address.
        end: String,
    },
}

impl BlockList {
    /// Reads ranges, each `start-end`, both ends included. Empty texts are left out.
    ///
    /// # Errors
    /// The first range that is none.
    pub fn parse<'a>(ranges: impl IntoIterator<Item = &'a str>) -> Result<Self, BlockListError> {
        let ranges = ranges.into_iter().map(str::trim);
        let ranges = ranges.filter(|range| !range.is_empty());
        ranges.map(range).collect::<Result<_, _>>().map(Self)
    }

    /// Whether drains must not lead to this address.
    pub fn blocks(&self, address: IpAddr) -> bool {
        let address = mapped(address);
        self.0.iter().any(|range| range.contains(&address))
    }
}

fn range(text: &str) -> Result<RangeInclusive<Ipv6Addr>, BlockListError> {
    let (start, end) = text
        .split_once('-')
        .ok_or_else(|| BlockListError::Form(text.to_owned()))?;
    let address = |text: &str| {
        let address: Result<IpAddr, _> = text.trim().parse();
        address.map_err(|_| BlockListError::Address(text.to_owned()))
    };
    let (first, last) = (mapped(address(start)?), mapped(address(end)?));
    match first <= last {
        true => Ok(first..=last),
        false => Err(BlockListError::Order {
            start: start.to_owned(),
            end: end.to_owned(),
        }),
    }
}

/// The form in which both families are compared.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use super::*;

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let list = BlockList::parse(["10.0.0.5-10.0.0.7", "", " fd00::-fd00::ffff "]).unwrap();
        for (address, blocked) in [
            ("10.0.0.4", false),
            ("10.0.0.5", true),
            ("10.0.0.7", true),
            ("10.0.0.8", false),
            // The same machine by another name.
            ("::ffff:10.0.0.6", true),
            ("fd00::1", true),
            ("fd01::", false),
        ] {
            assert_eq!(list.blocks(address.parse().unwrap()), blocked, "{address}");
        }
        assert!(!BlockList::default().blocks("10.0.0.5".parse().unwrap()));
    }

    #[test]
    fn what_is_no_range_is_named() {
        let told = |text| BlockList::parse([text]).unwrap_err().to_string();
        assert_eq!(told("10.0.0.1"), "invalid BlacklistRange: 10.0.0.1");
        assert_eq!(
            told("10.0.0.1-10.0.0"),
            "invalid IP Address for Blacklist IP Range: 10.0.0"
        );
        assert_eq!(
            told("10.0.0.2-10.0.0.1"),
            "invalid Blacklist IP Range: Start 10.0.0.2 has to be before End 10.0.0.1"
        );
    }
}
