//! From targets to answers: static, file and announced ones, limits of honesty included.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use instrument::{
    Announcement, Family, FamilyKind, FamilySpec, GaugeMode, Process, ProcessOptions,
    SegmentLimits, Series, ServiceSource,
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
    let server = home.start_with(&exposed.config("").replace("200ms", "50ms"));
    wait_until("50 scrapes", || {
        let error = server.data("/api/v1/targets")["activeTargets"][0]["lastError"].to_string();
        // On a busy machine a scrape may take longer than 50 ms; that is another matter.
        assert!(!error.contains("closed"), "{error}");
        let values = server.query("count_over_time(up[1h]) >= 50");
        if values.len() == 1 {
            Ok(())
        } else {
            Err(error)
        }
    });
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

/// Announces this process below `run` as the Flask service `shop`, with one counter.
fn announce(run: &Path) -> (Arc<Process>, Arc<Series>) {
    let process = Process::new(ProcessOptions {
        runtime_dir: Some(run.to_owned()),
        limits: SegmentLimits::default(),
        proc: instrument::Proc::default(),
        identity: None,
        writers: instrument::Writers::Many,
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
    let spec = FamilySpec {
        kind: FamilyKind::Counter,
        mode: GaugeMode::Auto,
        name: "orders".to_owned(),
        help: "Orders taken.".to_owned(),
        unit: String::new(),
        label_names: vec!["shop".to_owned()],
        bounds: Vec::new(),
        states: Vec::new(),
        native: None,
    };
    let family = Family::new(&process, spec);
    family.share(0);
    (process, family.series(["main"], 1.0))
}

#[test]
fn a_local_process_is_found_without_any_configuration() {
    let home = Home::new();
    let (_process, orders) = announce(&home.path("run"));
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

/// Where the child of the next test finds its runtime folder.
const CHILD: &str = "PYROMETER_TEST_CHILD_RUN_DIR";

/// The part of the child: listens, counts to 3, waits for the word, counts to 8 and ends.
fn listen_count_and_end(run: &Path) {
    let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_process, orders) = announce(run);
    orders.add(3.0);
    std::io::stdin().read_line(&mut String::new()).unwrap();
    orders.add(5.0);
}

#[test]
fn a_service_that_listened_and_ended_is_down_and_its_last_values_are_kept() {
    if let Some(run) = std::env::var_os(CHILD) {
        return listen_count_and_end(Path::new(&run));
    }
    let home = Home::new();
    let this = "scraping::a_service_that_listened_and_ended_is_down_and_its_last_values_are_kept";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this])
        .env(CHILD, home.path("run"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = home.start(&["--scrape-interval", "3s"]);
    let line = server.wait_for_line("found shop");
    assert!(line.contains("at 127.0.0.1:"), "{line}");
    server.wait_for_value("orders_total", "3");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    server.wait_for_line("has ended");
    server.wait_for_value("up{job=\"shop\"}", "0");
    server.wait_for_value("last_over_time(orders_total[1h])", "8");
    // Down, and not merely silent: the counter itself has ended.
    assert_eq!(server.query("orders_total"), []);
    let target = server.wait_for_target("shop", "down");
    assert!(
        target["lastError"].as_str().unwrap().contains("have ended"),
        "{target}"
    );
}
