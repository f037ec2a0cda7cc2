//! Real scrapes of real exporters read without a rejected line.

use std::path::{Path, PathBuf};

use model::exposition::{Format, parse};

/// The folder of shared fixtures: `PYROMETER_SHARED`, else `shared` beside the checkout.
fn shared() -> PathBuf {
    std::env::var_os("PYROMETER_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

#[test]
fn real_scrapes_read_without_a_rejected_line() {
    let folder = shared().join("fixtures");
    if !folder.is_dir() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{} is missing",
            folder.display()
        );
        eprintln!(
            "SKIPPED: {} is missing; set PYROMETER_SHARED",
            folder.display()
        );
        return;
    }
    let mut bodies = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "prom") {
            continue;
        }
        let body = std::fs::read(&path).unwrap();
        // What Prometheus reads as well: a sample is a line that is no comment and not blank.
        let lines = body
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty() && line[0] != b'#')
            .count();
        let exposition = parse(&body, Format::Text);
        assert_eq!(exposition.rejected, [], "{}", path.display());
        assert_eq!(exposition.samples.len(), lines, "{}", path.display());
        bodies += 1;
    }
    assert!(
        bodies >= 37,
        "only {bodies} fixtures in {}",
        folder.display()
    );
}
