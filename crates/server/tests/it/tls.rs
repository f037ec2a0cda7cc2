//! Scraping over HTTPS, against another TLS than ours: Python's, with certificates by openssl.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::harness::{Home, stderr_of};

/// Serves one metric over TLS with the certificate in the folder it is started in. The body ends
/// with the connection, or has the length that the first argument says.
const PEER: &str = r#"
import http.server, ssl, sys

class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        for length in sys.argv[1:]:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(b"sealed 1\n")

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("peer.pem", "peer.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// A peer whose certificate is for `name` (`IP:…` or `DNS:…`), signed by the authority `ca.pem`.
struct Peer {
    child: Child,
    address: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with the test, however that ends.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether the programs are here that play the other side; CI must have them.
fn programs_are_here() -> bool {
    for (program, argument) in [("openssl", "version"), ("python3", "--version")] {
        if let Err(error) = Command::new(program).arg(argument).output() {
            assert!(
                std::env::var_os("CI").is_none(),
                "{program} is needed in CI: {error}"
            );
            eprintln!("SKIPPED: {program} is not installed, nothing was scraped over HTTPS");
            return false;
        }
    }
    true
}

fn openssl(dir: &Path, command: &str) {
    let mut openssl = Command::new("openssl");
    let output = openssl.current_dir(dir).args(command.split(' ')).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{command}: {}", stderr_of(&output));
}

/// A certificate `name.pem` with its key that signs itself.
fn make_authority(home: &Home, name: &str) {
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1";
    let command = format!("{request} -subj /CN={name} -keyout {name}.key -out {name}.pem");
    openssl(&home.path(""), &command);
}

fn start_peer(home: &Home, name: &str, length: Option<&str>) -> Peer {
    let request = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let asked = format!("{request} -subj /CN=peer -keyout peer.key -out peer.csr");
    openssl(&home.path(""), &asked);
    home.write("peer.ext", &format!("subjectAltName={name}\n"));
    let sign = "x509 -req -in peer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1";
    openssl(
        &home.path(""),
        &format!("{sign} -extfile peer.ext -out peer.pem"),
    );
    let mut child = Command::new("python3")
        .args(["-c", PEER])
        .args(length)
        .current_dir(home.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut port).unwrap();
    Peer {
        child,
        address: format!("127.0.0.1:{}", port.trim()),
    }
}

fn config(tls: &str, address: &str) -> String {
    format!(
        "scrape_configs:\n- job_name: t\n  scheme: https\n  scrape_interval: 3s\n  \
         tls_config: {tls}\n  static_configs: [{{targets: ['{address}']}}]\n"
    )
}

/// Scrapes a peer whose certificate is for `name`, trusting the authority `trusted`. Expects the
/// value, or the whole error with `TARGET` for the peer's address.
fn check(name: &str, trusted: &str, expected: Result<(), &str>) {
    if !programs_are_here() {
        return;
    }
    let home = Home::new();
    make_authority(&home, "ca");
    make_authority(&home, "stranger");
    let peer = start_peer(&home, name, None);
    let server = home.start_with(&config(trusted, &peer.address));
    match expected {
        Ok(()) => {
            server.wait_for_target("t", "up");
            server.wait_for_value("sealed", "1");
        }
        Err(error) => {
            let target = server.wait_for_target("t", "down");
            let expected = error.replace("TARGET", &peer.address);
            assert_eq!(target["lastError"], expected, "{target}");
            assert_eq!(server.query("sealed"), []);
        }
    }
}

#[test]
fn a_certificate_of_a_trusted_authority_is_good() {
    check("IP:127.0.0.1", "{ca_file: ca.pem}", Ok(()));
}

#[test]
fn a_certificate_of_a_stranger_is_refused_and_says_what_to_set() {
    check(
        "IP:127.0.0.1",
        "{ca_file: stranger.pem}",
        Err(
            "the certificate of TARGET is signed by an authority that is not trusted here; \
             set ca_file in tls_config to that authority's certificate",
        ),
    );
}

#[test]
fn a_certificate_for_another_name_is_refused_and_says_for_which() {
    check(
        "DNS:shop.example",
        "{ca_file: ca.pem}",
        Err("the certificate of TARGET is for shop.example; \
             scrape it by a name that its certificate has"),
    );
}

#[test]
fn a_certificate_that_nobody_checks_is_good_whatever_it_says() {
    check("DNS:shop.example", "{insecure_skip_verify: true}", Ok(()));
}

#[test]
fn a_body_that_is_shorter_than_its_length_is_a_failed_scrape_under_tls_too() {
    if !programs_are_here() {
        return;
    }
    let home = Home::new();
    make_authority(&home, "ca");
    let peer = start_peer(&home, "IP:127.0.0.1", Some("100"));
    let server = home.start_with(&config("{ca_file: ca.pem}", &peer.address));
    let target = server.wait_for_target("t", "down");
    let error = target["lastError"].as_str().unwrap();
    assert!(error.starts_with("the answer broke off"), "{target}");
    assert_eq!(server.query("sealed"), []);
}

#[test]
fn a_target_without_tls_is_told_from_one_with_a_bad_certificate() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // What a plain server makes of the first bytes of TLS.
            let read = stream.read(&mut [0; 4096]);
            drop(read.and_then(|_| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")));
        }
    });
    let server = home.start_with(&config("{}", &address.to_string()));
    let target = server.wait_for_target("t", "down");
    let expected =
        format!("{address} does not answer in TLS; set scheme to http if it serves plain HTTP");
    assert_eq!(target["lastError"], expected, "{target}");
}
