//! `docs/library.md` lists every pack as it is. `UPDATE_GOLDEN=1` writes the list anew.

use std::path::Path;

use crate::fixture::{Proven, packs};

const HEAD: &str = "| --- | --- | --- | --- | --- | --- | --- | --- |\n";

fn row(proven: &Proven) -> String {
    let pack = &proven.pack;
    let rules = pack.groups.iter().flat_map(|group| &group.rules);
    let n_alerts = rules.filter(|rule| rule.alerting().is_some()).count();
    let rows = pack.dashboards.iter().flat_map(|dashboard| &dashboard.rows);
    let n_panels: usize = rows.map(|row| row.panels.len()).sum();
    let evidence = pack.detect.any.iter().chain(&pack.detect.all);
    let evidence: Vec<String> = evidence.map(|e| format!("`{}`", e.metric)).collect();
    format!(
        "| {} | `packs/{}` | {} | {} | {n_alerts} | {n_panels} | {} | {} |\n",
        pack.title,
        pack.id,
        pack.tier,
        pack.verified.name(),
        pack.parameters.len(),
        evidence.join(" or ")
    )
}

#[test]
fn the_list_of_the_library_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/library.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, table) = text.split_once(HEAD).unwrap();
    let (_, after) = table.split_once("\n\n").unwrap();
    let mut listed: Vec<&Proven> = packs().iter().collect();
    listed.sort_by_key(|proven| (proven.pack.tier, &proven.pack.id));
    let rows: String = listed.into_iter().map(row).collect();
    let expected = format!("{before}{HEAD}{rows}\n{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, expected, "UPDATE_GOLDEN=1 writes the list anew");
}
