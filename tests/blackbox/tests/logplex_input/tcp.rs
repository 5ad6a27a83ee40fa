//! Syslog over TCP.

use logweir_blackbox::{
    logplex::{Logplex, frames},
    patience::within,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{five, five_shown, message, one_channel, shown};

#[tokio::test]
async fn b077_b078_b079_syslog_over_tcp() {
    let logplex = Logplex::in_role("").await;
    let (channel, token, _) = one_channel(&logplex).await;
    let mut tcp = within("a connection", TcpStream::connect(&logplex.syslog))
        .await
        .expect("a connection");
    let all = frames(five(&token));
    tcp.write_all(all.as_bytes()).await.expect("written");
    assert_eq!(logplex.lines_once(&channel, 5).await, five_shown("app"));

    let lines: String = five(&token)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    tcp.write_all(lines.as_bytes()).await.expect("written");
    let malformed = ["outcome=\"malformed\""];
    logplex
        .metric_is("logweir_logplex_messages", &malformed, 5.0)
        .await;
    assert_eq!(logplex.lines(&channel).await.len(), 5);

    for part in frames([message(&token, "in parts")]).as_bytes().chunks(7) {
        tcp.write_all(part).await.expect("written");
        tcp.flush().await.expect("written");
    }
    let last = shown("app", "in parts");
    assert_eq!(logplex.lines_once(&channel, 6).await[5], last);
    // Without a token, and with one that nobody has.
    let strangers = frames(["<1>1 t h app p - - x", "<1>1 t h t.1 p - - x"]);
    tcp.write_all(strangers.as_bytes()).await.expect("written");
    logplex
        .metric_is("logweir_logplex_messages", &malformed, 6.0)
        .await;
    let unknown = ["outcome=\"unknown_token\""];
    logplex
        .metric_is("logweir_logplex_messages", &unknown, 1.0)
        .await;
}

#[tokio::test]
async fn syslog_doors_of_run_know_tokens() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, _) = one_channel(&logplex).await;
    let mut tcp = within("a connection", TcpStream::connect(&logplex.syslog))
        .await
        .expect("a connection");
    // In lines, as every sender of syslog may write here.
    let lines = format!(
        "{}\n<14>1 2012-12-10T03:00:48Z h plain p - - syslog\n{}\n",
        message(&token, "one"),
        message(&token, "two")
    );
    tcp.write_all(lines.as_bytes()).await.expect("written");
    let expected = [shown("app", "one"), shown("app", "two")];
    assert_eq!(logplex.lines_once(&channel, 2).await, expected);
    // As Docker writes by default.
    let docker = format!("<30>Nov 21 14:00:00 {token}[77]: three\n");
    tcp.write_all(docker.as_bytes()).await.expect("written");
    let lines = logplex.lines_once(&channel, 3).await;
    let three = lines.iter().find(|line| line.contains("three"));
    assert!(
        three
            .expect("the line")
            .ends_with(":00.000000+00:00 app[77]: three")
    );
    assert!(!lines.join("").contains(&token));
    let rfc5424 = ["form=\"rfc5424\""];
    logplex
        .metric_is("logweir_syslog_messages", &rfc5424, 1.0)
        .await;
}
