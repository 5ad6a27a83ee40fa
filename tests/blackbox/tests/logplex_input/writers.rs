//! Who may write.

use logweir_blackbox::logplex::{KEY, Logplex, basic, frames};

use super::{five, message, one_channel, shown};

#[tokio::test]
async fn b065_ingress_denied() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let rods = logplex
        .call("PUT", "/api/logplex/rods", r#"{"deny_logs_ingress":true}"#)
        .await;
    assert_eq!(rods.status, 200, "{rods:?}");
    let body = frames(five(&token));
    for who in [&*who, "nobody"] {
        let answer = logplex.post_as(who, &[], body.as_bytes()).await;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let rods = logplex
        .call("PUT", "/api/logplex/rods", r#"{"deny_logs_ingress":false}"#)
        .await;
    assert_eq!(rods.status, 200, "{rods:?}");
    logplex.post(&token, &[message(&token, "1")]).await;
    assert_eq!(logplex.lines_once(&channel, 1).await, [shown("app", "1")]);
}

#[tokio::test]
async fn b071_b072_b073_b089_b090_who_may_write() {
    let logplex = Logplex::in_run("").await;
    let (one, other) = (
        logplex.channel(&["app"]).await,
        logplex.channel(&["app", "heroku"]).await,
    );
    let key = format!("Basic {KEY}");
    logplex.cred("api", "password", &["full_api"]).await;
    logplex.cred("all", "password", &["any_channel"]).await;
    let only = format!("channel:{}", one.id);
    logplex.cred("only", "password", &[&only]).await;
    let body = frames([
        message(one.token("app"), "one"),
        message(other.token("app"), "two"),
        message(other.token("heroku"), "three"),
        message("t.6ba7b810-9dad-11d1-80b4-00c04fd430c8", "nobody's"),
        message("app", "without a token"),
    ]);
    for who in [
        "",
        "Basic",
        "Basic %%%",
        "Basic dG9rZW4=",
        &key,
        &basic("token", "t.6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        &basic("token", "app"),
        &basic("all", "wrong"),
        &basic("nobody", "password"),
        "Bearer t.6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = logplex.post_as(who, &[], body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (401, ""), "{who}");
        let realm = Some("Basic realm=Logplex");
        assert_eq!(answer.header("www-authenticate"), realm);
    }
    let answer = logplex
        .post_as(&basic("api", "password"), &[], body.as_bytes())
        .await;
    let text = "Credential not permitted to write to any channel.";
    assert_eq!(
        (answer.status, &*answer.body, &*answer.reason),
        (403, text, text)
    );

    let answer = logplex
        .post_as(&basic("all", "password"), &[], body.as_bytes())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&one, 1).await, [shown("app", "one")]);
    let expected = [shown("app", "two"), shown("heroku", "three")];
    assert_eq!(logplex.lines_once(&other, 2).await, expected);
    for (outcome, count) in [("unknown_token", 1.0), ("malformed", 1.0), ("taken", 3.0)] {
        let label = format!("outcome=\"{outcome}\"");
        logplex
            .metric_is("logweir_logplex_messages", &[&label], count)
            .await;
    }

    // Logplex: 403, since it never matches such a grant.
    let answer = logplex
        .post_as(&basic("only", "password"), &[], body.as_bytes())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&one, 2).await.len(), 2);
    let forbidden = ["outcome=\"forbidden\""];
    logplex
        .metric_is("logweir_logplex_messages", &forbidden, 2.0)
        .await;
    assert_eq!(logplex.lines(&other).await.len(), 2);

    let bearer = format!("Bearer {}", one.token("app"));
    let answer = logplex
        .post_as(&bearer, &[], frames(["<1>1 t h x p - - y"]).as_bytes())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    // By a token any name may be claimed.
    assert_eq!(logplex.lines_once(&one, 3).await[2], "t x[p]: y");
}
