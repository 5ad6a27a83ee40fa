//! Metrics from statsd and from scraped pages, through `logweir run` and through the roles
//! under their peers' names; and what misbehaving targets cost: themselves alone.

use std::{collections::BTreeMap, fs};

use logweir_blackbox::{
    datagrams::sender,
    fleet::Fleet,
    http::sum,
    patience::eventually,
    process::{Process, role},
    stream::Reader,
    system::System,
    targets::{Misbehaviour, misbehaving, python},
};
use logweir_proto::v2::{self, envelope::Message};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// An envelope in one line: source, instance, tags, value.
fn line(envelope: &v2::Envelope) -> String {
    let value = match &envelope.message {
        Some(Message::Counter(counter)) => {
            format!("{} +{} ={}", counter.name, counter.delta, counter.total)
        }
        Some(Message::Gauge(gauge)) => {
            let metric = |(name, metric): (&String, &v2::GaugeValue)| {
                format!("{name} {} {:?}", metric.value, metric.unit)
            };
            gauge.metrics.iter().map(metric).collect()
        }
        other => format!("{other:?}"),
    };
    let (source, instance) = (&envelope.source_id, &envelope.instance_id);
    format!("{source}/{instance} {:?} {value}", envelope.tags)
}

/// Reads until `last` has come, and gives all that came of this source, in lines.
async fn lines_to(reader: &mut Reader, source: &str, last: &str) -> Vec<String> {
    let all = reader
        .until(|all| all.iter().any(|envelope| line(envelope).contains(last)))
        .await;
    let of_source = all.iter().filter(|envelope| envelope.source_id == source);
    of_source.map(line).collect()
}

const STATSD: &[u8] = b"origin.requests:3|c|@0.5|#env:prod-1,foo\norigin.heat:4.5|g\n\
    origin.heat:-1|g\norigin.took:12|ms\norigin.size:7|h\nno dot:1|c\norigin.bad:x|c\n\
    \xff:1|g\norigin.users:ann|s\norigin.users:bob|s\norigin.users:ann|s\n|||\n\
    origin.last:1|g\n";

const STATSD_LINES: [&str; 6] = [
    r#"origin/ {"env": "prod-1", "foo": "", "origin": "origin"} requests 6 "counter""#,
    r#"origin/ {"origin": "origin"} heat 4.5 "gauge""#,
    r#"origin/ {"origin": "origin"} heat 3.5 "gauge""#,
    r#"origin/ {"origin": "origin"} took 12 "ms""#,
    r#"origin/ {"origin": "origin"} size 7 "histogram""#,
    r#"origin/ {"origin": "origin"} last 1 "gauge""#,
];

#[tokio::test]
async fn statsd_lines_become_metrics_and_garbage_costs_nothing() {
    let system = System::start_with("[statsd]\nset_interval = \"1s\"\n").await;
    let mut reader = system.reader().await;
    let udp = sender(system.door("statsd"));
    udp.send(STATSD).expect("sent");
    let came = lines_to(&mut reader, "origin", "last 1").await;
    assert_eq!(came, STATSD_LINES);
    let sets = lines_to(&mut reader, "origin", "\"set\"").await;
    assert_eq!(sets, [r#"origin/ {"origin": "origin"} users 2 "set""#]);
    let page = system.metrics().await;
    let rejected = |reason| sum(&page, "logweir_statsd_rejected", &[reason]);
    assert_eq!(rejected("reason=\"bad_value\""), 1.0);
    assert_eq!(rejected("reason=\"not_utf8\""), 1.0);
    assert_eq!(rejected("reason=\"no_name\""), 1.0);
    assert_eq!(sum(&page, "logweir_statsd_lines", &[]), 10.0);
    let told = "Error parsing stat line \"origin.bad:x|c\": ";
    system.process.says(told).await;
}

#[tokio::test]
async fn statsd_counters_become_counter_envelopes_where_they_should() {
    let config = "[statsd]\ncounter_envelopes = true\nsource_id = \"nobody\"\n";
    let system = System::start_with(config).await;
    let mut reader = system.reader().await;
    let udp = sender(system.door("statsd"));
    udp.send(b"requests:3|c\nrequests:2|c|@0.5").expect("sent");
    let came = lines_to(&mut reader, "nobody", "=7").await;
    let tags = r#"{"origin": "nobody"}"#;
    let expected = ["+3 =3", "+4 =7"].map(|sums| format!("nobody/ {tags} requests {sums}"));
    assert_eq!(came, expected);
}

#[tokio::test]
async fn statsd_lines_come_through_an_injector_under_its_peers_name() {
    let system = System::start().await;
    let links = TempDir::new().expect("a directory");
    let file = |name| system.cert_file(name).display().to_string();
    let port = system.door("ingress").rsplit(':').next().expect("a port");
    let mut command = role(&links, "statsd-injector", &[]);
    command.args(["-statsd-port", "0", "--metron-port", port]);
    command.args(["-ca", &file("ca.crt"), "-cert", &file("client.crt")]);
    command.arg(format!("-key={}", file("client.key")));
    let mut injector = Process::start(command);
    let said = injector.says("Started statsd-injector listener at ").await;
    let door = said.rsplit(' ').next().expect("an address");
    let mut reader = system.reader().await;
    sender(door).send(STATSD).expect("sent");
    let came = lines_to(&mut reader, "origin", "last 1").await;
    assert_eq!(came, STATSD_LINES);
    sender(door).send(b"origin.final:1|g").expect("sent");
    injector.signal(Signal::SIGTERM);
    let came = lines_to(&mut reader, "origin", "\"set\"").await;
    assert!(came[0].contains("final 1"), "{came:?}");
    assert!(came[1].contains("users 2 \"set\""), "{came:?}");
    assert_eq!(injector.exit_code().await, 0);
}

#[tokio::test]
async fn an_injector_says_which_flag_is_wrong() {
    let links = TempDir::new().expect("a directory");
    for (arguments, words) in [
        (&["-nothing"][..], "flag provided but not defined: -nothing"),
        (&["-ca"], "flag needs an argument: -ca"),
        (&[], "Invalid TLS credentials"),
    ] {
        let mut command = role(&links, "statsd-injector", &[]);
        command.args(arguments);
        let mut process = Process::start(command);
        assert_eq!(process.exit_code().await, 1);
        process.says(words).await;
    }
}

/// What Python's page says, as envelopes of the target `python/7` in the zone z1.
fn python_lines() -> Vec<String> {
    let series = [
        (r#""kind": "a\\b\"c\nd", "#, "jobs_total +0 =3"),
        (r#""le": "+Inf", "#, "took_bucket +0 =2"),
        (r#""le": "0.1", "#, "took_bucket +0 =1"),
        (r#""le": "1", "#, "took_bucket +0 =1"),
        (r#""le": "1e+06", "#, "took_bucket +0 =2"),
        ("", "size_count +0 =1"),
        ("", "size_sum 3 \"\""),
        ("", "took_count +0 =2"),
        ("", "took_sum 5.05 \"\""),
    ];
    let line = |(tags, value)| format!("python/7 {{{tags}\"zone\": \"z1\"}} {value}");
    series.map(line).into()
}

fn without_times(lines: &[String]) -> Vec<String> {
    // When a series began is in the page too.
    let timeless = lines.iter().filter(|line| !line.contains("_created "));
    let sorted: std::collections::BTreeSet<_> = timeless.cloned().collect();
    sorted.into_iter().collect()
}

#[tokio::test]
async fn the_page_of_a_real_client_library_becomes_metrics() {
    let (_python, port) = python(None).await;
    let system = System::start_with(&format!(
        "[prom_scraper]\ninterval = \"200ms\"\n[[prom_scraper.targets]]\nport = {port}\n\
         source_id = \"python\"\ninstance_id = \"7\"\nlabels = {{ zone = \"z1\" }}\n"
    ))
    .await;
    let mut reader = system.reader().await;
    let mut last = Vec::new();
    // Two pages: of the first some may have come before the reader.
    for _ in 0..2 {
        last.extend(lines_to(&mut reader, "python", "size_created").await);
    }
    assert_eq!(without_times(&last), python_lines());
    let kitchen = reader.until(|all| all.iter().any(|one| one.source_id == "kitchen"));
    let kitchen = kitchen.await;
    let heat = kitchen.iter().find(|one| one.source_id == "kitchen");
    let heat = heat.map(line).expect("the kitchen's");
    assert_eq!(heat, r#"kitchen/7 {"zone": "z1"} heat -1.5 "celsius""#);
}

#[tokio::test]
async fn a_scraper_under_its_peers_name_scrapes_what_files_name_over_mutual_tls() {
    let fleet = Fleet::new();
    let (server, client) = (fleet.identity("python-target"), fleet.identity("scraper"));
    let (_python, port) = python(Some((&server, &fleet.ca()))).await;
    let system = System::start().await;
    let directory = TempDir::new().expect("a directory");
    let target = |port: u16, more: &str| {
        format!(
            "---\nport: {port}\nsource_id: python\ninstance_id: 7\nscheme: https\n\
             path: metrics\nlabels:\n  zone: z1\nca_path: {}\n{more}",
            fleet.ca().display()
        )
    };
    let pair = format!(
        "client_cert_path: {}\nclient_key_path: {}\nserver_name: python-target\n",
        client.cert.display(),
        client.key.display()
    );
    let write = |name: &str, text: String| {
        fs::write(directory.path().join(name), text).expect("written");
    };
    write("bad.yml", "port: nowhere\n".into());
    write("python.yml", target(port, &pair));
    let file = |name| system.cert_file(name).display().to_string();
    let environment = [
        ("CLIENT_KEY_PATH", file("client.key")),
        ("CLIENT_CERT_PATH", file("client.crt")),
        ("CA_CERT_PATH", file("ca.crt")),
        ("LOGGREGATOR_AGENT_ADDR", system.door("ingress").to_owned()),
        ("DEFAULT_SOURCE_ID", "router".into()),
        (
            "CONFIG_GLOBS",
            format!("{}/*.yml", directory.path().display()),
        ),
        ("SCRAPE_INTERVAL", "200ms".into()),
        ("DEBUG_METRICS", "true".into()),
        ("METRICS_PORT", "0".into()),
        ("PPROF_PORT", "0".into()),
        ("METRICS_CA_FILE_PATH", file("ca.crt")),
        ("METRICS_CERT_FILE_PATH", file("server.crt")),
        ("METRICS_KEY_FILE_PATH", file("server.key")),
    ];
    let links = TempDir::new().expect("a directory");
    let mut scraper = Process::start(role(&links, "prom-scraper", &environment));
    scraper.says("starting Prom Scraper...").await;
    scraper
        .says("bad.yml does not have a valid port - skipping this config file")
        .await;
    let mut reader = system.reader().await;
    let mut last = Vec::new();
    for _ in 0..2 {
        last.extend(lines_to(&mut reader, "python", "size_created").await);
    }
    assert_eq!(without_times(&last), python_lines());
    // A certificate of nobody, and a name that is not the target's.
    write("stranger.yml", target(port, ""));
    let other = pair.replace("python-target", "somebody-else");
    write("misnamed.yml", target(port, &other));
    let status = format!("127.0.0.1:{}", scraper.port("pprof").await);
    scraper.signal(Signal::SIGHUP);
    eventually("both fail, and only they", async || {
        let (_, page) = logweir_blackbox::http::get(&status, "/metrics").await;
        let failed = sum(&page, "failed_scrapes_total", &["\"python\""]);
        let up = sum(&page, "logweir_scrape_up", &[]);
        let total = sum(&page, "scrape_targets_total", &[]);
        (total == 3.0 && failed >= 2.0 && up <= 1.0).then_some(())
    })
    .await;
    scraper.says("failed to scrape: ").await;
    scraper.signal(Signal::SIGTERM);
    assert_eq!(scraper.exit_code().await, 0);
}

#[tokio::test]
async fn targets_that_misbehave_cost_the_others_nothing() {
    use Misbehaviour::{Cut, Endless, Mixed, Nonsense, Redirect, Silent, Status};
    let mut config = String::from(
        "[prom_scraper]\ninterval = \"200ms\"\ntimeout = \"500ms\"\npage_bytes = 100000\n",
    );
    let mut sources = BTreeMap::new();
    let mut servers = Vec::new();
    for (source, how) in [
        ("silent", Silent),
        ("endless", Endless),
        ("failing", Status(500)),
        ("moved", Status(301)),
        ("sent-around", Redirect("/again")),
        ("sent-away", Redirect("http://127.0.0.2:1/metrics")),
        ("nonsense", Nonsense),
        ("cut", Cut),
        ("mixed", Mixed),
    ] {
        let (server, port) = misbehaving(how).await;
        servers.push(server);
        sources.insert(source, port);
    }
    // Nobody listens on a port that was just given back.
    let (server, port) = misbehaving(Silent).await;
    server.abort();
    assert!(server.await.is_err(), "it was stopped");
    sources.insert("refused", port);
    for (source, port) in &sources {
        config.push_str(&format!(
            "[[prom_scraper.targets]]\nsource_id = \"{source}\"\nport = {port}\n"
        ));
    }
    let system = System::start_with(&config).await;
    let mut reader = system.reader().await;
    for _ in 0..3 {
        let came = lines_to(&mut reader, "mixed", "good_two").await;
        assert!(came.iter().all(|line| line.contains("good_")), "{came:?}");
    }
    let page = eventually("each has failed twice", async || {
        let page = system.metrics().await;
        let failed = |source: &str| {
            let label = format!("scrape_target_source_id=\"{source}\"");
            sum(&page, "failed_scrapes_total", &[&label])
        };
        let bad = sources.keys().filter(|source| **source != "mixed");
        bad.into_iter()
            .all(|source| failed(source) >= 2.0)
            .then_some(page)
    })
    .await;
    let mixed = ["source_id=\"mixed\""];
    assert_eq!(sum(&page, "logweir_scrape_up", &mixed), 1.0);
    assert_eq!(sum(&page, "logweir_scrape_up", &[]), 1.0);
    assert!(sum(&page, "logweir_scrape_bad_lines", &mixed) >= 3.0);
    for words in [
        "id: silent, instance_id: , metric_url: ",
        "did not answer within 500ms",
        "is larger than 100000 bytes",
        "unexpected status code 500: no page here",
        "unexpected status code 301: no page here",
        "unexpected status code 307: look elsewhere",
        "no series in the page: line 1: ",
        "cannot be asked: ",
        "1 lines could not be read, the first is line 2: ",
    ] {
        system.process.says(words).await;
    }
}
