//! Debian's Alertmanager and its tool: amtool works against us, and we forward to the real one.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{config, fire, start};
use crate::harness::{Home, Server, output_of, request, stderr_of, wait_until};

/// Whether Debian's prometheus-alertmanager is here; CI must have it.
fn alertmanager_is_here() -> bool {
    for program in ["amtool", "prometheus-alertmanager"] {
        if let Err(error) = Command::new(program).arg("--version").output() {
            assert!(
                std::env::var_os("CI").is_none(),
                "{program} is needed in CI: {error}"
            );
            eprintln!("SKIPPED: {program} is not installed");
            return false;
        }
    }
    true
}

/// What amtool prints; it must go well.
fn amtool(server: &Server, args: &[&str]) -> String {
    let mut command = Command::new("amtool");
    let output = output_of(
        command
            .args(args)
            .arg("--alertmanager.url")
            .arg(server.url()),
    );
    assert!(
        output.status.success(),
        "amtool {args:?}: {}",
        stderr_of(&output)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn json(server: &Server, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.extend(["-o", "json"]);
    let printed = amtool(server, &args);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn amtool_works_against_us() {
    if !alertmanager_is_here() {
        return;
    }
    let home = Home::new();
    let server = start(
        &home,
        &config("webhook_configs: [{url: 'http://127.0.0.1:1/'}]"),
    );
    amtool(
        &server,
        &["alert", "add", "Down", "job=shop", "--annotation=summary=x"],
    );
    fire(&server, &["Slow"]);
    let alerts = json(&server, &["alert", "query"]);
    assert_eq!(alerts.as_array().unwrap().len(), 2, "{alerts}");
    let found = json(&server, &["alert", "query", "alertname=~Do.*"]);
    assert_eq!(found[0]["labels"]["job"], "shop", "{found}");
    let args = [
        "silence",
        "add",
        "alertname=Down",
        "-c",
        "known",
        "-a",
        "ann",
        "-d",
        "1h",
    ];
    let id = amtool(&server, &args);
    assert_eq!(id.len(), 36, "{id}");
    let silences = json(&server, &["silence", "query"]);
    assert_eq!(silences[0]["createdBy"], "ann", "{silences}");
    let left = json(&server, &["alert", "query"]);
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    let quiet = json(&server, &["alert", "query", "--silenced"]);
    assert_eq!(quiet[0]["status"]["silencedBy"][0], id.as_str(), "{quiet}");
    amtool(
        &server,
        &["silence", "update", &id, "-d", "2h", "-c", "longer"],
    );
    let silences = json(&server, &["silence", "query"]);
    assert_eq!(silences[0]["comment"], "longer", "{silences}");
    assert_eq!(
        silences[0]["id"],
        id.as_str(),
        "an extended silence keeps its id"
    );
    amtool(&server, &["silence", "expire", &id]);
    assert_eq!(
        json(&server, &["silence", "query"])
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let expired = json(&server, &["silence", "query", "--expired"]);
    assert_eq!(expired[0]["status"]["state"], "expired", "{expired}");
    assert!(amtool(&server, &["config", "show"]).contains("receiver: team"));
    let route = amtool(&server, &["cluster", "show"]);
    assert!(route.contains("disabled"), "{route}");
}

struct Alertmanager {
    child: Child,
    port: u16,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Alertmanager {
    fn start(home: &Home, port: u16) -> Self {
        let file = home.write("real.yml", "route: {receiver: x}\nreceivers: [{name: x}]\n");
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                home.path(&format!("am-{port}")).display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    /// Its alerts, once it answers.
    fn alerts(&self) -> Result<Value, String> {
        let address = ([127, 0, 0, 1], self.port).into();
        std::net::TcpStream::connect(address).map_err(|error| error.to_string())?;
        Ok(request(address, "GET", "/api/v2/alerts", &[], "").json())
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn a_rule_that_fires_reaches_every_alertmanager_also_one_that_comes_later() {
    if !alertmanager_is_here() {
        return;
    }
    let home = Home::new();
    let ports = [free_port(), free_port()];
    let first = Alertmanager::start(&home, ports[0]);
    home.write(
        "rules.yml",
        "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: Always\n    expr: vector(7)\n    \
         labels: {severity: info, secret: x}\n    annotations: {summary: 'v {{ $value }}'}\n",
    );
    let file = home.write(
        "prometheus.yml",
        &format!(
            "global: {{external_labels: {{site: here}}}}\nrule_files: [rules.yml]\nalerting:\n  \
             alert_relabel_configs: [{{action: labeldrop, regex: secret}}]\n  alertmanagers:\n  \
             - static_configs: [{{targets: ['127.0.0.1:{}', '127.0.0.1:{}']}}]\n",
            ports[0], ports[1]
        ),
    );
    let server = home.start(&["--no-packs", "--config", file.to_str().unwrap()]);
    let arrived = |alertmanager: &Alertmanager| {
        wait_until("the alert arrives", || {
            let alerts = alertmanager.alerts()?;
            let found = alerts.as_array().and_then(|alerts| alerts.first()).cloned();
            found.ok_or_else(|| server.get("/api/v1/notifications/receivers").text())
        })
    };
    let alert = arrived(&first);
    assert_eq!(alert["labels"]["alertname"], "Always");
    assert_eq!(alert["labels"]["site"], "here", "{alert}");
    assert!(alert["labels"]["secret"].is_null(), "{alert}");
    assert_eq!(alert["annotations"]["summary"], "v 7");
    assert!(
        alert["generatorURL"]
            .as_str()
            .unwrap()
            .starts_with(&server.url()),
        "{alert}"
    );
    // Four minutes ahead: what Prometheus says of a group with an interval below its resend delay.
    let minutes = |name: &str| {
        let text = alert[name].as_str().unwrap();
        let (hour, rest) = text[11..].split_once(':').unwrap();
        hour.parse::<i64>().unwrap() * 60 + rest[..2].parse::<i64>().unwrap()
    };
    let ahead = (minutes("endsAt") - minutes("updatedAt")).rem_euclid(24 * 60);
    assert!((3..=4).contains(&ahead), "{alert}");
    let late = Alertmanager::start(&home, ports[1]);
    assert_eq!(arrived(&late)["labels"]["alertname"], "Always");
    let health = server.data("/api/v1/notifications/receivers");
    assert!(
        health["alertmanagers"][1]["errors"].as_u64().unwrap() > 0,
        "{health}"
    );
}
