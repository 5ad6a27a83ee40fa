//! From fields of a query to a request, as grpc-gateway fills a message (spec
//! log-cache §1.4).

use logweir_proto::{
    cache::{FollowRequest, SearchRequest},
    logcache::{EnvelopeType, MetaRequest, ReadRequest},
};

use super::go;

/// What of a route's fields a request has a place for.
enum Place<'a> {
    Integer(&'a mut i64),
    Boolean(&'a mut bool),
    Text(&'a mut String),
    Types(&'a mut Vec<i32>),
}

/// A field with its two names, in the schema and in JSON.
type Row<'a> = (&'static str, &'static str, Place<'a>);

/// `/api/v1/read/{source}`. The source is the path's, whatever the fields say.
pub(super) fn read(source: String, fields: Vec<(String, String)>) -> Result<ReadRequest, String> {
    let mut request = SearchRequest::default();
    fill(&mut rows(&mut request, &mut String::new())[..READ], fields)?;
    Ok(ReadRequest {
        source_id: source,
        start_time: request.start_time,
        end_time: request.end_time,
        limit: request.limit,
        envelope_types: request.envelope_types,
        descending: request.descending,
        name_filter: request.name_filter,
    })
}

/// `/api/v1/search/{source}`, ours: what `read` takes, and `pattern`, `text` and
/// `after`.
pub(super) fn search(
    source: String,
    fields: Vec<(String, String)>,
) -> Result<SearchRequest, String> {
    let mut request = SearchRequest {
        source_id: source,
        ..SearchRequest::default()
    };
    let mut text = String::new();
    fill(&mut rows(&mut request, &mut text), fields)?;
    request.pattern = pattern(request.pattern, &text)?;
    Ok(request)
}

/// How many of [`rows`] are those of `read`.
const READ: usize = 6;

#[rustfmt::skip]
fn rows<'a>(request: &'a mut SearchRequest, text: &'a mut String) -> [Row<'a>; READ + 3] {
    [
        ("start_time", "startTime", Place::Integer(&mut request.start_time)),
        ("end_time", "endTime", Place::Integer(&mut request.end_time)),
        ("limit", "limit", Place::Integer(&mut request.limit)),
        ("envelope_types", "envelopeTypes", Place::Types(&mut request.envelope_types)),
        ("descending", "descending", Place::Boolean(&mut request.descending)),
        ("name_filter", "nameFilter", Place::Text(&mut request.name_filter)),
        ("pattern", "pattern", Place::Text(&mut request.pattern)),
        ("text", "text", Place::Text(text)),
        ("after", "after", Place::Text(&mut request.after)),
    ]
}

/// `/api/v1/meta`.
pub(super) fn meta(fields: Vec<(String, String)>) -> Result<MetaRequest, String> {
    let mut request = MetaRequest::default();
    let local_only = Place::Boolean(&mut request.local_only);
    fill(&mut [("local_only", "localOnly", local_only)], fields)?;
    Ok(request)
}

/// `/api/v1/follow/{source}`, ours.
pub(super) fn follow(
    source: String,
    fields: Vec<(String, String)>,
) -> Result<FollowRequest, String> {
    let mut request = FollowRequest {
        source_id: source,
        ..FollowRequest::default()
    };
    let (mut history, mut text) = (0, String::new());
    #[rustfmt::skip]
    fill(&mut [
        ("history", "history", Place::Integer(&mut history)),
        ("envelope_types", "envelopeTypes", Place::Types(&mut request.envelope_types)),
        ("pattern", "pattern", Place::Text(&mut request.pattern)),
        ("text", "text", Place::Text(&mut text)),
    ], fields)?;
    request.history = u32::try_from(history)
        .map_err(|_| format!("history ({history}) must be between 0 and {}", u32::MAX))?;
    request.pattern = pattern(request.pattern, &text)?;
    Ok(request)
}

/// Text that is searched for is a pattern that means itself.
fn pattern(pattern: String, text: &str) -> Result<String, String> {
    match (pattern.is_empty(), text.is_empty()) {
        (_, true) => Ok(pattern),
        (true, false) => Ok(regex::escape(text)),
        (false, false) => Err("pattern and text exclude each other".into()),
    }
}

/// Unknown fields are ignored. Where a field is given by both of its names, the later
/// one holds.
fn fill(rows: &mut [Row<'_>], fields: Vec<(String, String)>) -> Result<(), String> {
    for (key, values) in gathered(fields) {
        let (first, below) = match key.split_once('.') {
            Some((first, _)) => (first, true),
            None => (&*key, false),
        };
        let known = |(name, json, _): &&mut Row<'_>| *name == first || *json == first;
        let Some((name, _, place)) = rows.iter_mut().find(known) else {
            continue;
        };
        if below {
            return Err(format!(
                "invalid path: {} is not a message",
                go::quoted(first)
            ));
        }
        if let Place::Types(types) = place {
            for value in &values {
                let read = envelope_type(value);
                types.push(read.map_err(|why| format!("parsing list \"{name}\": {why}"))?);
            }
            continue;
        }
        let [value] = &values[..] else {
            let values = values.join(", ");
            return Err(format!("too many values for field \"{name}\": {values}"));
        };
        let wrong = |why: String| format!("parsing field \"{name}\": {why}");
        match place {
            Place::Integer(number) => **number = go::integer(value).map_err(wrong)?,
            Place::Boolean(flag) => **flag = go::boolean(value).map_err(wrong)?,
            Place::Text(text) => text.clone_from(value),
            Place::Types(_) => {}
        }
    }
    Ok(())
}

/// The values of each name, in the order in which names come first. `name[value]` is
/// one way to write a value.
fn gathered(fields: Vec<(String, String)>) -> Vec<(String, Vec<String>)> {
    let mut gathered: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in fields {
        match gathered.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => gathered.push((name, vec![value])),
        }
    }
    for (name, values) in &mut gathered {
        let inner = name
            .strip_suffix(']')
            .and_then(|rest| rest.rsplit_once('['));
        if let Some((outer, value)) = inner.map(|(a, b)| (a.to_owned(), b.to_owned())) {
            values.insert(0, value);
            *name = outer;
        }
    }
    gathered
}

/// By its name, or by its number.
fn envelope_type(value: &str) -> Result<i32, String> {
    if let Some(named) = EnvelopeType::from_str_name(value) {
        return Ok(named as i32);
    }
    let number = go::integer(value).ok().and_then(|number| {
        let number = i32::try_from(number).ok()?;
        EnvelopeType::try_from(number).ok().map(|_| number)
    });
    number.ok_or_else(|| format!("{} is not a valid value", go::quoted(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<ReadRequest, String> {
        read("app".into(), go::form(query)?)
    }

    #[test]
    fn both_names_of_a_field_are_known() {
        let request = asked(
            "start_time=-1&endTime=%2B9&limit=5&envelopeTypes=LOG&envelope_types=2&\
             descending=T&nameFilter=a.*&source_id=other&sourceId=other&unknown=1",
        );
        let expected = ReadRequest {
            source_id: "app".into(),
            start_time: -1,
            end_time: 9,
            limit: 5,
            envelope_types: vec![1, 2],
            descending: true,
            name_filter: "a.*".into(),
        };
        assert_eq!(request, Ok(expected));
    }

    #[test]
    fn wrong_values_are_refused_in_the_words_of_the_peers() {
        for (query, told) in [
            ("limit.x=3", "invalid path: \"limit\" is not a message"),
            (
                "limit=1&limit=2",
                "too many values for field \"limit\": 1, 2",
            ),
            ("limit[1]=2", "too many values for field \"limit\": 1, 2"),
            (
                "startTime=abc",
                "parsing field \"start_time\": strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            (
                "limit=",
                "parsing field \"limit\": strconv.ParseInt: parsing \"\": invalid syntax",
            ),
            (
                "limit=+5",
                "parsing field \"limit\": strconv.ParseInt: parsing \" 5\": invalid syntax",
            ),
            (
                "descending=yes",
                "parsing field \"descending\": strconv.ParseBool: parsing \"yes\": invalid syntax",
            ),
            (
                "envelope_types=LOG,GAUGE",
                "parsing list \"envelope_types\": \"LOG,GAUGE\" is not a valid value",
            ),
            (
                "envelope_types=6",
                "parsing list \"envelope_types\": \"6\" is not a valid value",
            ),
            ("a=%zz", "invalid URL escape \"%zz\""),
        ] {
            assert_eq!(asked(query), Err(told.to_owned()), "{query}");
        }
    }

    #[test]
    fn text_is_searched_for_as_it_stands() {
        let fields = |query| go::form(query).unwrap();
        let request = search("app".into(), fields("text=a.b(&after=1.2&limit=7")).unwrap();
        assert_eq!(request.pattern, "a\\.b\\(");
        assert_eq!((&*request.after, request.limit), ("1.2", 7));
        let both = search("app".into(), fields("text=a&pattern=b"));
        assert_eq!(both, Err("pattern and text exclude each other".into()));
        let follow = follow("app".into(), fields("history=-1"));
        assert_eq!(
            follow,
            Err("history (-1) must be between 0 and 4294967295".into())
        );
    }
}
