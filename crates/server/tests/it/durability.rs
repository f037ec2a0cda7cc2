//! What was answered once is there after a crash.

use crate::harness::{Exposed, Home, wait_until};

#[test]
fn kill_9_and_a_restart_keep_the_samples() {
    let home = Home::new();
    let exposed = Exposed::text("a 1\n");
    let server = home.start_with(&exposed.config(""));
    let counted = wait_until("ten samples", || {
        let values = server.query("count_over_time(a[1h])");
        let counted: u64 = values
            .first()
            .map_or(0, |(_, value)| value.parse().unwrap());
        if counted >= 10 {
            Ok(counted)
        } else {
            Err(counted.to_string())
        }
    });
    server.kill();
    // Nothing is scraped any more, so what is there came from before.
    let server = home.start_with("scrape_configs: []");
    assert!(
        server.printed[0].contains("samples from the log"),
        "{:?}",
        server.printed
    );
    let values = server.query("count_over_time(a[1h])");
    let kept: u64 = values[0].1.parse().unwrap();
    assert!(kept >= counted, "{kept} of {counted}");
}

#[test]
fn a_clean_end_keeps_the_samples_too() {
    let home = Home::new();
    let server = home.start_with(&Exposed::text("a 1\n").config(""));
    server.wait_for_value("a", "1");
    assert_eq!(server.stop(), Some(0));
    let server = home.start_with("scrape_configs: []");
    assert_eq!(server.query("last_over_time(a[1h])").len(), 1);
}
