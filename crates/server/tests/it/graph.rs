//! The entity graph through the real binary: from a scrape to the API, over a restart, and what
//! is said of bad questions and bad files.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Exposed, Home, Server, encode, output_of, stderr_of, wait_until};

const MODEL: &str = "
entities:
  - type: team
    name: [team]
    defined_by: [{ query: 'count by (team) (work{team!=\"\"})', value: works }]
relations:
  - type: calls
    address: [peer]
    from: { type: service, name: [job] }
    to: { type: external, name: [address], resolve: true }
    rate: 'sum by (job, peer) (rate(calls_total[$w]))'
  - type: part_of
    from: { type: service, name: [job] }
    to: { type: team, name: [team] }
    defined_by: 'work'
";

fn entities(graph: &Value) -> Vec<&str> {
    let entities = graph["entities"].as_array().unwrap().iter();
    let mut ids: Vec<&str> = entities.map(|e| e["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn relations(graph: &Value) -> Vec<String> {
    let relations = graph["relations"].as_array().unwrap().iter();
    let mut shown: Vec<String> = relations
        .map(|r| {
            let word = |name: &str| r[name].as_str().unwrap().to_owned();
            format!("{} {} {}", word("from"), word("type"), word("to"))
        })
        .collect();
    shown.sort_unstable();
    shown
}

/// Waits for a graph with a relation.
fn graph_with(server: &Server, relation: &str) -> Value {
    wait_until(relation, || {
        let graph = server.data("/api/v1/graph");
        let found = relations(&graph);
        if found.iter().any(|line| line == relation) {
            Ok(graph)
        } else {
            Err(format!("{found:?}"))
        }
    })
}

fn start(home: &Home, exposed: &Exposed, model: &str) -> Server {
    let config = home.write("prometheus.yml", &exposed.config(""));
    let model = home.write("model.yml", model);
    let (config, model) = (config.to_str().unwrap(), model.to_str().unwrap());
    home.start(&["--config", config, "--model", model])
}

fn body(peer: &str) -> String {
    format!("work{{team=\"core\"}} 1\ncalls_total{{peer=\"{peer}\"}} 5\n")
}

#[test]
fn what_is_scraped_becomes_a_graph_that_survives_a_restart() {
    let home = Home::new();
    let exposed = Exposed::text(&body("api.example:443"));
    let server = start(&home, &exposed, MODEL);
    let edge = "service/t calls external/api.example:443";
    let graph = graph_with(&server, edge);
    let instance = format!("instance/{}{{job=\"t\"}}", exposed.address);
    assert!(entities(&graph).contains(&instance.as_str()), "{graph}");
    assert!(entities(&graph).contains(&"team/core"), "{graph}");
    let calls = graph["relations"].as_array().unwrap().iter();
    let calls: Vec<&Value> = calls.filter(|r| r["type"] == "calls").collect();
    assert_eq!(calls[0]["rate"], 0.0, "{graph}");
    let series = server.query("pyrometer:relation{relation=\"calls\"}");
    assert_eq!(series.len(), 1, "{series:?}");

    let near = server.data("/api/v1/graph?focus=team/core&hops=1");
    assert_eq!(entities(&near), ["service/t", "team/core"]);
    let external = server.data("/api/v1/graph?kinds=external,team");
    assert_eq!(
        entities(&external),
        ["external/api.example:443", "team/core"]
    );
    let found = server.data(&format!(
        "/api/v1/entities?search={}",
        encode("services connected to team/core")
    ));
    assert_eq!(entities(&found), ["service/t"]);
    let understood = json!(["the type is service", "connected to team/core"]);
    assert_eq!(found["search"]["understood"], understood);
    let entity = server.data("/api/v1/entity?type=team&name=core");
    assert_eq!(entity["entity"]["properties"]["works"], "1");
    assert_eq!(relations(&entity), ["service/t part_of team/core"]);
    let why = entity["why"][0]["rule"].as_str().unwrap();
    assert!(why.ends_with("model.yml line 5"), "{why}");

    let at = encode(graph["time"].as_str().unwrap());
    server.kill();
    let server = home.start_with("scrape_configs: []");
    let past = server.data(&format!("/api/v1/graph?time={at}"));
    assert_eq!(entities(&past), entities(&graph));
    assert_eq!(relations(&past), relations(&graph));
    graph_with(&server, edge);
    let before = server.data("/api/v1/graph?time=1000");
    assert_eq!(entities(&before), Vec::<&str>::new());
}

#[test]
fn bad_questions_are_told_so() {
    let home = Home::new();
    let exposed = Exposed::text(&body("10.1.2.3:80"));
    let server = start(&home, &exposed, MODEL);
    graph_with(&server, "service/t calls external/10.1.2.3:80");
    for (path, status, part) in [
        ("/api/v1/graph?focus=service/none", 404, "no entity"),
        ("/api/v1/graph?hops=11", 400, "0 to 10"),
        ("/api/v1/graph?hops=-1", 400, "0 to 10"),
        ("/api/v1/graph?time=soon", 400, "timestamp"),
        ("/api/v1/graph?limit=x", 400, "limit"),
        ("/api/v1/entity?type=service", 400, "\"name\" is missing"),
        ("/api/v1/entity?type=service&name=t&job=x", 404, "no entity"),
        ("/api/v1/entity?type=team&name=core&a=1&a=2", 400, "twice"),
        ("/api/v1/entity?type=%00&name=%ff%22%7b", 404, "no entity"),
    ] {
        let answer = server.get(path);
        let json = answer.json();
        assert_eq!(answer.status, status, "{path} {json}");
        assert!(json["error"].as_str().unwrap().contains(part), "{json}");
    }
    for search in [
        "%22",
        "memory%20%3E",
        "%F0%9F%92%A5%3D%3D%3D",
        "a".repeat(5000).as_str(),
    ] {
        let found = server.get(&format!("/api/v1/entities?search={search}"));
        assert_eq!(found.status, 200, "{search}");
    }
    let few = server.data("/api/v1/graph?limit=1");
    assert_eq!((entities(&few).len(), &few["truncated"]), (1, &json!(true)));
}

fn pyrometer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pyrometer"));
    command.args(args);
    command
}

#[test]
fn the_doctor_says_what_is_missing_and_leaves_with_a_code() {
    let home = Home::new();
    let exposed = Exposed::text(&body("10.1.2.3:80"));
    let model = format!(
        "{MODEL}  - type: calls
    from: {{ type: service, name: [job] }}
    to: {{ type: service, name: [callee] }}
    defined_by: 'work'
  - type: calls
    from: {{ type: service, name: [job] }}
    to: {{ type: service, name: [job] }}
    defined_by: 'no_such_metric'
"
    );
    let server = start(&home, &exposed, &model);
    graph_with(&server, "service/t calls external/10.1.2.3:80");
    let doctor = |more: &[&str]| {
        let url = server.url();
        let args = [&["doctor", "--server", url.as_str()], more].concat();
        let output = output_of(&mut pyrometer(&args));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = doctor(&[]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "missing external/10.1.2.3:80\n",
        "looked for an instance on up, or an entity with the property address, at 10.1.2.3:80\n",
        "looked for the label callee on work\n",
        "found      1 of 1 series lack it\n",
        "looked for no_such_metric\n",
        "found      no series\n",
    ] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    let (_, json) = doctor(&["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data"]["well"], false);
    assert!(doctor(&["--all"]).1.contains("good 1 team\n"));
    let nobody = output_of(&mut pyrometer(&[
        "doctor",
        "--server",
        "http://127.0.0.1:1",
    ]));
    assert_eq!(nobody.status.code(), Some(2), "{}", stderr_of(&nobody));
}

#[test]
fn a_model_file_is_checked_before_it_runs() {
    let home = Home::new();
    let good = home.write("good.yml", MODEL);
    let bad = home.write(
        "bad.yml",
        "entities:\n- type: Big\n  name: [x]\nrelation: []\n",
    );
    let missing = home.path("none.yml");
    for (path, code, part) in [
        (&good, 0, "1 rule of entities, 2 rules of relations"),
        (&bad, 1, "line 2: \"type\" is \"Big\""),
        (&missing, 2, "cannot read"),
    ] {
        let output = output_of(&mut pyrometer(&["check", "model", path.to_str().unwrap()]));
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr_of(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(part), "{text}");
    }
}
