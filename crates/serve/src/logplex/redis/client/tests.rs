use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

async fn server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn client(url: &str) -> Redis {
    Redis::new(RedisUrl::parse(url).unwrap())
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.unwrap().0
}

/// Reads these bytes and no others, and answers them.
async fn expect(stream: &mut TcpStream, question: &str, answer: &str) {
    let mut read = vec![0; question.len()];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&read), question);
    stream.write_all(answer.as_bytes()).await.unwrap();
}

const PING: &str = "*1\r\n$4\r\nPING\r\n";

#[tokio::test]
async fn a_connection_that_the_server_closed_between_questions_is_replaced() {
    let (listener, address) = server().await;
    let redis = client(&format!("redis://{address}"));
    let served = async {
        let mut first = accept(&listener).await;
        expect(&mut first, PING, "+ONE\r\n").await;
        first
    };
    let (answer, first) = tokio::join!(redis.call(&[b"PING"]), served);
    assert_eq!(answer, Ok(Value::Status("ONE".into())));
    drop(first);
    let link = redis.0.link.lock().await.clone().unwrap();
    link.ended().await;
    let served = async {
        let mut second = accept(&listener).await;
        expect(&mut second, PING, "+TWO\r\n").await;
        second
    };
    let (answer, _second) = tokio::join!(redis.call(&[b"PING"]), served);
    assert_eq!(answer, Ok(Value::Status("TWO".into())));
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_not_sent_again() {
    let (listener, address) = server().await;
    let redis = client(&format!("redis://{address}"));
    let served = async {
        let mut stream = accept(&listener).await;
        expect(&mut stream, PING, "").await;
    };
    let (answer, ()) = tokio::join!(redis.call(&[b"PING"]), served);
    assert_eq!(answer, Err(RedisError::closed()));
    // Nor is the server tried again at once.
    assert_eq!(redis.call(&[b"PING"]).await, Err(RedisError::closed()));
    let again = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(again.is_err(), "a second connection");
}

#[tokio::test]
async fn questions_share_a_connection_and_one_that_is_given_up_takes_nothing_with_it() {
    let (listener, address) = server().await;
    let redis = client(&format!("redis://{address}"));
    let given_up = tokio::spawn({
        let redis = redis.clone();
        async move { redis.call(&[b"PING"]).await }
    });
    let mut stream = accept(&listener).await;
    expect(&mut stream, PING, "").await;
    given_up.abort();
    let commands = [vec![b"GET".to_vec(), b"a".to_vec()], vec![b"EXEC".to_vec()]];
    let question = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n";
    let answer = "+LATE\r\n$1\r\nx\r\n*2\r\n:1\r\n-ERR no\r\n";
    let (answers, ()) = tokio::join!(
        redis.calls(&commands),
        expect(&mut stream, question, answer)
    );
    let inner = vec![Value::Number(1), Value::Error("ERR no".into())];
    let expected = vec![Value::Text("x".into()), Value::Array(inner)];
    assert_eq!(answers, Ok(expected));
    // The first error of several answers, by all its words.
    let answer = "-WRONGTYPE of a key\r\n-ERR two\r\n";
    let (answers, ()) = tokio::join!(
        redis.calls(&commands),
        expect(&mut stream, question, answer)
    );
    let refused = RedisError::Refused("WRONGTYPE of a key".into());
    assert_eq!(answers, Err(refused));
    assert_eq!(redis.calls(&[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_login_is_refused_without_telling_the_password() {
    let login = "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\ns3cret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n";
    for (answer, told) in [
        (
            "-WRONGPASS invalid\r\n-NOAUTH no\r\n",
            "the password of its URL",
        ),
        (
            "+OK\r\n-ERR DB index is out of range\r\n",
            "ERR DB index is out of range",
        ),
    ] {
        let (listener, address) = server().await;
        let redis = client(&format!("redis://me:s3cret@{address}/2"));
        let served = async {
            let mut stream = accept(&listener).await;
            expect(&mut stream, login, answer).await;
            stream
        };
        let (answer, _stream) = tokio::join!(redis.call(&[b"PING"]), served);
        let Err(RedisError::Unreachable(why)) = answer else {
            panic!("{answer:?}");
        };
        assert!(why.starts_with(&format!("redis://{address}/2: ")), "{why}");
        assert!(why.contains(told) && !why.contains("s3cret"), "{why}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_repeated() {
    let (listener, address) = server().await;
    let redis = client(&format!("redis://{address}"));
    let served = async {
        let mut stream = accept(&listener).await;
        expect(&mut stream, PING, "$6\r\ns3cret!!:").await;
        stream
    };
    let (answer, _stream) = tokio::join!(redis.call(&[b"PING"]), served);
    let Err(RedisError::Unreachable(why)) = answer else {
        panic!("{answer:?}");
    };
    assert!(!why.contains("s3cret"), "{why}");
}

#[tokio::test]
async fn what_is_published_comes_once_all_subscriptions_are_noted() {
    let (listener, address) = server().await;
    let redis = client(&format!("redis://{address}"));
    let served = async {
        let mut stream = accept(&listener).await;
        let question = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n";
        let noted = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
        // Published before the patterns are noted.
        let early = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$3\r\none\r\n";
        expect(&mut stream, question, &format!("{noted}{early}")).await;
        let question = "*3\r\n$10\r\nPSUBSCRIBE\r\n$2\r\np*\r\n$2\r\nq*\r\n";
        let noted = "*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:2\r\n*3\r\n$10\r\npsubscribe\r\n$2\r\nq*\r\n:3\r\n";
        let late = "*4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$2\r\npx\r\n$3\r\ntwo\r\n";
        expect(&mut stream, question, &format!("{noted}{late}")).await;
        stream
    };
    let (subscriber, stream) = tokio::join!(redis.subscribe(&["c"], &["p*", "q*"]), served);
    let mut subscriber = subscriber.unwrap();
    for (channel, payload) in [("c", "one"), ("px", "two")] {
        let message = subscriber.next().await.unwrap();
        assert_eq!(message.channel, channel);
        assert_eq!(message.payload, payload);
    }
    drop(stream);
    assert_eq!(subscriber.next().await, Err(RedisError::closed()));
}
