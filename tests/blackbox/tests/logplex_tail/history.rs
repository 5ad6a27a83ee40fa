//! Recent lines in Redis, as Logplex keeps them.

use std::{cell::Cell, time::Duration};

use logweir_blackbox::{
    fleet::Fleet, logplex::Logplex, patience::eventually, receivers::RedisServer,
};
use serde_json::json;

use crate::{all_shown, channel_with, message, messages, shown};

const TOKEN: &str = "t.6e1a0f4c-0000-4000-8000-000000000001";

/// A node that keeps so many lines.
async fn node(fleet: &Fleet, redis: &RedisServer, lines: usize) -> Logplex {
    let tls = fleet.tls("logplex.cluster.tls", "log-cache");
    let url = redis.url();
    let settings = format!(
        "history_lines = {lines}\n[logplex.redis]\nurl = \"{url}\"\nhistory = true\n\
         [logplex.cluster]\nlisten = \"127.0.0.1:0\"\n{tls}"
    );
    Logplex::in_role(&settings).await
}

/// Waits until the list of a channel has so many lines.
async fn listed(redis: &RedisServer, channel: &str, lines: usize) -> Vec<String> {
    let key = format!("ch:{channel}:spool");
    eventually("the list has the lines", async || {
        let list = redis.ask(&["LRANGE", &key, "0", "-1"]).await;
        (list.len() == lines).then_some(list)
    })
    .await
}

#[tokio::test]
async fn b086_b087_the_lists_of_logplex_are_taken_over_and_gone_on_with() {
    let redis = RedisServer::start(&[]).await;
    let fleet = Fleet::new();
    redis
        .ask(&["HMSET", "ch:17:data", "name", "old", "flags", ""])
        .await;
    let key = format!("tok:{TOKEN}:data");
    redis.ask(&["HMSET", &key, "ch", "17", "name", "app"]).await;
    for number in 0..5 {
        let line = message("app", number);
        redis.ask(&["LPUSH", "ch:17:spool", &line]).await;
    }
    let logplex = node(&fleet, &redis, 10).await;
    let channel = logweir_blackbox::logplex::Channel {
        id: "17".into(),
        tokens: [("app".to_owned(), TOKEN.to_owned())].into(),
    };
    let fetch = async |more| logplex.fetch(&channel, more).await;
    eventually("the node has joined", async || {
        (fetch(json!({})).await == all_shown(0..5)).then_some(())
    })
    .await;
    assert_eq!(fetch(json!({"num": "1"})).await, all_shown(3..5));
    logplex.post(TOKEN, &messages(TOKEN, 5..8)).await;
    // At once, whether they are in the list or not.
    assert_eq!(fetch(json!({})).await, all_shown(0..8));
    let list = listed(&redis, "17", 8).await;
    let newest_first: Vec<_> = (0..8).rev().map(|number| message("app", number)).collect();
    assert_eq!(list, newest_first);
    assert_eq!(fetch(json!({})).await, all_shown(0..8));
    assert_eq!(fetch(json!({"num": "4"})).await, all_shown(3..8));
    let left: u64 = redis.ask(&["TTL", "ch:17:spool"]).await[0].parse().unwrap();
    assert!((604_700..=604_800).contains(&left), "{left}");
    // One more than the limit is kept, by us as by Logplex.
    logplex.post(TOKEN, &messages(TOKEN, 8..30)).await;
    assert_eq!(fetch(json!({"num": "-1"})).await, all_shown(19..30));
    let list = eventually("the list is cut", async || {
        let list = redis.ask(&["LRANGE", "ch:17:spool", "0", "-1"]).await;
        (list[0] == message("app", 29)).then_some(list)
    })
    .await;
    assert_eq!(list.len(), 11);

    // A node that knows nothing yet shows the same.
    drop(logplex);
    let logplex = node(&fleet, &redis, 10).await;
    eventually("the lines of before", async || {
        let text = logplex.fetch(&channel, json!({})).await;
        (text == all_shown(19..30)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn b084_no_list_for_a_channel_that_keeps_no_history() {
    let redis = RedisServer::start(&[]).await;
    let fleet = Fleet::new();
    let logplex = node(&fleet, &redis, 10).await;
    let channel = channel_with(&logplex, 0).await;
    let other = channel_with(&logplex, 0).await;
    logplex.flags(&channel, json!({"no_redis": true})).await;
    let token = channel.token("app");
    logplex.post(token, &messages(token, 0..3)).await;
    let token = other.token("app");
    logplex.post(token, &messages(token, 3..5)).await;
    listed(&redis, &other.id, 2).await;
    listed(&redis, &channel.id, 0).await;
    assert_eq!(logplex.fetch(&channel, json!({})).await, "");
    logplex.rods(json!({"deny_redis_buffers": true})).await;
    logplex.post(token, &messages(token, 5..6)).await;
    logplex.rods(json!({"deny_redis_buffers": false})).await;
    logplex.post(token, &messages(token, 6..7)).await;
    let list = listed(&redis, &other.id, 3).await;
    let expected: Vec<_> = [6, 4, 3].map(|number| message("app", number)).into();
    assert_eq!(list, expected);
}

#[tokio::test]
async fn redis_that_is_away_costs_no_line_that_is_in_memory() {
    let mut redis = RedisServer::start(&[]).await;
    let fleet = Fleet::new();
    let logplex = node(&fleet, &redis, 100).await;
    let channel = channel_with(&logplex, 3).await;
    listed(&redis, &channel.id, 3).await;
    let mut tail = logplex.tail(&channel, json!({"tail": true})).await;
    let session = logplex.session(&channel, json!({})).await;
    redis.kill().await;
    let token = channel.token("app");
    logplex.post(token, &messages(token, 3..6)).await;
    let text = tail.text_with("line 5\n").await;
    assert_eq!(text, all_shown(0..6));
    let fetched = logweir_blackbox::tails::get(&logplex.api, &session, &[]).await;
    assert_eq!((fetched.status, fetched.text()), (200, all_shown(0..6)));
    redis.resume().await;
    logplex.post(token, &messages(token, 6..7)).await;
    let list = listed(&redis, &channel.id, 7).await;
    let newest_first: Vec<_> = (0..7).rev().map(|number| message("app", number)).collect();
    assert_eq!(list, newest_first);
    assert_eq!(tail.text_with("line 6\n").await, all_shown(0..7));
}

#[tokio::test]
async fn a_channel_is_read_at_any_node() {
    let redis = RedisServer::start(&[]).await;
    let fleet = Fleet::new();
    let (one, two) = tokio::join!(node(&fleet, &redis, 1500), node(&fleet, &redis, 1500));
    // With so many some are owned by each.
    for _ in 0..6 {
        let channel = one.channel(&["app"]).await;
        let token = channel.token("app");
        one.post(token, &messages(token, 0..3)).await;
        let mut tails = Vec::new();
        for node in [&one, &two] {
            let text = eventually("the history", async || {
                let text = node.fetch(&channel, json!({})).await;
                text.ends_with(&shown(2)).then_some(text)
            })
            .await;
            assert_eq!(text, all_shown(0..3));
            tails.push(node.tail(&channel, json!({"tail": true})).await);
        }
        two.post(token, &messages(token, 3..5)).await;
        for tail in &mut tails {
            assert_eq!(tail.text_with("line 4\n").await, all_shown(0..5));
        }
    }
}

#[tokio::test]
async fn a_tail_goes_on_while_its_channel_moves() {
    let redis = RedisServer::start(&[]).await;
    let fleet = Fleet::new();
    let one = node(&fleet, &redis, 1500).await;
    let mut tails = Vec::new();
    for _ in 0..4 {
        let channel = one.channel(&["app"]).await;
        let tail = one.tail(&channel, json!({"tail": true})).await;
        tails.push((channel, tail));
    }
    let mut sent = 0;
    let mut round = async || {
        for (channel, _) in &tails {
            let token = channel.token("app");
            one.post(token, &messages(token, sent..sent + 10)).await;
        }
        sent += 10;
        sent
    };
    round().await;
    // A node joins while lines come: some of the channels are its own then.
    let joined = Cell::new(false);
    let joining = async {
        let two = node(&fleet, &redis, 1500).await;
        joined.set(true);
        two
    };
    let sending = async {
        while !joined.get() {
            round().await;
        }
    };
    let (two, ()) = tokio::join!(joining, sending);
    eventually("both nodes know each other", async || {
        round().await;
        let nodes = one.metric("logweir_logplex_nodes", &[]).await;
        (nodes >= 2.0).then_some(())
    })
    .await;
    for _ in 0..50 {
        round().await;
    }
    let sent = round().await;
    for (_, tail) in &mut tails {
        let text = tail.text_with(&format!("line {}\n", sent - 1)).await;
        let mut times = vec![0; sent];
        for line in text.lines() {
            let number = line.rsplit(' ').next().expect("a number");
            times[number.parse::<usize>().expect("a number")] += 1;
        }
        let wrong: Vec<_> = times.iter().enumerate().filter(|one| *one.1 != 1).collect();
        assert!(wrong.is_empty(), "lines and how often they came: {wrong:?}");
    }
    // It is gone: what it owned comes back.
    drop(two);
    for (channel, tail) in &mut tails {
        let (token, line) = (channel.token("app"), shown(sent));
        eventually("the tail shows a line", async || {
            one.post(token, &messages(token, sent..sent + 1)).await;
            let shows = tail.text_with(&line);
            tokio::time::timeout(Duration::from_millis(200), shows)
                .await
                .ok()
        })
        .await;
    }
}
