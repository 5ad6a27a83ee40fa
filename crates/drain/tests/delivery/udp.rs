//! Syslog over UDP.

use tokio::net::UdpSocket;

use crate::rig::{Rig, assert_balanced, until};

#[tokio::test]
async fn a_datagram_for_each_message() {
    let rig = Rig::new();
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let drain = rig.bind(&format!("syslog-udp://{}", receiver.local_addr().unwrap()));
    rig.publish(["one", "two"]);
    let mut space = [0; 2048];
    for text in ["one", "two"] {
        let count = tokio::time::timeout(crate::rig::PATIENCE, receiver.recv(&mut space)).await;
        let count = count.unwrap().unwrap();
        let message = std::str::from_utf8(&space[..count]).unwrap();
        assert!(
            message.starts_with("<14>1 ") && message.ends_with(text),
            "{message}"
        );
    }
    until("the books", || drain.status().written == 2).await;
}

#[tokio::test]
async fn what_fits_no_datagram_is_counted() {
    let rig = Rig::new();
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let drain = rig.bind(&format!("syslog-udp://{}", receiver.local_addr().unwrap()));
    rig.publish(["x".repeat(70_000), "small".to_owned()]);
    until("the books", || drain.status().written == 1).await;
    let status = drain.status();
    assert_eq!(
        status.queue.dropped[logweir_route::Cause::TooLarge.index()],
        1
    );
    assert_balanced(&status);
}
