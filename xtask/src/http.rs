//! As much of an HTTP client as talking to our own server on this machine needs.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Generous for any answer of ours, small for memory.
const BODY_BYTES_MAX: u64 = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Status and body.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let place = || format!("GET http://{address}{path}");
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).with_context(place)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    // HTTP/1.0: the body ends where the connection does, and is never sent in chunks.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(place)?;
    let mut answer = Vec::new();
    stream
        .take(BODY_BYTES_MAX)
        .read_to_end(&mut answer)
        .with_context(place)?;
    split(&String::from_utf8_lossy(&answer)).with_context(place)
}

fn split(answer: &str) -> anyhow::Result<(u16, String)> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no end of header")?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .context("the answer has no status")?;
    Ok((status, body.to_owned()))
}

/// A pyrometer (or Prometheus) server's API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
}

/// One firing or pending alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) state: String,
    /// `critical` pages somebody; `warning` and `info` wait until morning.
    pub(crate) severity: String,
}

impl Alert {
    pub(crate) fn is_firing(&self) -> bool {
        self.state == "firing"
    }

    pub(crate) fn is_critical(&self) -> bool {
        self.severity == "critical"
    }
}

impl std::fmt::Display for Alert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} ({})", self.name, self.service, self.severity)
    }
}

impl Api {
    /// Fails unless the server says that it is ready.
    pub(crate) fn ready(self) -> anyhow::Result<()> {
        match get(self.address, "/-/ready")? {
            (200, _) => Ok(()),
            (status, body) => bail!("/-/ready answered {status}: {}", body.trim()),
        }
    }

    /// The JSON of an endpoint, errors told in its own words.
    pub(crate) fn json(self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = get(self.address, path)?;
        let value = serde_json::from_str::<Value>(&body)
            .with_context(|| format!("{path} answered {status} and no JSON"))?;
        if status != 200 {
            bail!("{path} answered {status}: {}", value["error"]);
        }
        Ok(value)
    }

    /// The samples of an instant query: labels and value.
    pub(crate) fn query(self, expr: &str) -> anyhow::Result<Vec<(Value, f64)>> {
        let answer = self.json(&format!("/api/v1/query?query={}", encode(expr)))?;
        let samples = answer["data"]["result"]
            .as_array()
            .context("no data.result")?;
        samples
            .iter()
            .map(|sample| {
                let value = sample["value"][1]
                    .as_str()
                    .and_then(|value| value.parse().ok());
                Ok((
                    sample["metric"].clone(),
                    value.context("a sample without a number")?,
                ))
            })
            .collect()
    }

    /// The value of a query that has one sample; fails when it has none.
    pub(crate) fn value(self, expr: &str) -> anyhow::Result<f64> {
        match &self.query(expr)?[..] {
            [(_, value)] => Ok(*value),
            samples => bail!("{expr} has {} samples, not one", samples.len()),
        }
    }

    /// What Home shows of the last five minutes.
    pub(crate) fn services(self) -> anyhow::Result<Vec<Value>> {
        let end = unix_seconds();
        let start = end - 300;
        let answer = self.json(&format!("/api/v1/services?start={start}&end={end}&step=15"))?;
        // Inside Prometheus's envelope or bare.
        let services = answer["data"]["services"]
            .as_array()
            .or(answer["services"].as_array());
        services.cloned().context("no services in the answer")
    }

    /// All alerts that are pending or firing.
    pub(crate) fn alerts(self) -> anyhow::Result<Vec<Alert>> {
        let answer = self.json("/api/v1/alerts")?;
        let alerts = answer["data"]["alerts"]
            .as_array()
            .context("no data.alerts")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(alerts
            .iter()
            .map(|alert| Alert {
                name: text(&alert["labels"]["alertname"]),
                service: text(&alert["labels"]["job"]),
                state: text(&alert["state"]),
                severity: text(&alert["labels"]["severity"]),
            })
            .collect())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client on the server's own machine: both read the same clock"
)]
fn unix_seconds() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(0, |since| since.as_secs())
}

/// Percent-encodes everything but what is safe anywhere in a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(
            encode("sum(a{b=\"c\"}) + 1"),
            "sum%28a%7Bb%3D%22c%22%7D%29%20%2B%201"
        );
    }

    #[test]
    fn an_answer_splits_into_status_and_body() {
        let answer = "HTTP/1.1 503 Busy\r\nA: b\r\n\r\nwait\r\n\r\nlonger";
        assert_eq!(
            split(answer).unwrap(),
            (503, "wait\r\n\r\nlonger".to_owned())
        );
        for bad in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 x y\r\n\r\n"] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }
}
