use std::net::Ipv4Addr;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn pair(receive_buffer: usize) -> (Receiver, StdSocket) {
    let receiver = Receiver::bind((Ipv4Addr::LOCALHOST, 0).into(), receive_buffer).unwrap();
    let sender = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    sender.connect(receiver.local_addr().unwrap()).unwrap();
    (receiver, sender)
}

async fn read(receiver: &mut Receiver, count: usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let reading = async {
        while found.len() < count {
            found.extend(receiver.receive().await.iter().map(<[u8]>::to_vec));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    found
}

#[tokio::test]
async fn datagrams_come_whole_and_in_order() {
    let (mut receiver, sender) = pair(1 << 20);
    let sent: Vec<Vec<u8>> = (0..100_u8)
        .map(|number| vec![number; usize::from(number) * 7])
        .collect();
    for datagram in &sent {
        sender.send(datagram).unwrap();
    }
    assert_eq!(read(&mut receiver, sent.len()).await, sent);
}

#[tokio::test]
async fn the_largest_datagram_of_ip_fits() {
    let (mut receiver, sender) = pair(1 << 20);
    let largest = vec![7; 65_507];
    sender.send(&largest).unwrap();
    assert_eq!(read(&mut receiver, 1).await, [largest]);
}

#[tokio::test]
async fn many_wait_for_one_call() {
    let (mut receiver, sender) = pair(1 << 20);
    for number in 0..10_u8 {
        sender.send(&[number]).unwrap();
    }
    let datagrams = tokio::time::timeout(PATIENCE, receiver.receive()).await;
    let datagrams = datagrams.unwrap();
    assert_eq!((datagrams.iter().count(), datagrams.is_full()), (10, false));
    assert!(receiver.try_receive().is_none());
}

#[tokio::test]
async fn a_rest_gathers_and_what_comes_later_still_wakes() {
    let (mut receiver, sender) = pair(1 << 20);
    for number in 0..10_u8 {
        sender.send(&[number]).unwrap();
    }
    let rest = Duration::from_millis(1);
    let gathered = receiver.receive_after(rest).await.iter().count();
    assert_eq!(gathered, 10);
    let mut later = std::pin::pin!(receiver.receive_after(rest));
    let too_early = tokio::time::timeout(20 * rest, &mut later).await;
    assert!(too_early.is_err(), "nothing was sent yet");
    sender.send(&[7]).unwrap();
    let one = tokio::time::timeout(PATIENCE, later).await;
    assert_eq!(one.unwrap().iter().collect::<Vec<_>>(), [[7]]);
}

#[tokio::test]
async fn what_is_left_of_many_is_taken_without_waiting() {
    let (mut receiver, sender) = pair(1 << 20);
    for number in 0..100_u8 {
        sender.send(&[number]).unwrap();
    }
    let first = tokio::time::timeout(PATIENCE, receiver.receive()).await;
    let mut found = first.unwrap().iter().count();
    while let Some(more) = receiver.try_receive() {
        found += more.iter().count();
    }
    assert_eq!(found, 100);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_finds_no_room_in_the_kernel_is_told() {
    let (mut receiver, sender) = pair(8 << 10);
    assert_eq!(receiver.kernel().dropped(), Some(0));
    for _ in 0..100 {
        sender.send(&[1; 1000]).unwrap();
    }
    let dropped = usize::try_from(receiver.kernel().dropped().unwrap()).unwrap();
    assert!((1..100).contains(&dropped), "{dropped}");
    assert_eq!(
        read(&mut receiver, 100 - dropped).await.len(),
        100 - dropped
    );
    let kernel = receiver.kernel();
    drop(receiver);
    assert_eq!(kernel.dropped(), Some(dropped as u64));
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let (receiver, _) = pair(1 << 20);
    let address = receiver.local_addr().unwrap();
    let Err(error) = Receiver::bind(address, 1 << 20) else {
        panic!("bound twice");
    };
    assert_eq!(error.addr, address);
}
