//! From targets to answers: static, file and announced ones, limits of honesty included.

use std::sync::{Arc, Mutex};

use instrument::{
    Announcement, Family, FamilyKind, FamilySpec, GaugeMode, Process, ProcessOptions,
    SegmentLimits, ServiceSource,
};
use model::Timestamp;

use crate::harness::{Exposed, Home, wait_until, write_ok};

#[test]
fn a_scraped_series_can_be_queried() {
    let home = Home::new();
    let exposed = Exposed::text("# HELP a Things.\n# TYPE a counter\na{x=\"1\"} 42\n");
    let server = home.start_with(&exposed.config(""));
    server.wait_for_value("a", "42");
    server.wait_for_value("up", "1");
    server.wait_for_value("scrape_samples_scraped", "1");
    let metadata = server.data("/api/v1/metadata?metric=a");
    assert_eq!(metadata["a"][0]["type"], "counter");
    assert_eq!(metadata["a"][0]["help"], "Things.");
    let target = server.wait_for_target("t", "up");
    assert_eq!(target["lastSamples"], 1);
    assert_eq!(target["kind"], "static");
    let head = exposed.heads.lock().unwrap()[0].to_lowercase();
    for part in [
        "get /metrics http/1.1",
        "application/openmetrics-text",
        "accept-encoding: gzip",
    ] {
        assert!(head.contains(part), "{head}");
    }
}

#[test]
fn a_bad_line_costs_itself_and_is_shown() {
    let home = Home::new();
    let server = home.start_with(&Exposed::text("a 1\nb{ 2\nc 3\n").config(""));
    server.wait_for_value("c", "3");
    let target = server.wait_for_target("t", "up");
    assert_eq!(target["rejectedTotal"], 1);
    assert_eq!(target["rejected"][0]["line"], 2);
}

#[test]
fn a_series_that_vanishes_and_a_target_that_fails_end_at_once() {
    let home = Home::new();
    let body = Arc::new(Mutex::new("a 1\nb 1\n".to_owned()));
    let server = home.start_with(&Exposed::changing(&body).config(""));
    server.wait_for_value("count({__name__=~\"a|b\"})", "2");
    *body.lock().unwrap() = "a 2\n".to_owned();
    server.wait_for_value("a", "2");
    // Not after five minutes of lookback, but now.
    assert_eq!(server.query("b"), []);
    *body.lock().unwrap() = "<html>".to_owned();
    server.wait_for_value("up", "0");
    assert_eq!(server.query("a"), []);
}

#[test]
fn a_gzip_body_and_credentials_work() {
    use std::io::Write as _;
    let home = Home::new();
    let exposed = Exposed::new(Box::new(|head, stream| {
        if !head.to_lowercase().contains("authorization: basic dtpw") {
            drop(stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
            return;
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(b"a 7\n").unwrap();
        write_ok(
            stream,
            "Content-Encoding: gzip\r\n",
            &encoder.finish().unwrap(),
        );
    }));
    let server = home.start_with(&exposed.config("  basic_auth: {username: u, password: p}\n"));
    server.wait_for_value("a", "7");
    // The password is shown nowhere.
    let config = server.get("/api/v1/status/config").text();
    assert!(
        config.contains("<secret>") && !config.contains("password: p"),
        "{config}"
    );
}

#[test]
fn a_status_that_is_no_success_is_told_as_in_prometheus() {
    use std::io::Write as _;
    let home = Home::new();
    let exposed = Exposed::new(Box::new(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"));
    }));
    let server = home.start_with(&exposed.config(""));
    let target = server.wait_for_target("t", "down");
    assert_eq!(
        target["lastError"],
        "server returned HTTP status 500 Internal Server Error"
    );
}

#[test]
fn a_target_that_closes_its_connections_without_a_word_is_up_all_the_same() {
    use std::io::Write as _;
    let home = Home::new();
    let exposed = Exposed::new(Box::new(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n"));
    }));
    let server = home.start_with(&exposed.config("").replace("200ms", "20ms"));
    server.wait_for_value("count_over_time(up[1h]) >= bool 50", "1");
    server.wait_for_value("min_over_time(up[1h])", "1");
}

#[test]
fn secrets_are_shown_nowhere() {
    let home = Home::new();
    home.write("token", "canary-in-a-file");
    let server = home.start_with(
        "scrape_configs:
- job_name: a
  scrape_interval: 200ms
  basic_auth: {username: u, password: canary-password}
  static_configs: [{targets: ['127.0.0.1:1']}]
- job_name: b
  scrape_interval: 200ms
  authorization: {credentials_file: token}
  static_configs: [{targets: ['127.0.0.1:1'], labels: {x: b}}]
remote_write: [{url: 'http://u:canary-url@h/', sigv4: {secret_key: canary-key}}]
",
    );
    server.wait_for_target("a", "down");
    server.wait_for_target("b", "down");
    for path in [
        "/api/v1/targets",
        "/api/v1/status/config",
        "/api/v1/status/flags",
        "/api/v1/status/runtimeinfo",
        "/api/v1/status/tsdb",
        "/metrics",
    ] {
        let text = server.get(path).text();
        assert!(!text.contains("canary"), "{path}: {text}");
    }
    assert!(!server.printed.concat().contains("canary"));
}

#[test]
fn targets_in_a_file_come_and_go() {
    let home = Home::new();
    let exposed = Exposed::text("a 1\n");
    let list =
        |targets: &str| format!("[{{\"targets\": [{targets}], \"labels\": {{\"z\": \"y\"}}}}]");
    home.write("t.json", &list(&format!("\"{}\"", exposed.address)));
    let server = home.start_with(
        "scrape_configs: [{job_name: f, scrape_interval: 200ms, file_sd_configs: [{files: ['*.json']}]}]",
    );
    server.wait_for_value("a{z=\"y\"}", "1");
    assert_eq!(server.wait_for_target("f", "up")["kind"], "file");
    home.write("t.json", &list(""));
    wait_until("the target is gone", || {
        let targets = server.data("/api/v1/targets")["activeTargets"].clone();
        if targets == serde_json::json!([]) {
            Ok(())
        } else {
            Err(targets.to_string())
        }
    });
    // Its series ended with it, `up` included.
    assert_eq!(server.query("a or up"), []);
}

#[test]
fn a_reload_takes_over_a_good_configuration_and_keeps_the_old_for_a_bad_one() {
    let home = Home::new();
    let exposed = Exposed::text("a 1\n");
    let mut server = home.start_with("scrape_configs: []");
    home.write("prometheus.yml", &exposed.config(""));
    assert_eq!(server.post("/-/reload", "").status, 200);
    server.wait_for_value("a", "1");
    home.write("prometheus.yml", "scrape_configs: [{job_nam: x}]");
    let answer = server.post("/-/reload", "");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("job_name"), "{}", answer.text());
    server.wait_for_line("the old one stays");
    server.wait_for_target("t", "up");
    home.write("prometheus.yml", "scrape_configs: []");
    server.signal("HUP");
    server.wait_for_line("read anew");
    wait_until("no target is left", || {
        let targets = server.data("/api/v1/targets")["activeTargets"].clone();
        if targets == serde_json::json!([]) {
            Ok(())
        } else {
            Err(targets.to_string())
        }
    });
}

#[test]
fn a_local_process_is_found_without_any_configuration() {
    let home = Home::new();
    let process = Process::new(ProcessOptions {
        runtime_dir: Some(home.path("run")),
        limits: SegmentLimits::default(),
        proc: instrument::Proc::default(),
        identity: None,
    });
    process.announce(&Announcement {
        service: "shop".to_owned(),
        service_from: ServiceSource::App,
        framework: Some("flask".to_owned()),
        python_version: "3.12.1".to_owned(),
        package_version: "0.1.0".to_owned(),
        version: Some("1.0.1".to_owned()),
        started: Timestamp::from_millis(1000),
    });
    let family = Family::new(
        &process,
        FamilySpec {
            kind: FamilyKind::Counter,
            mode: GaugeMode::Auto,
            name: "orders".to_owned(),
            help: "Orders taken.".to_owned(),
            unit: String::new(),
            label_names: vec!["shop".to_owned()],
            bounds: Vec::new(),
            states: Vec::new(),
        },
    );
    family.share(0);
    let orders = family.series(["main"], 1.0);
    orders.add(3.0);
    let mut server = home.start(&["--scrape-interval", "200ms"]);
    let line = server.wait_for_line("found shop");
    assert!(
        line.contains("flask") && line.contains("1 process"),
        "{line}"
    );
    server.wait_for_value("orders_total{job=\"shop\", shop=\"main\"}", "3");
    orders.add(1.0);
    server.wait_for_value("orders_total{job=\"shop\"}", "4");
    let target = server.wait_for_target("shop", "up");
    assert_eq!(target["kind"], "announced");
    assert_eq!(target["processes"], 1);
}
