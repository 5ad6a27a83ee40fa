use super::*;

fn found(files: &[(&str, &str)]) -> (Vec<TargetConfig>, Vec<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("written");
    }
    let (targets, problems) = find(&[format!("{}/*.yml", directory.path().display())]);
    let path = directory.path().display().to_string();
    let named = |problem: String| problem.replace(&path, "DIR");
    (targets, problems.into_iter().map(named).collect())
}

#[test]
fn a_file_as_the_peers_jobs_write_it() {
    let text = "---
port: 14821
source_id: \"prom_scraper\"
instance_id: 0badcafe-0000
scheme: https
server_name: prom_scraper_metrics
path: /own/metrics
headers:
  Authorization: Bearer t
labels:
  origin: loggregator.prom_scraper
  version: 2.0
scrape_interval: 1m30s
ca_path: /certs/ca.crt
client_key_path: /certs/c.key
client_cert_path: /certs/c.crt
something_else: [1, 2]
";
    let text_map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let mut labels = text_map("origin", "loggregator.prom_scraper");
    labels.extend(text_map("version", "2.0"));
    let (targets, problems) = found(&[("a.yml", text), ("b.txt", "port: 1")]);
    assert_eq!(problems, [""; 0]);
    let target = &targets[0];
    assert_eq!(
        *target,
        TargetConfig {
            host: "127.0.0.1".into(),
            port: 14821,
            scheme: "https".into(),
            path: "/own/metrics".into(),
            source_id: "prom_scraper".into(),
            instance_id: "0badcafe-0000".into(),
            server_name: "prom_scraper_metrics".into(),
            headers: text_map("Authorization", "Bearer t"),
            labels,
            interval: Some(Duration::from_secs(90)),
            ca: "/certs/ca.crt".into(),
            cert: "/certs/c.crt".into(),
            key: "/certs/c.key".into(),
        }
    );
    assert_eq!(target.url(), "https://127.0.0.1:14821/own/metrics");
}

#[test]
fn a_file_that_names_no_target_costs_the_others_nothing() {
    let (targets, problems) = found(&[
        ("a.yml", "port: 70000"),
        ("b.yml", "port: 8080\nscrape_interval: -1s"),
        ("c.yml", "source_id: x"),
        ("d.yml", "port: ["),
        ("e.yml", "port: 1\nscrape_interval: soon"),
        ("f.yml", "port: \"9100\"\nlabels:\n"),
    ]);
    let ports: Vec<_> = targets.iter().map(|target| target.port).collect();
    assert_eq!(ports, [8080, 9100]);
    assert_eq!(targets[0].interval, Some(Duration::ZERO));
    assert_eq!(problems.len(), 4);
    for (problem, part) in problems.iter().zip([
        "DIR/a.yml does not have a valid port - skipping this config file",
        "DIR/c.yml does not have a valid port - skipping this config file",
        "DIR/d.yml names no scrape target: ",
        "DIR/e.yml names no scrape target: `soon` is no duration",
    ]) {
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn a_pattern_that_is_none_is_told() {
    let (targets, problems) = find(&["/[".into()]);
    assert!(targets.is_empty());
    assert!(problems[0].starts_with("unable to read config from glob: /["));
}
