use std::net::SocketAddr;

use hickory_resolver::{
    config::{ConnectionConfig, NameServerConfig},
    proto::{
        op::{Message, ResponseCode},
        rr::{Name, RData, Record, RecordType, rdata},
    },
};
use tokio::net::UdpSocket;

use super::super::*;

/// Answers for `routers.test`, `six.test` and `_grpc._tcp.routers.test`.
pub(super) async fn start() -> Resolver {
    let (socket, resolver) = bound().await;
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((n, from)) = socket.recv_from(&mut packet).await {
            let answer = answer(&Message::from_vec(&packet[..n]).unwrap());
            socket
                .send_to(&answer.to_vec().unwrap(), from)
                .await
                .unwrap();
        }
    });
    resolver
}

/// Takes questions and says nothing, for as long as the process lives.
pub(super) async fn silent() -> Resolver {
    let (socket, resolver) = bound().await;
    tokio::spawn(async move {
        let _held = socket;
        std::future::pending::<()>().await;
    });
    resolver
}

async fn bound() -> (UdpSocket, Resolver) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = socket.local_addr().unwrap();
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![connection]);
    let builder = TokioResolver::builder_with_config(
        ResolverConfig::from_name_servers(vec![server]),
        TokioRuntimeProvider::default(),
    );
    (socket, Resolver::build(builder))
}

fn answer(question: &Message) -> Message {
    let query = question.queries[0].clone();
    let name = query.name().to_ascii();
    let data = match (name.trim_end_matches('.'), query.query_type()) {
        ("routers.test", RecordType::A) => {
            vec![a([192, 0, 2, 1]), a([192, 0, 2, 2])]
        }
        ("nine.test", RecordType::A) => vec![a([192, 0, 2, 9])],
        ("six.test", RecordType::AAAA) => {
            vec![RData::AAAA(rdata::AAAA("2001:db8::6".parse().unwrap()))]
        }
        ("_grpc._tcp.routers.test", RecordType::SRV) => vec![
            srv(20, 7001, "nine.test."),
            srv(10, 7002, "six.test."),
            srv(30, 7003, "gone.test."),
        ],
        _ => Vec::new(),
    };
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query.clone());
    if data.is_empty() && !["six.test.", "routers.test.", "nine.test."].contains(&name.as_str()) {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    for data in data {
        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
    }
    answer
}

fn a(octets: [u8; 4]) -> RData {
    RData::A(rdata::A(octets.into()))
}

fn srv(priority: u16, port: u16, host: &str) -> RData {
    RData::SRV(rdata::SRV::new(
        priority,
        1,
        port,
        Name::from_ascii(host).unwrap(),
    ))
}
