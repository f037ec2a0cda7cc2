//! Targets that mean harm: each costs itself only, and says which limit ended it.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{Exposed, Home, Reply, write_ok};

/// Scrapes a hostile target beside a good one; judges by the first scrape that failed.
fn check(reply: Box<Reply>, more: &str, expected_error: &str, expected_limit: Option<&str>) {
    // The timeout is as long as the interval: nothing but the hostile answer may end the scrape,
    // on a busy machine and without optimisation.
    check_every("3s", reply, more, expected_error, expected_limit);
}

fn check_every(
    interval: &str,
    reply: Box<Reply>,
    more: &str,
    expected_error: &str,
    expected_limit: Option<&str>,
) {
    let home = Home::new();
    let (hostile, good) = (Exposed::new(reply), Exposed::text("good 1\n"));
    let config = format!(
        "{}- job_name: good\n  scrape_interval: 200ms\n  static_configs: [{{targets: ['{}']}}]\n",
        hostile.config(more).replace("200ms", interval),
        good.address
    );
    let server = home.start_with(&config);
    let target = server.wait_for_target("t", "down");
    let error = target["lastError"].as_str().unwrap();
    assert!(error.contains(expected_error), "{error}");
    assert_eq!(target["limited"].as_str(), expected_limit, "{target}");
    server.wait_for_value("up{job=\"good\"}", "1");
    server.wait_for_value("up{job=\"t\"}", "0");
    assert!(resident_bytes(&server.get("/metrics").text()) < 200e6);
}

fn resident_bytes(metrics: &str) -> f64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_gzip_bomb_is_cut_at_the_limit() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mebibyte = vec![b'a'; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&mebibyte).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    check(
        Box::new(move |_, stream| write_ok(stream, "Content-Encoding: gzip\r\n", &bomb)),
        "",
        "body is larger than 67108864 bytes unpacked",
        Some("body_size_limit"),
    );
}

#[test]
fn a_body_over_the_jobs_limit_is_refused() {
    check(
        Box::new(|_, stream| write_ok(stream, "", "a 1\n".repeat(1000).as_bytes())),
        "  body_size_limit: 1KB\n",
        "body_size_limit",
        Some("body_size_limit"),
    );
}

/// Sends small pieces until the scraper hangs up.
fn drip(stream: &mut TcpStream, piece: &[u8]) {
    while stream.write_all(piece).is_ok() {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

#[test]
fn an_endless_slow_body_ends_by_the_timeout() {
    check_every(
        "200ms",
        Box::new(|_, stream| {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
            drip(stream, b"a 1\n");
        }),
        "",
        "scrape_timeout",
        Some("scrape_timeout"),
    );
}

#[test]
fn endless_headers_end_too() {
    check(
        Box::new(|_, stream| {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
            while stream.write_all(b"X-More: and more\r\n").is_ok() {}
        }),
        "",
        "",
        None,
    );
}

#[test]
fn redirects_in_a_circle_are_followed_twice() {
    check(
        Box::new(|_, stream| {
            let answer = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
            drop(stream.write_all(answer));
        }),
        "",
        "more than 2 redirects",
        None,
    );
}

#[test]
fn garbage_is_no_metrics() {
    let garbage: Vec<u8> = (0..50_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    check(
        Box::new(move |_, stream| write_ok(stream, "", &garbage)),
        "",
        "no line of the answer is a sample",
        None,
    );
}

#[test]
fn a_body_that_breaks_off_is_a_failed_scrape() {
    check(
        Box::new(|_, stream| {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na 1\nb"));
        }),
        "",
        "broke off",
        None,
    );
}

#[test]
fn too_many_samples_are_cut_and_told() {
    let home = Home::new();
    let body: String = (0..60_000).map(|n| format!("m{{n=\"{n}\"}} 1\n")).collect();
    let server = home.start_with(&Exposed::text(&body).config("").replace("200ms", "5s"));
    let target: Value = server.wait_for_target("t", "up");
    assert_eq!(target["limited"], "sample_limit");
    assert_eq!(target["lastSamples"], 50_000);
    assert!(
        target["lastError"]
            .as_str()
            .unwrap()
            .contains("50000 of 60000"),
        "{target}"
    );
}

#[test]
fn a_request_with_endless_headers_is_cut() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let line = format!("X-More: {}\r\n", "x".repeat(1000));
    // The server hangs up or answers with an error long before 30 MB, the kernel's buffers included.
    let sent = (0..1000)
        .take_while(|_| stream.write_all(line.as_bytes()).is_ok())
        .count();
    assert!(sent < 30_000, "{sent} headers of 1 KB were taken");
    assert_eq!(server.get("/-/healthy").status, 200);
}
