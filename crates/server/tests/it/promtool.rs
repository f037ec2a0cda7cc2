//! What Prometheus's own client makes of our answers.

use std::process::Command;

use crate::harness::{Exposed, Home};

/// `None`, said aloud, where promtool is not installed; CI must have it.
fn promtool(args: &[&str]) -> Option<String> {
    match Command::new("promtool").args(args).output() {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "promtool {args:?}: {stderr}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "promtool is needed in CI: {error}"
            );
            eprintln!("SKIPPED: promtool is not installed (apt-get install prometheus)");
            None
        }
    }
}

#[test]
fn promtool_reads_our_answers() {
    let home = Home::new();
    let exposed = Exposed::text("a{x=\"1\"} 1.5\n");
    let server = home.start_with(&exposed.config(""));
    server.wait_for_value("a", "1.5");
    let url = server.url();
    let name = format!("a{{instance=\"{}\", job=\"t\", x=\"1\"}}", exposed.address);
    let Some(instant) = promtool(&["query", "instant", &url, "a"]) else {
        return;
    };
    assert!(
        instant.starts_with(&format!("{name} => 1.5 @[")),
        "{instant}"
    );
    let range = promtool(&["query", "range", &url, "a"]).unwrap();
    assert!(range.starts_with(&name), "{range}");
    let series = promtool(&["query", "series", "--match", "a", &url]).unwrap();
    assert!(series.contains("x=\"1\""), "{series}");
    assert_eq!(promtool(&["query", "labels", &url, "x"]).unwrap(), "1\n");
}
