use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::*;
use crate::config::Config;

/// Answers one request a connection, and closes it as soon as a second one comes: what a target
/// that gives up idle connections looks like to a client that is a moment late.
fn answering_once(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move |mut stream: TcpStream| {
        // A request is one packet. What is unread of the second one makes the close a reset.
        let _request = stream.read(&mut [0; 4096]);
        let answered = stream.write_all(answer.as_bytes());
        let _next = answered.and_then(|()| stream.read(&mut [0]));
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// What each of `times` scrapes right after one another came to, told once if it is the same.
fn check_answering_once(times: usize, answer: &'static str, expected: &str) {
    let url = format!("http://{}/metrics", answering_once(answer));
    let (config, _) = Config::read("scrape_configs: [{job_name: t}]", std::path::Path::new("."));
    let job = &config.unwrap().jobs[0];
    let fetcher = Fetcher::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for time in 0..times {
        let asked = fetcher.fetch(&url, job, Duration::from_secs(10));
        let found = match runtime.block_on(asked) {
            Ok(fetched) => String::from_utf8(fetched.body).unwrap(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "scrape {time}: {found}");
    }
}

#[test]
fn a_kept_connection_that_ended_costs_no_scrape() {
    check_answering_once(
        300,
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n",
        "a 1",
    );
}

#[test]
fn a_redirect_may_end_its_connection() {
    check_answering_once(
        300,
        "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
        "more than 2 redirects",
    );
}

#[test]
fn base64_is_that_of_the_rfc() {
    for (text, expected) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(text.as_bytes()), expected);
    }
}

#[test]
fn a_redirect_is_resolved_against_where_it_came_from() {
    let from: Uri = "http://h:1/a/b".parse().unwrap();
    for (location, expected) in [
        ("/c", Some("http://h:1/c")),
        ("c", Some("http://h:1/a/c")),
        ("https://x/y", Some("https://x/y")),
        ("//x/y", Some("http://x/y")),
        ("ftp://x/y", None),
    ] {
        let resolved = resolve_location(&from, location).map(|uri| uri.to_string());
        assert_eq!(resolved.as_deref(), expected, "{location}");
    }
}
