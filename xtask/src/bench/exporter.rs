//! A scrape target of any size: deterministic, and cheap enough not to be what is measured.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::Context as _;

/// Samples of one target's body: what a Python service with a few routes exposes.
pub(super) const SERIES: usize = 500;

/// Answers `GET /t/<n>` with the next state of target `n`.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) address: SocketAddr,
    served: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Exporter {
    pub(super) fn start(targets: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen for scrapes")?;
        let address = listener.local_addr()?;
        let served = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let states: Arc<Vec<_>> = Arc::new(
            (0..targets as u64)
                .map(|seed| Mutex::new(Target::new(seed)))
                .collect(),
        );
        let (served_here, stop_here) = (Arc::clone(&served), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop_here.load(Ordering::Relaxed) {
                    return;
                }
                let (states, served) = (Arc::clone(&states), Arc::clone(&served_here));
                // A scraper that hangs up ends its own thread and nothing else.
                thread::spawn(move || drop(answer(stream, &states, &served)));
            }
        });
        Ok(Self {
            address,
            served,
            stop,
        })
    }

    /// Samples sent so far.
    pub(super) fn samples_served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

fn answer(stream: TcpStream, targets: &[Mutex<Target>], served: &AtomicU64) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut stream = stream;
    // One connection serves many scrapes, as a scraper keeps it open.
    while let Some(first) = lines.next().transpose()? {
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        let target = first
            .split(' ')
            .nth(1)
            .and_then(|path| path.strip_prefix("/t/"))
            .and_then(|index| index.parse::<usize>().ok())
            .and_then(|index| targets.get(index));
        let Some(target) = target else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            break;
        };
        let body = target
            .lock()
            .map_err(|_| anyhow::anyhow!("a scrape panicked"))?
            .next_body();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        served.fetch_add(SERIES as u64, Ordering::Relaxed);
        if first.ends_with("HTTP/1.0") {
            break;
        }
    }
    Ok(())
}

/// One target's series and the random numbers that move them.
#[derive(Debug)]
struct Target {
    state: u64,
    values: Vec<f64>,
}

impl Target {
    fn new(seed: u64) -> Self {
        Self {
            state: seed,
            values: vec![0.0; SERIES],
        }
    }

    /// One scrape later: of five series, three count (a third of them rest), one is a gauge that
    /// wanders in cents, one never changes.
    fn next_body(&mut self) -> String {
        let mut body = String::with_capacity(SERIES * 64);
        for kind in 0..5 {
            let (name, of_type) = [
                ("requests_total", "counter"),
                ("request_seconds_sum", "counter"),
                ("request_bytes_total", "counter"),
                ("queue_length", "gauge"),
                ("limit", "gauge"),
            ][kind];
            body.push_str(&format!("# HELP bench_{name} Made for measuring.\n"));
            body.push_str(&format!("# TYPE bench_{name} {of_type}\n"));
            for index in 0..SERIES / 5 {
                let random = self.next();
                let value = &mut self.values[kind * (SERIES / 5) + index];
                match kind {
                    0 if index % 3 > 0 => *value += (random % 20) as f64,
                    1 if index % 3 > 0 => *value += (random % 10_000) as f64 / 1e6,
                    2 if index % 3 > 0 => *value += (random % 50_000) as f64,
                    3 => *value = (*value * 100.0 + (random % 201) as f64 - 100.0).round() / 100.0,
                    4 => *value = 1024.0,
                    _ => {}
                }
                // Writing to a string cannot fail.
                let _infallible = writeln!(
                    body,
                    "bench_{name}{{route=\"/orders/{index}\",status=\"200\"}} {value}"
                );
            }
        }
        body
    }

    /// splitmix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn a_target_serves_as_many_samples_as_it_counts() {
        let exporter = Exporter::start(2).unwrap();
        let (status, body) = http::get(exporter.address, "/t/1").unwrap();
        let samples = body.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(
            (status, samples, exporter.samples_served()),
            (200, SERIES, SERIES as u64)
        );
        assert_eq!(http::get(exporter.address, "/t/2").unwrap().0, 404);
    }

    #[test]
    fn counters_only_grow() {
        let mut target = Target::new(3);
        let counts = |body: String| -> Vec<f64> {
            body.lines()
                .filter(|line| line.contains("_total{") || line.contains("_sum{"))
                .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
                .collect()
        };
        let before = counts(target.next_body());
        let after = counts(target.next_body());
        assert_eq!(before.len(), 3 * SERIES / 5);
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(before, after)| before <= after)
        );
        assert!(before < after);
    }
}
