//! How the server starts, refuses to start, and ends.

use std::process::Command;

use crate::harness::{Home, output_of, stderr_of};

/// Starts, expects code 2, and gives the complaint.
fn refusal(command: &mut Command) -> String {
    let output = output_of(command);
    assert_eq!(output.status.code(), Some(2), "{}", stderr_of(&output));
    stderr_of(&output)
}

fn check_refused(command: &mut Command, parts: &[&str]) {
    let complaint = refusal(command);
    for part in parts {
        assert!(complaint.contains(part), "{part:?} is not in: {complaint}");
    }
}

#[test]
fn up_says_what_it_uses_and_ends_on_sigterm() {
    let home = Home::new();
    let server = home.start(&[]);
    assert!(
        server.printed[0].contains("data (new)"),
        "{:?}",
        server.printed
    );
    assert_eq!(server.get("/-/ready").status, 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_taken_port_names_port_holder_and_flag() {
    let (first, second) = (Home::new(), Home::new());
    let server = first.start(&[]);
    let listen = server.address.to_string();
    let output = output_of(Command::new(env!("CARGO_BIN_EXE_pyrometer")).args([
        "up",
        "--listen",
        &listen,
        "--data-dir",
        second.path("data").to_str().unwrap(),
    ]));
    let complaint = stderr_of(&output);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    for part in [
        server.address.port().to_string(),
        format!("pid {}", server.pid()),
        "--listen".to_owned(),
    ] {
        assert!(complaint.contains(&part), "{part:?} is not in: {complaint}");
    }
    // Nothing was made on the way.
    assert!(!second.path("data").exists());
}

#[test]
fn a_second_server_on_the_same_folder_names_the_first() {
    let home = Home::new();
    let server = home.start(&[]);
    check_refused(
        &mut home.up(&[]),
        &["in use", &server.pid().to_string(), "data"],
    );
}

#[test]
fn a_data_folder_that_cannot_be_made_is_told_with_its_flag() {
    // Also the superuser, who may write anywhere, cannot make a folder below a file.
    let home = Home::new();
    home.write("data", "a file");
    check_refused(&mut home.up(&[]), &["data", "--data-dir"]);
}

#[test]
fn an_address_others_can_reach_needs_a_yes() {
    let home = Home::new();
    let data = home.path("data");
    let binary = || Command::new(env!("CARGO_BIN_EXE_pyrometer"));
    let data = data.to_str().unwrap();
    check_refused(
        binary().args(["up", "--listen", "0.0.0.0:0", "--data-dir", data]),
        &["0.0.0.0:0", "--insecure-no-auth"],
    );
}

#[test]
fn a_broken_configuration_is_told_with_lines() {
    let home = Home::new();
    let config = home.write(
        "p.yml",
        "scrape_configs:\n- job_name: a\n  scheme: gopher\n",
    );
    let config = config.to_str().unwrap();
    check_refused(&mut home.up(&["--config", config]), &["line 3", "gopher"]);
    check_refused(
        &mut home.up(&["--config", "/nowhere/p.yml"]),
        &["/nowhere/p.yml"],
    );
    let ignored = home.write("i.yml", "alerting: {}\n");
    let ignored = ignored.to_str().unwrap();
    check_refused(
        &mut home.up(&["--strict", "--config", ignored]),
        &["line 1", "alerting"],
    );
}

#[test]
fn check_finds_problems_in_configurations_and_rules() {
    let home = Home::new();
    let good_rules = "groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: sum(up)\n";
    home.write("good.rules", good_rules);
    let bad_rules = home.write(
        "bad.rules",
        "groups:\n- name: g\n  rules:\n  - record: a\n    expr: sum(\n",
    );
    let good = home.write("good.yml", "rule_files: ['*good.rules']\n");
    let bad = home.write("bad.yml", "scrape_confgs: []\n");
    let check = |what: &str, file: &std::path::Path| {
        let output = output_of(
            Command::new(env!("CARGO_BIN_EXE_pyrometer"))
                .args(["check", what])
                .arg(file),
        );
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, text) = check("config", &good);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("good.rules: 1 group, 1 rule"), "{text}");
    let (code, text) = check("config", &bad);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("line 1") && text.contains("scrape_configs"),
        "{text}"
    );
    let (code, text) = check("rules", &bad_rules);
    assert_eq!(code, Some(1));
    assert!(text.contains("line"), "{text}");
    assert_eq!(check("rules", &home.path("missing")).0, Some(2));
}

#[test]
fn check_tells_what_is_wrong_with_own_packs_and_overrides() {
    let home = Home::new();
    let packs = home.write("packs/.keep", "");
    let packs = packs.parent().expect("the folder of the file").to_owned();
    let overrides = home.write(
        "overrides.yml",
        "overrides:\n  - { pack: flask, alert: FlaskPathCardinality, off: true }\n",
    );
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pyrometer"));
        command.args(["check", "packs"]).arg(&packs);
        let output = output_of(command.arg("--overrides").arg(&overrides));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = check();
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("0 of yours") && text.contains("1 alert switched off"),
        "{text}"
    );
    home.write("packs/mine/pack.yaml", "id: mine\n");
    home.write(
        "overrides.yml",
        "overrides:\n  - { pack: nope, off: true }\n  - { pack: flask, alert: Nope, off: true }\n",
    );
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "mine: pack mine, pack.yaml, line 1: a pack needs the field \"detect\"",
        "overrides.yml, line 2: the pack \"nope\"",
        "overrides.yml, line 3: the alert \"Nope\"",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
