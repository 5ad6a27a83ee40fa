use logweir_proto::{
    frames::push_frame,
    v2::{self, envelope::Message as Body},
};
use prost::Message;

use super::*;

const APP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const OTHER: &str = "c3015d69-09cd-476d-aace-ad2d824d5ab7";

fn names(most: usize) -> Arc<Names> {
    Names::new(NamesSettings {
        ttl: Duration::from_secs(600),
        absent_ttl: Duration::from_secs(60),
        patience: Duration::from_secs(1),
        most: NonZeroUsize::new(most).unwrap(),
    })
}

fn envelope(source: &str, tags: &[(&str, &str)]) -> Vec<u8> {
    let tags = tags
        .iter()
        .map(|(name, value)| (String::from(*name), String::from(*value)));
    let envelope = v2::Envelope {
        source_id: source.to_owned(),
        tags: tags.collect(),
        message: Some(Body::Log(v2::Log::default())),
        ..v2::Envelope::default()
    };
    envelope.encode_to_vec()
}

fn chunk(envelope: &[u8]) -> Vec<u8> {
    let mut frames = BytesMut::new();
    push_frame(&mut frames, envelope);
    frames.to_vec()
}

fn shop() -> AppNames {
    AppNames {
        app: "shop".into(),
        space: ("s1".into(), "dev".into()),
        organization: ("o1".into(), "acme".into()),
    }
}

fn tags(names: &Names, envelope: &[u8]) -> Vec<(String, String)> {
    let filled = names.fill(envelope);
    let decoded = v2::Envelope::decode(&*filled).unwrap();
    decoded.tags.into_iter().collect()
}

fn text(tags: &[(String, String)]) -> String {
    let all: Vec<_> = tags
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    all.join(" ")
}

#[tokio::test(start_paused = true)]
async fn an_envelope_waits_for_its_names_and_keeps_its_own() {
    let names = names(100);
    let plain = envelope(APP, &[("space_name", "own"), ("zone", "z1")]);
    let chunk = chunk(&plain);
    let (asked, ()) = tokio::join!(names.next(50), async {
        let ready = names.ready(&chunk);
        let asking = async {
            tokio::time::advance(Duration::from_millis(100)).await;
            let found = [(APP.to_owned(), shop())].into();
            names.answer(&[APP.to_owned()], found);
        };
        let start = Instant::now();
        tokio::join!(ready, asking);
        assert_eq!(start.elapsed(), Duration::from_millis(100));
    });
    assert_eq!(asked, [APP]);
    assert_eq!(
        text(&tags(&names, &plain)),
        format!(
            "app_id={APP} app_name=shop organization_id=o1 organization_name=acme space_id=s1 \
             space_name=own zone=z1"
        )
    );
    let stats = names.stats();
    assert_eq!((stats.found, stats.remembered, stats.unnamed), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_what_is_known_or_no_app() {
    let names = names(100);
    let whole = [
        ("app_name", "a"),
        ("space_name", "s"),
        ("organization_name", "o"),
    ];
    for envelope in [envelope(APP, &whole), envelope("gorouter", &[])] {
        names.ready(&chunk(&envelope)).await;
        assert!(matches!(names.fill(&envelope), Cow::Borrowed(_)));
    }
    assert_eq!(names.stats(), NamesStats::default());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_app_is_remembered_for_a_while() {
    let names = names(100);
    let envelope = envelope(APP, &[]);
    names.fill(&envelope);
    let asked = names.next(50).await;
    names.answer(&asked, HashMap::new());
    assert_eq!(tags(&names, &envelope), []);
    assert_eq!(names.stats().waiting, 0);
    assert_eq!(
        names.stats().unnamed,
        1,
        "only that which came before the answer"
    );
    tokio::time::advance(Duration::from_secs(73)).await;
    tags(&names, &envelope);
    assert_eq!(names.next(50).await, [APP]);
}

#[tokio::test(start_paused = true)]
async fn an_old_name_counts_until_there_is_another() {
    let names = names(100);
    let envelope = envelope(APP, &[]);
    names.fill(&envelope);
    let asked = names.next(50).await;
    names.answer(&asked, [(APP.to_owned(), shop())].into());
    tokio::time::advance(Duration::from_secs(721)).await;
    assert!(text(&tags(&names, &envelope)).contains("app_name=shop"));
    let asked = names.next(50).await;
    assert_eq!(asked, [APP]);
    names.failed(&asked);
    assert!(text(&tags(&names, &envelope)).contains("app_name=shop"));
    tokio::time::advance(Duration::from_secs(61)).await;
    names.fill(&envelope);
    let asked = names.next(50).await;
    let renamed = AppNames {
        app: "store".into(),
        ..shop()
    };
    names.answer(&asked, [(APP.to_owned(), renamed)].into());
    assert!(text(&tags(&names, &envelope)).contains("app_name=store"));
}

#[tokio::test(start_paused = true)]
async fn no_answer_costs_one_wait_and_then_none() {
    let names = names(100);
    let start = Instant::now();
    names.ready(&chunk(&envelope(APP, &[]))).await;
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    names.ready(&chunk(&envelope(OTHER, &[]))).await;
    assert_eq!(
        start.elapsed(),
        Duration::from_secs(1),
        "the others do not wait"
    );
    let asked = names.next(50).await;
    assert_eq!(asked, [APP, OTHER]);
    names.failed(&asked);
    assert_eq!(names.stats().failed, 2);
    // An answer makes it worth to wait again.
    names.answer(&asked, HashMap::new());
    let third = "d3015d69-09cd-476d-aace-ad2d824d5ab7";
    let start = Instant::now();
    names.ready(&chunk(&envelope(third, &[]))).await;
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn only_so_much_is_remembered() {
    let names = names(10);
    for number in 0..20_000 {
        let guid = format!("{number:08x}-09cd-476d-aace-ad2d824d5ab7");
        names.fill(&envelope(&guid, &[]));
    }
    let stats = names.stats();
    assert_eq!((stats.remembered, stats.waiting), (10, 10_000));
}

#[test]
fn guids() {
    assert!(is_guid(APP));
    assert!(is_guid(&APP.to_uppercase()));
    for wrong in [
        "",
        "app",
        "b3015d6909cd476daacead2d824d5ab7",
        "b3015d69-09cd-476d-aace-ad2d824d5ab7-",
        "b3015d69-09cd-476d-aace-ad2d824d5ab",
        "b3015d69-09cd-476d-aace-ad2d824d5abg",
        "b3015d690-9cd-476d-aace-ad2d824d5ab7",
        "../../v3/apps/b3015d69-09cd-476d-aace-ad2d824d5ab7",
    ] {
        assert!(!is_guid(wrong), "{wrong}");
    }
}
