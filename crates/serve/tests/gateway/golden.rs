//! What the peers' gateway answers, byte for byte (`tests/golden`).

use bytes::Bytes;
use logweir_proto::v2;
use prost::Message;
use serde_json::Value;
use tonic::Status;

use crate::{
    client::Client,
    door::{Door, Setup},
    stub_rlp::Reply,
};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn bytes(hex_digits: &Value) -> Bytes {
    hex::decode(hex_digits.as_str().unwrap()).unwrap().into()
}

#[tokio::test]
async fn queries_become_the_peers_requests_and_errors() {
    let door = Door::open(Reply::Batches(vec![]), Setup::default()).await;
    for case in cases("gateway_selectors.jsonl") {
        let before = door.stub.requests().len();
        door.stub
            .reply(match case["stream_fails"].as_bool().unwrap() {
                true => Reply::Refuse(Status::unavailable("no")),
                false => Reply::Batches(vec![]),
            });
        let method = case["method"].as_str().unwrap();
        let target = format!("/v2/read?{}", case["query"].as_str().unwrap());
        let mut answer = Client::send(door.addr, method, &target, &[]).await;
        assert_eq!(
            u64::from(answer.status),
            case["status"].as_u64().unwrap(),
            "{case}"
        );
        assert_eq!(
            answer.header("content-type"),
            case["content_type"].as_str(),
            "{case}"
        );
        // Over HTTP an answer to HEAD has no body, whatever the handler wrote.
        let body = if method == "HEAD" {
            Bytes::new()
        } else {
            bytes(&case["body"])
        };
        assert_eq!(answer.rest().await.as_bytes(), body, "{case}");
        let asked = door.stub.requests().split_off(before);
        let expected: Vec<_> = case["request"]
            .as_str()
            .map(|request| hex::decode(request).unwrap())
            .map(|request| v2::EgressBatchRequest::decode(request.as_slice()).unwrap())
            .into_iter()
            .collect();
        assert_eq!(asked, expected, "{case}");
    }
    assert!(door.stub.limits().iter().all(|limit| limit == "16777216"));
}

#[tokio::test]
async fn batches_become_the_peers_events() {
    let door = Door::open(Reply::Batches(vec![]), Setup::default()).await;
    for case in cases("gateway_sse.jsonl") {
        let batches = case["batches"]
            .as_array()
            .unwrap()
            .iter()
            .map(bytes)
            .collect();
        door.stub.reply(Reply::Batches(batches));
        let mut answer = door.get("/v2/read?log").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("connection"), Some("keep-alive"));
        let body = String::from_utf8(bytes(&case["body"]).to_vec()).unwrap();
        assert_eq!(answer.rest().await, body, "{}", case["name"]);
    }
}
