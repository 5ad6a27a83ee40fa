//! What may be asked, in the order and the words of the peers (spec log-cache §1.3).

use logweir_cache::{Cursor, Query, Types};
use logweir_proto::{
    cache::SearchRequest,
    logcache::{EnvelopeType, ReadRequest},
};
use tonic::Status;

use super::expression;

/// Most envelopes of one answer.
const MOST: i64 = 1000;
/// Envelopes of an answer for those who do not say.
const USUAL: i64 = 100;

/// The same question with the words that are only ours.
pub(super) fn widened(request: ReadRequest) -> SearchRequest {
    SearchRequest {
        source_id: request.source_id,
        start_time: request.start_time,
        end_time: request.end_time,
        limit: request.limit,
        envelope_types: request.envelope_types,
        descending: request.descending,
        name_filter: request.name_filter,
        ..SearchRequest::default()
    }
}

/// A question to the store. `now` (nanoseconds since 1970) is where it ends if it does
/// not say.
///
/// The peers answer wrong questions with `Unknown`, which HTTP has as 500; here they
/// are the client's fault.
pub(super) fn query(request: SearchRequest, now: i64) -> Result<Query, Status> {
    let SearchRequest {
        start_time: start,
        end_time: end,
        limit,
        ..
    } = request;
    let wrong = |text: String| Err(Status::invalid_argument(text));
    if end != 0 && start > end {
        return wrong(format!(
            "StartTime ({start}) must be before EndTime ({end})"
        ));
    }
    if limit > MOST {
        return wrong(format!("limit ({limit}) must be {MOST} or less"));
    }
    if limit < 0 {
        return wrong(format!("limit ({limit}) must be greater than zero"));
    }
    let mut query = Query::all(request.source_id);
    query.start = start;
    query.end = if end == 0 { now } else { end };
    let limit = if limit == 0 { USUAL } else { limit };
    query.limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if !request.name_filter.is_empty() {
        let names = expression::names(&request.name_filter).map_err(|error| {
            Status::invalid_argument(format!(
                "name filter must be a valid regular expression: {error}"
            ))
        })?;
        query.names = Some(names);
    }
    if !request.pattern.is_empty() {
        let search = expression::payloads(&request.pattern).map_err(|error| {
            Status::invalid_argument(format!(
                "pattern must be a valid regular expression: {error}"
            ))
        })?;
        query.search = Some(search);
    }
    query.types = types(&request.envelope_types);
    query.descending = request.descending;
    if !request.after.is_empty() {
        let Some(after) = read_cursor(&request.after) else {
            return wrong(format!(
                "after ({:?}) is no place that an answer named",
                request.after
            ));
        };
        query.after = Some(after);
    }
    Ok(query)
}

/// `ANY` says nothing beside others; a number that nobody knows matches nothing.
pub(super) fn types(wanted: &[i32]) -> Types {
    let any = EnvelopeType::Any as i32;
    let named: Vec<i32> = wanted.iter().copied().filter(|one| *one != any).collect();
    if named.is_empty() {
        return Types::ANY;
    }
    let one = |number: i32| match EnvelopeType::try_from(number) {
        Ok(EnvelopeType::Log) => Types::LOG,
        Ok(EnvelopeType::Counter) => Types::COUNTER,
        Ok(EnvelopeType::Gauge) => Types::GAUGE,
        Ok(EnvelopeType::Timer) => Types::TIMER,
        Ok(EnvelopeType::Event) => Types::EVENT,
        Ok(EnvelopeType::Any) | Err(_) => Types::NONE,
    };
    named
        .into_iter()
        .fold(Types::NONE, |all, number| all.with(one(number)))
}

/// A place as clients see it. They are told nothing about what it means.
pub(super) fn cursor_text(cursor: Cursor) -> String {
    format!("{:x}.{:x}", cursor.timestamp, cursor.sequence)
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (timestamp, sequence) = text.split_once('.')?;
    Some(Cursor {
        timestamp: u64::from_str_radix(timestamp, 16).ok()?.cast_signed(),
        sequence: u64::from_str_radix(sequence, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: SearchRequest) -> String {
        query(request, 50).unwrap_err().message().to_owned()
    }

    #[test]
    fn wrong_questions_are_refused_in_the_words_of_the_peers() {
        let base = SearchRequest::default;
        let times = SearchRequest {
            start_time: 2,
            end_time: 1,
            limit: 2000,
            ..base()
        };
        assert_eq!(refused(times), "StartTime (2) must be before EndTime (1)");
        let much = SearchRequest {
            limit: 1001,
            ..base()
        };
        assert_eq!(refused(much), "limit (1001) must be 1000 or less");
        let negative = SearchRequest {
            limit: -1,
            ..base()
        };
        assert_eq!(refused(negative), "limit (-1) must be greater than zero");
        let place = SearchRequest {
            after: "yesterday".into(),
            ..base()
        };
        assert_eq!(
            refused(place),
            "after (\"yesterday\") is no place that an answer named"
        );
        let names = SearchRequest {
            name_filter: "[".into(),
            ..base()
        };
        assert_eq!(
            refused(names),
            "name filter must be a valid regular expression: error parsing regexp: missing \
             closing ]: `[`"
        );
    }

    #[test]
    fn what_is_not_said_has_its_usual_value() {
        let usual = query(SearchRequest::default(), 50).unwrap();
        assert_eq!((usual.start, usual.end, usual.limit), (0, 50, 100));
        assert_eq!(usual.types, Types::ANY);
        let same = SearchRequest {
            start_time: -6_795_364_578_871_345_152,
            end_time: -6_795_364_578_871_345_152,
            ..SearchRequest::default()
        };
        let same = query(same, 50).unwrap();
        assert_eq!(same.start, same.end);
    }

    #[test]
    fn any_says_nothing_beside_other_types() {
        assert_eq!(types(&[0, 1]), Types::LOG);
        assert_eq!(types(&[0, 0]), Types::ANY);
        assert_eq!(types(&[2, 3]), Types::COUNTER.with(Types::GAUGE));
        assert_eq!(types(&[99]), Types::NONE);
        assert_eq!(types(&[-1, 5]), Types::EVENT);
    }

    #[test]
    fn places_are_read_as_they_are_written() {
        for timestamp in [0, 1, -1, i64::MIN, i64::MAX] {
            let cursor = Cursor {
                timestamp,
                sequence: 7,
            };
            assert_eq!(read_cursor(&cursor_text(cursor)), Some(cursor));
        }
        for text in ["", ".", "1", "1.", ".1", "x.1", "1.1.1", "1 .1"] {
            assert_eq!(read_cursor(text), None, "{text:?}");
        }
    }
}
