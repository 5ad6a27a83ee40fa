#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::path::PathBuf;

use super::{cloud_controller::LookupError, *};
use crate::auth::stub::{Answers, Stub};

const APP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const TOKEN: &str = r#"{"access_token":"geheim","token_type":"bearer","expires_in":600}"#;
const NOBODY: &str = r#"{"pagination":{},"resources":[],"included":{}}"#;
const SHOP: &str = r#"{"pagination":{"next":null},"resources":[{
    "guid":"b3015d69-09cd-476d-aace-ad2d824d5ab7","name":"shop","state":"STARTED",
    "relationships":{"space":{"data":{"guid":"s1"}}}}],
  "included":{
    "spaces":[{"guid":"s1","name":"dev","relationships":{"organization":{"data":{"guid":"o1"}}}}],
    "organizations":[{"guid":"o1","name":"acme"}]}}"#;

async fn controller(api: Answers, uaa: Answers) -> (CloudController, Stub, Stub) {
    let (api, uaa) = (Stub::start(api).await, Stub::start(uaa).await);
    let json = serde_json::json!({
        "api": api.url, "uaa": uaa.url, "client_id": "weir", "client_secret": "geheim",
    });
    let config: NamesConfig = serde_json::from_value(json).unwrap();
    assert_eq!(config.ca, PathBuf::new());
    let (controller, tls) = CloudController::new(&config).unwrap();
    assert!(tls.is_none());
    (controller, api, uaa)
}

fn asked(stub: &Stub) -> Vec<String> {
    stub.asked.lock().unwrap().clone()
}

#[tokio::test]
async fn many_apps_are_one_question_and_one_token_is_for_many() {
    let (mut controller, api, uaa) = controller(vec![(200, SHOP)], vec![(200, TOKEN)]).await;
    let guids = [APP.to_owned(), "other".to_owned()];
    let found = controller.apps(&guids).await.unwrap();
    assert_eq!(found.len(), 1);
    let shop = &found[APP];
    assert_eq!(shop.app, "shop");
    assert_eq!(shop.space, ("s1".into(), "dev".into()));
    assert_eq!(shop.organization, ("o1".into(), "acme".into()));
    controller.apps(&guids[..1]).await.unwrap();
    assert_eq!(asked(&uaa).len(), 1);
    let asked = asked(&api);
    assert_eq!(asked.len(), 2);
    let path = format!("/v3/apps?guids={APP},other&include=space.organization&per_page=50");
    assert!(asked[0].contains(&path), "{}", asked[0]);
    assert!(asked[0].contains("bearer geheim"), "{}", asked[0]);
}

#[tokio::test]
async fn a_token_that_was_withdrawn_is_replaced_once() {
    let api = vec![(200, NOBODY), (401, "{}"), (200, SHOP), (401, "{}")];
    let (mut controller, _, uaa) = controller(api, vec![(200, TOKEN)]).await;
    let guids = [APP.to_owned()];
    assert!(controller.apps(&guids).await.unwrap().is_empty());
    assert_eq!(controller.apps(&guids).await.unwrap().len(), 1);
    assert_eq!(asked(&uaa).len(), 2);
    let error = controller.apps(&guids).await.unwrap_err();
    assert!(matches!(error, LookupError::Status { status: 401, .. }));
    assert_eq!(asked(&uaa).len(), 3, "not again and again");
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_secrets() {
    for (api, uaa, told) in [
        (
            (500, "geheim"),
            (200, TOKEN),
            "the API answered with status 500",
        ),
        (
            (200, "geheim"),
            (200, TOKEN),
            "the answer of the API cannot be read at line 1",
        ),
        (
            (200, SHOP),
            (403, "geheim"),
            "the token server answered with status 403",
        ),
        (
            (200, SHOP),
            (200, r#"{"access_token":"geheim"}"#),
            "the answer of the token server cannot be read at line 1",
        ),
        (
            (200, SHOP),
            (200, "{\"access_token\":\"ge\\nheim\",\"expires_in\":1}"),
            "the token server gave a token that cannot be sent",
        ),
    ] {
        let (mut controller, ..) = controller(vec![api], vec![uaa]).await;
        let error = controller.apps(&[APP.to_owned()]).await.unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with(told), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }
}
