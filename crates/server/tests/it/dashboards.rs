//! Dashboards of others, through the real binary.

use serde_json::{Value, json};

use crate::harness::{Answer, Exposed, Home, Server, output_of, request, stderr_of};

const IMPORT: &str = "/api/v1/dashboards";

fn send(server: &Server, method: &str, path: &str, kind: &str, body: &str) -> Answer {
    let headers = [("Content-Type", kind)];
    request(server.address, method, path, &headers, body)
}

fn dashboard() -> Value {
    json!({
        "uid": "shop", "title": "Shop",
        "templating": {"list": [
            {"name": "ds", "type": "datasource", "query": "prometheus"},
            {"name": "x", "type": "query", "query": "label_values(a, x)", "regex": "/^(v.*)/",
                "includeAll": true, "multi": true, "current": {"value": "$__all"}},
        ]},
        "panels": [
            {"type": "stat", "title": "A of $x", "repeat": "x", "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4},
                "targets": [{"expr": "a{x=~\"$x\"}", "legendFormat": "{{x}}", "instant": true}]},
            {"type": "logs", "title": "L", "targets": [{"expr": "{}"}]},
        ],
    })
}

#[test]
fn a_dashboard_is_imported_shown_with_its_variables_and_removed() {
    let home = Home::new();
    let exposed = Exposed::text("a{x=\"v1\"} 1\na{x=\"v2\"} 2\na{x=\"w\"} 3\n");
    let server = home.start_with(&exposed.config(""));
    server.wait_for_value("count(a)", "3");
    assert_eq!(server.data(IMPORT), json!([]));

    let answer = send(
        &server,
        "POST",
        IMPORT,
        "application/json",
        &dashboard().to_string(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let imported = answer.json()["data"].clone();
    assert_eq!(imported["replaced"], false);
    assert_eq!(imported["report"]["panels"], 2);
    assert_eq!(imported["report"]["shown"], 1);
    assert_eq!(imported["report"]["left_out"][0]["name"], "L");
    assert_eq!(server.data(IMPORT)[0]["uid"], "shop");

    let shown = server.data("/api/v1/dashboards/shop");
    let options: Vec<&str> = shown["variables"][0]["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|option| option["value"].as_str().unwrap())
        .collect();
    assert_eq!(options, ["v1", "v2"]);
    let panels = |shown: &Value| -> Vec<(String, String)> {
        let panels = shown["rows"][0]["panels"].as_array().unwrap().iter();
        panels
            .map(|panel| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&panel["title"]), text(&panel["queries"][0]["expr"]))
            })
            .collect()
    };
    let both = [("A of v1", "a{x=~\"v1\"}"), ("A of v2", "a{x=~\"v2\"}")];
    assert_eq!(
        panels(&shown),
        both.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let picked = server.data("/api/v1/dashboards/shop?var-x=v2");
    assert_eq!(
        panels(&picked),
        [("A of v2".to_owned(), "a{x=~\"v2\"}".to_owned())]
    );
    assert_eq!(server.query("a{x=~\"v2\"}")[0].1, "2");

    let removed = send(&server, "DELETE", "/api/v1/dashboards/shop", "", "");
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_eq!(server.get("/api/v1/dashboards/shop").status, 404);
}

#[test]
fn what_is_no_dashboard_is_refused_and_nothing_is_kept() {
    let home = Home::new();
    let server = home.start(&[]);
    let good = dashboard().to_string();
    let long = format!("{{\"panels\": [], \"title\": \"{}\"}}", "x".repeat(5 << 20));
    for (kind, body, status, part) in [
        ("application/json", "{", 400, "this is no JSON"),
        (
            "application/json",
            "[]",
            400,
            "an object with `panels` or `rows`",
        ),
        // A page of another origin cannot send the right type unasked.
        ("text/plain", &good, 400, "Content-Type: application/json"),
        ("application/json", &long, 413, ""),
    ] {
        let answer = send(&server, "POST", IMPORT, kind, body);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(part), "{}", answer.text());
    }
    for path in [
        "/api/v1/dashboards/..%2f..%2fetc",
        "/api/v1/dashboards/none",
    ] {
        assert!([400, 404].contains(&server.get(path).status), "{path}");
    }
    assert_eq!(server.data(IMPORT), json!([]));
}

#[test]
fn the_command_line_imports_and_checks_files() {
    let home = Home::new();
    let server = home.start(&[]);
    let file = home.write("shop.json", &dashboard().to_string());
    let broken = home.write("broken.json", "[]");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pyrometer"));
        output_of(command.args(arguments).args([&file, &broken]))
    };
    for arguments in [
        &["check", "dashboards"][..],
        &["import", "--server", &server.url()],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stderr_of(&output));
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            printed.contains("1 of 2 panels with the same queries"),
            "{printed}"
        );
        assert!(printed.contains("panel \"L\" is left out"), "{printed}");
        assert!(stderr_of(&output).contains("broken.json: the JSON holds a list"));
    }
    assert_eq!(server.data(IMPORT)[0]["uid"], "shop");
}

#[test]
fn packs_are_exported_as_files_and_by_the_api() {
    let home = Home::new();
    let server = home.start(&[]);
    let folder = home.path("exported");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pyrometer"));
    let output = output_of(
        command
            .args(["export", "packs"])
            .arg(&folder)
            .args(["--pack", "flask"]),
    );
    assert!(output.status.success(), "{}", stderr_of(&output));
    for format in ["grafana", "perses"] {
        let written = folder.join(format!("flask/{format}/overview.json"));
        let written = std::fs::read_to_string(written).unwrap();
        let path = format!("/api/v1/packs/flask/dashboards/overview?format={format}");
        assert_eq!(server.get(&path).text(), written);
    }
    assert!(folder.join("flask/alerts.yml").exists());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pyrometer"));
    let output = output_of(
        command
            .args(["export", "packs"])
            .arg(&folder)
            .args(["--pack", "nothing"]),
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr_of(&output).contains("there is no pack \"nothing\""));
    for path in ["flask/dashboards/none", "none/dashboards/overview"] {
        assert_eq!(server.get(&format!("/api/v1/packs/{path}")).status, 404);
    }
    let odd = server.get("/api/v1/packs/flask/dashboards/overview?format=odd");
    assert_eq!(odd.status, 400, "{}", odd.text());
}
