//! Mail, to Debian's exim: STARTTLS with a certificate of the test's own authority, and a login.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{config, fire, start};
use crate::harness::{Home, output_of, stderr_of, wait_until};

struct Exim {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Drop for Exim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Exim runs as root only with a configuration of somebody's own; CI must have it.
fn exim_can_run() -> bool {
    let is_root = output_of(Command::new("id").arg("-u")).stdout == b"0\n";
    let here = Command::new("/usr/sbin/exim4").arg("-bV").output().is_ok();
    if is_root && here {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "exim4, started by root, is needed in CI"
    );
    eprintln!("SKIPPED: no exim4 or not root, no mail was sent");
    false
}

fn run(dir: &Path, command: &str) {
    let mut parts = command.split(' ');
    let mut program = Command::new(parts.next().unwrap());
    let output = output_of(program.args(parts).current_dir(dir));
    assert!(output.status.success(), "{command}: {}", stderr_of(&output));
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Takes mail from who logged in over TLS, and keeps it in its spool.
fn start_exim() -> Exim {
    let dir = tempfile::tempdir().unwrap();
    let (path, port) = (dir.path(), free_port());
    let ec = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(
        path,
        &format!("openssl req -x509 {ec} -days 1 -subj /CN=ca -keyout ca.key -out ca.pem"),
    );
    run(
        path,
        &format!("openssl req {ec} -subj /CN=peer -keyout peer.key -out peer.csr"),
    );
    std::fs::write(path.join("ext"), "subjectAltName=DNS:localhost\n").unwrap();
    let sign = "openssl x509 -req -in peer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1";
    run(path, &format!("{sign} -extfile ext -out peer.pem"));
    for folder in ["spool", "log"] {
        std::fs::create_dir(path.join(folder)).unwrap();
    }
    let shown = path.display();
    let text = format!(
        "primary_hostname = mail.test\ndaemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\n\
         spool_directory = {shown}/spool\nlog_file_path = {shown}/log/%slog\n\
         pid_file_path = {shown}/spool/exim.pid\nqueue_only = true\ntls_advertise_hosts = *\n\
         tls_certificate = {shown}/peer.pem\ntls_privatekey = {shown}/peer.key\n\
         acl_smtp_rcpt = acl_rcpt\nkeep_environment =\nhost_lookup =\n\
         begin acl\nacl_rcpt:\n  deny message = log in first\n       !authenticated = *\n  accept\n\
         begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  \
         server_prompts = :\n  \
         server_condition = ${{if and{{{{eq{{$auth2}}{{am}}}}{{eq{{$auth3}}{{s3cret}}}}}}}}\n  \
         server_set_id = $auth2\n  server_advertise_condition = ${{if def:tls_in_cipher}}\n"
    );
    run(path, &format!("chown -R Debian-exim {shown}"));
    // Exim trusts only a configuration that root owns.
    std::fs::write(path.join("exim.conf"), text).unwrap();
    let child = Command::new("/usr/sbin/exim4")
        .args(["-bdf", "-C"])
        .arg(path.join("exim.conf"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let exim = Exim { child, dir, port };
    wait_until("exim listens", || {
        std::net::TcpStream::connect(("127.0.0.1", exim.port)).map_err(|error| error.to_string())
    });
    exim
}

/// The mails in the spool: what they hold, header lines and body.
fn mails(exim: &Exim) -> Vec<String> {
    let mut mails = Vec::new();
    for entry in std::fs::read_dir(exim.dir.path().join("spool/input"))
        .into_iter()
        .flatten()
    {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix("-H") {
            let head = std::fs::read_to_string(&path).unwrap_or_default();
            let body = std::fs::read_to_string(format!("{stem}-D")).unwrap_or_default();
            mails.push(head + &body);
        }
    }
    mails
}

fn email(exim: &Exim, ca: &str, password: &str) -> String {
    let ca = exim.dir.path().join(ca);
    config(&format!(
        "email_configs: [{{to: 'Ops <ops@example.org>', from: pyro@example.org, \
         smarthost: 'localhost:{}', auth_username: am, auth_password: {password}, \
         tls_config: {{ca_file: '{}'}}}}]",
        exim.port,
        ca.display()
    ))
}

#[test]
fn mail_goes_over_tls_to_a_server_that_wants_a_login() {
    if !exim_can_run() {
        return;
    }
    let home = Home::new();
    let exim = start_exim();
    let server = start(&home, &email(&exim, "ca.pem", "s3cret"));
    fire(&server, &["Down"]);
    let mail = wait_until("a mail", || {
        let mails = mails(&exim);
        mails
            .first()
            .cloned()
            .ok_or_else(|| server.get("/api/v1/notifications").text())
    });
    for part in [
        "Subject: Firing: Down on shop (critical)",
        "To: Ops <ops@example.org>",
        "From: pyro@example.org",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "Down is wrong",
        "-tls_cipher",
        "-auth_id am",
    ] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    wait_until("it is in the history", || {
        let history = server.data("/api/v1/notifications");
        let row = &history["notifications"][0];
        if row["state"] == "sent" {
            Ok(())
        } else {
            Err(history.to_string())
        }
    });
}

/// What is shown of a mail that cannot be sent.
fn check_failure(ca: &str, password: &str, state: &str, part: &str) {
    if !exim_can_run() {
        return;
    }
    let home = Home::new();
    let exim = start_exim();
    run(
        exim.dir.path(),
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=no -keyout no.key -out stranger.pem",
    );
    let server = start(&home, &email(&exim, ca, password));
    fire(&server, &["Down"]);
    wait_until(part, || {
        let history = server.data("/api/v1/notifications");
        let row = &history["notifications"][0];
        let answer = row["answer"].as_str().unwrap_or_default();
        assert!(!answer.contains(password), "{answer}");
        let good = answer.contains(part) && row["state"] == state;
        if good {
            Ok(())
        } else {
            Err(history.to_string())
        }
    });
    assert!(mails(&exim).is_empty());
}

#[test]
fn a_wrong_password_is_shown_and_not_tried_for_ever() {
    check_failure("ca.pem", "wr0ng", "failed", "535");
}

#[test]
fn a_server_with_a_certificate_of_a_stranger_gets_no_password() {
    check_failure("stranger.pem", "s3cret", "waiting", "certificate");
}
