//! Where somebody listens: host and port, written in one way whoever says it.

use std::fmt;
use std::net::IpAddr;

use model::Labels;

/// Longest host name (RFC 1035).
const HOST_CHARS_MAX: usize = 253;

/// A host and, where it is known, a port: `127.0.0.1:6379`, `db.internal:5432`, `[fd00::1]:80`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Lower case; [`LOOPBACK`] for every name of the machine itself.
    pub host: String,
    pub port: Option<u16>,
}

/// How this machine is called, so that its names are one.
#[derive(Clone, Debug, Default)]
pub struct Locality {
    /// As the machine calls itself; empty when it is not known.
    pub hostname: String,
}

const LOOPBACK: &str = "127.0.0.1";

impl Address {
    /// Reads `host`, `host:port`, `[v6]:port`, `host:port/…` or a URL of them. `None` when there
    /// is no host in it.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // What stands before an @ is a user and a password.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let (host, port) = split_port(rest)?;
        let host = host.trim_end_matches('.').to_lowercase();
        let legal = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || host.len() > HOST_CHARS_MAX || !host.chars().all(legal) {
            return None;
        }
        let port = port.or(match scheme {
            Some("http" | "ws") => Some(80),
            Some("https" | "wss") => Some(443),
            Some("redis" | "valkey") => Some(6379),
            Some("postgres" | "postgresql") => Some(5432),
            Some("mysql") => Some(3306),
            Some("mongodb") => Some(27017),
            Some("amqp") => Some(5672),
            _ => None,
        });
        Some(Self { host, port })
    }

    /// From the labels that a rule names: one with both, or one with the host (its own port does
    /// not count) and one with the port, which may be a number itself.
    pub(super) fn of<'a>(
        parts: &[String],
        label: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Self> {
        let whole = Self::parse(label(parts.first()?)?)?;
        let Some(port) = parts.get(1) else {
            return Some(whole);
        };
        let literal = port.parse().ok();
        let told = || label(port).and_then(|text| text.parse().ok());
        Some(Self {
            port: literal.or_else(told),
            ..whole
        })
    }

    fn is_loopback(&self) -> bool {
        let ip = self.host.parse::<IpAddr>();
        self.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
    }

    /// Whether it is a number and no name.
    pub fn is_ip(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// The name that a container network or a cluster gives a service: the first part of a name
    /// without dots, or of `name.namespace.svc…`.
    pub(super) fn service_name(&self) -> Option<&str> {
        let mut parts = self.host.split('.');
        let first = parts.next().filter(|_| !self.is_ip())?;
        match (parts.next(), parts.next()) {
            (None, None) | (Some(_), Some("svc")) => Some(first),
            _ => None,
        }
    }
}

/// The last colon divides host and port, unless several say that it is a bare IPv6 address.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return Some((host, rest.strip_prefix(':').and_then(|p| p.parse().ok())));
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, port)) if port.contains(':') => Some((text, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_v6 = self.host.contains(':');
        match self.port {
            Some(port) if is_v6 => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl Locality {
    /// The address as everybody on this machine would write it. A process elsewhere that names
    /// its own loopback means its own machine: that of the `instance` label.
    pub fn normalise(&self, address: Address, labels: &Labels) -> Address {
        if !self.is_here(&address) {
            return address;
        }
        let instance = labels.get("instance").and_then(Address::parse);
        let host = match instance {
            Some(instance) if address.is_loopback() && !self.is_here(&instance) => instance.host,
            _ => LOOPBACK.to_owned(),
        };
        Address { host, ..address }
    }

    /// The machine's name for people.
    pub(super) fn host_of(&self, address: &Address) -> String {
        if self.is_here(address) && !self.hostname.is_empty() {
            return self.hostname.to_lowercase();
        }
        address.host.clone()
    }

    fn is_here(&self, address: &Address) -> bool {
        address.is_loopback() || address.host == self.hostname.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way() {
        for (text, expected) in [
            ("127.0.0.1:8102", Some("127.0.0.1:8102")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("127.0.0.1:80")),
            ("0.0.0.0:80", Some("127.0.0.1:80")),
            ("Box:80", Some("127.0.0.1:80")),
            ("box/0", Some("127.0.0.1")),
            ("127.0.0.1:80/311", Some("127.0.0.1:80")),
            ("DB.Internal.:5432", Some("db.internal:5432")),
            ("redis://user:pa@ss@cache:6380/0", Some("cache:6380")),
            ("https://api.example/pay?x=1", Some("api.example:443")),
            ("fd00::7", Some("fd00::7")),
            ("[fd00::7]:80", Some("[fd00::7]:80")),
            ("", None),
            (":80", None),
            ("a b:80", None),
            ("host:port", None),
            ("host:99999", None),
            ("[fd00::7", None),
            ("/run/postgresql", None),
        ] {
            let locality = Locality {
                hostname: "box".to_owned(),
            };
            let address = Address::parse(text);
            let address = address.map(|address| locality.normalise(address, &Labels::empty()));
            let shown = address.map(|address| address.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_loopback_of_another_machine_is_that_machine() {
        for (peer, instance, expected) in [
            ("localhost:6379", "10.0.0.5:8000", "10.0.0.5:6379"),
            ("localhost:6379", "127.0.0.1:8000", "127.0.0.1:6379"),
            ("localhost:6379", "box/0", "127.0.0.1:6379"),
            ("box:6379", "10.0.0.5:8000", "127.0.0.1:6379"),
            ("db:5432", "10.0.0.5:8000", "db:5432"),
        ] {
            let locality = Locality {
                hostname: "box".to_owned(),
            };
            let labels = Labels::new([("instance", instance)]).unwrap();
            let address = locality.normalise(Address::parse(peer).unwrap(), &labels);
            assert_eq!(address.to_string(), expected, "{peer} of {instance}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            if let Some(address) = Address::parse(&text) {
                proptest::prop_assert_eq!(
                    Address::parse(&address.to_string()).map(|a| a.host), Some(address.host));
            }
        }
    }
}
