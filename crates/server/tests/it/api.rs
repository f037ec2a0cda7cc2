//! The HTTP API as clients see it: shapes, errors, headers.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Exposed, Home, Server, encode, request, wait_until};

/// A server that has scraped `a{x="1"} 1` and `a{x="2"} 2`.
fn scraped() -> (Home, Server) {
    let home = Home::new();
    let server = home.start_with(&Exposed::text("a{x=\"1\"} 1\na{x=\"2\"} 2\n").config(""));
    server.wait_for_value("sum(a)", "3");
    (home, server)
}

fn check_error(server: &Server, path: &str, status: u16, kind: &str, part: &str) {
    let answer = server.get(path);
    let json = answer.json();
    assert_eq!(
        (answer.status, json["status"].as_str()),
        (status, Some("error")),
        "{path} {json}"
    );
    assert_eq!(json["errorType"], kind, "{path}");
    assert!(
        json["error"].as_str().unwrap().contains(part),
        "{path}: {json}"
    );
}

#[test]
fn errors_have_prometheus_types_and_codes() {
    let (_home, server) = scraped();
    for (path, status, kind, part) in [
        ("/api/v1/query?query=a%2B", 400, "bad_data", "parse error"),
        ("/api/v1/query", 400, "bad_data", "query"),
        (
            "/api/v1/query?query=a&time=soon",
            400,
            "bad_data",
            "timestamp",
        ),
        (
            "/api/v1/query_range?query=a&start=0&end=1",
            400,
            "bad_data",
            "step",
        ),
        (
            "/api/v1/query_range?query=a&start=2&end=1&step=1",
            400,
            "bad_data",
            "before start",
        ),
        (
            "/api/v1/query_range?query=a&start=0&end=1&step=0",
            400,
            "bad_data",
            "resolution",
        ),
        (
            "/api/v1/query_range?query=a&start=0&end=11001&step=1",
            400,
            "bad_data",
            "11,000",
        ),
        ("/api/v1/series", 400, "bad_data", "no match[]"),
        ("/api/v1/series?match[]=sum(a)", 400, "bad_data", "selector"),
        (
            "/api/v1/query?query=a%20%2B%20on()%20a",
            422,
            "execution",
            "match",
        ),
        ("/api/v1/nothing", 404, "not_found", "endpoint"),
    ] {
        check_error(&server, path, status, kind, part);
    }
    let long = "a".repeat(70_000);
    let answer = server.post("/api/v1/query", &format!("query={long}"));
    assert_eq!(answer.status, 400);
    let huge = "a".repeat(2 << 20);
    let answer = server.post("/api/v1/query", &format!("query={huge}"));
    assert_eq!(answer.json()["error"], "the form is larger than 1 MiB");
}

#[test]
fn queries_answer_in_prometheus_shapes() {
    let (_home, server) = scraped();
    let scalar = server.get("/api/v1/query?query=1%2B1&time=1.5").text();
    assert_eq!(
        scalar,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"2"]}}"#
    );
    let range = server
        .post(
            "/api/v1/query_range",
            "query=vector(1)&start=0&end=2&step=1",
        )
        .json();
    assert_eq!(
        range["data"],
        json!({"resultType": "matrix", "result": [
            {"metric": {}, "values": [[0, "1"], [1, "1"], [2, "1"]]}]})
    );
    let limited = server.get("/api/v1/query?query=a&limit=1").json();
    assert_eq!(limited["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(
        limited["warnings"],
        json!(["results truncated due to limit"])
    );
}

#[test]
fn series_and_labels_are_listed() {
    let (_home, server) = scraped();
    let series = server.data(&format!("/api/v1/series?match[]={}", encode("a{x=\"1\"}")));
    let expected = json!([{"__name__": "a", "x": "1", "job": "t",
        "instance": series[0]["instance"]}]);
    assert_eq!(series, expected);
    let names = server.data("/api/v1/labels?match[]=a");
    assert_eq!(names, json!(["__name__", "instance", "job", "x"]));
    assert_eq!(server.data("/api/v1/label/x/values"), json!(["1", "2"]));
    assert_eq!(server.data("/api/v1/label/none/values"), json!([]));
    let cut = server.get("/api/v1/label/x/values?limit=1").json();
    assert_eq!(cut["warnings"], json!(["results truncated due to limit"]));
    assert_eq!(
        server.data("/api/v1/label/x/values?start=0&end=1"),
        json!([])
    );
}

#[test]
fn every_status_page_answers() {
    let (_home, server) = scraped();
    for path in [
        "/api/v1/status/buildinfo",
        "/api/v1/status/runtimeinfo",
        "/api/v1/status/config",
        "/api/v1/status/flags",
        "/api/v1/status/tsdb",
        "/api/v1/metadata",
        "/api/v1/rules",
        "/api/v1/alerts",
        "/api/v1/scrape_pools",
        "/api/v1/query_exemplars?query=a",
        "/api/v1/format_query?query=a",
        "/api/v1/parse_query?query=a",
    ] {
        assert!(!server.data(path).is_null(), "{path}");
    }
    assert!(
        server
            .data("/api/v1/status/buildinfo")
            .get("features")
            .is_none()
    );
    assert_eq!(server.get("/-/healthy").status, 200);
    let version: Value = server.get("/version").json();
    assert!(
        version["version"].as_str().unwrap().starts_with('3'),
        "{version}"
    );
    let metrics = server.get("/metrics").text();
    for name in [
        "pyrometer_scrapes_total",
        "pyrometer_alerts{state=\"firing\"}",
    ] {
        assert!(metrics.contains(name), "{metrics}");
    }
}

#[test]
fn answers_are_packed_and_browsers_kept_safe() {
    let (_home, server) = scraped();
    let plain = server.get("/metrics");
    let packed = request(
        server.address,
        "GET",
        "/metrics",
        &[("Accept-Encoding", "gzip")],
        "",
    );
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("Accept-Encoding"));
    assert!(packed.body.len() < plain.body.len() / 2);
    for path in ["/", "/metrics", "/api/v1/nothing"] {
        let answer = server.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn other_sites_cannot_reload() {
    let home = Home::new();
    let server = home.start(&[]);
    let evil = [("Origin", "http://evil.example")];
    assert_eq!(
        request(server.address, "POST", "/-/reload", &evil, "").status,
        403
    );
    assert_eq!(
        request(server.address, "GET", "/-/reload", &[], "").status,
        405
    );
    assert_eq!(server.post("/-/reload", "").status, 200);
}

/// Takes minutes: a million inner steps, each with a window of 400,000.
const SLOW: &str = "max_over_time(sum_over_time(vector(1)[400s:1ms])[100s:1ms])";

fn queries_running(server: &Server) -> String {
    let metrics = server.get("/metrics").text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("pyrometer_queries_running "));
    line.unwrap().to_owned()
}

#[test]
fn a_slow_query_ends_by_its_timeout() {
    let home = Home::new();
    let server = home.start(&[]);
    let path = format!("/api/v1/query?timeout=300ms&query={}", encode(SLOW));
    check_error(&server, &path, 503, "timeout", "longer than 300ms");
}

#[test]
fn a_query_stops_when_its_client_hangs_up() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "GET /api/v1/query?query={} HTTP/1.1\r\nHost: h\r\n\r\n",
        encode(SLOW)
    );
    stream.write_all(head.as_bytes()).unwrap();
    let running = |expected: &str| {
        wait_until(&format!("{expected} queries run"), || {
            let running = queries_running(&server);
            if running == expected {
                Ok(())
            } else {
                Err(running)
            }
        });
    };
    running("1");
    drop(stream);
    let hung_up = Instant::now();
    running("0");
    // Far below the timeout of 30 s, so it was the hanging up that ended it.
    assert!(
        hung_up.elapsed() < Duration::from_secs(10),
        "{:?}",
        hung_up.elapsed()
    );
    eprintln!(
        "the query stopped {:?} after its client had hung up",
        hung_up.elapsed()
    );
}

#[test]
fn any_other_path_is_the_page() {
    let home = Home::new();
    let server = home.start(&[]);
    for path in ["/", "/services/shop"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
    }
    assert_eq!(server.post("/services", "").status, 405);
}
