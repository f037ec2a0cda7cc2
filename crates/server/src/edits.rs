//! What people changed by the API: mappings of metrics and overrides of packs, in one file of the
//! data folder. Format: docs/formats/edits.md.
//!
//! INVARIANT: what is answered as saved is on disk; the file is replaced as a whole.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use diagnosis::kpi::mapping::{Mapping, read_mapping_json};
use diagnosis::pack::{Overrides, Pack};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::read_file;

/// The format of docs/formats/edits.md.
const EDITS_VERSION: u32 = 1;

/// Entries of each kind; as many as a file of them may have.
const ENTRIES_MAX: usize = 500;

/// Remarks on who changed what that are kept, the newest.
const AUDIT_MAX: usize = 1_000;

/// Bytes of what somebody is called, or of a reason.
const TEXT_MAX: usize = 200;

/// What kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditKind {
    Mapping,
    Override,
}

/// One entry, as it was sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Edit {
    pub(crate) id: u64,
    /// Who made it as it is now.
    pub(crate) by: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) at: i64,
    pub(crate) fields: Value,
}

/// Who changed what, and when.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct AuditLine {
    pub(crate) at: i64,
    pub(crate) by: String,
    pub(crate) what: String,
}

/// The file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Edited {
    version: u32,
    next_id: u64,
    pub(crate) mappings: Vec<Edit>,
    pub(crate) overrides: Vec<Edit>,
    pub(crate) audit: Vec<AuditLine>,
}

/// Why an edit is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// With everything that is wrong with it.
    #[error("{0}")]
    Invalid(String),
    #[error("there is no entry {0}; somebody may have deleted it")]
    Unknown(u64),
    #[error("there are {ENTRIES_MAX} already; delete some, or keep them in a file")]
    Full,
    #[error("cannot save to {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// All edits, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Edits {
    path: PathBuf,
    edited: Mutex<Arc<Edited>>,
}

impl Edits {
    /// Reads the file; a damaged one is kept beside it and told. Blocks.
    pub(crate) fn open(path: PathBuf) -> (Self, Option<String>) {
        let empty = Edited {
            version: EDITS_VERSION,
            next_id: 1,
            ..Edited::default()
        };
        let (edited, problem) = match read_file(&path) {
            Ok(text) => match serde_json::from_str::<Edited>(&text) {
                Ok(edited) if edited.version == EDITS_VERSION => (edited, None),
                Ok(edited) => (
                    empty,
                    Some(set_aside(&path, &format!("version {}", edited.version))),
                ),
                Err(error) => (empty, Some(set_aside(&path, &error.to_string()))),
            },
            Err(_) if !path.exists() => (empty, None),
            Err(error) => (empty, Some(set_aside(&path, &error.to_string()))),
        };
        let edited = Mutex::new(Arc::new(edited));
        (Self { path, edited }, problem)
    }

    pub(crate) fn all(&self) -> Arc<Edited> {
        Arc::clone(&self.edited.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes an entry, or changes the one with `id`. Blocks until it is on disk.
    pub(crate) fn put(
        &self,
        kind: EditKind,
        id: Option<u64>,
        fields: Value,
        by: &str,
        now: Timestamp,
        packs: &[Pack],
    ) -> Result<Edit, EditError> {
        let by = who(by)?;
        check(kind, &fields, packs)?;
        self.change(|edited| {
            let next = edited.next_id;
            let entries = edited.entries(kind);
            let edit = Edit {
                id: id.unwrap_or(next),
                by: by.clone(),
                at: now.as_millis(),
                fields,
            };
            match id {
                Some(id) => {
                    let known = entries.iter_mut().find(|entry| entry.id == id);
                    *known.ok_or(EditError::Unknown(id))? = edit.clone();
                }
                None if entries.len() >= ENTRIES_MAX => return Err(EditError::Full),
                None => entries.push(edit.clone()),
            }
            edited.next_id = next.max(edit.id + 1);
            let verb = if id.is_some() { "changed" } else { "made" };
            edited.note(
                now,
                &by,
                format!("{verb} {} {}: {}", kind.name(), edit.id, edit.fields),
            );
            Ok(edit)
        })
    }

    /// Takes an entry out. Blocks until that is on disk.
    pub(crate) fn delete(
        &self,
        kind: EditKind,
        id: u64,
        by: &str,
        now: Timestamp,
    ) -> Result<(), EditError> {
        let by = who(by)?;
        self.change(|edited| {
            let entries = edited.entries(kind);
            let place = entries.iter().position(|entry| entry.id == id);
            let gone = entries.remove(place.ok_or(EditError::Unknown(id))?);
            edited.note(
                now,
                &by,
                format!("deleted {} {id}: {}", kind.name(), gone.fields),
            );
            Ok(())
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Edited) -> Result<T, EditError>,
    ) -> Result<T, EditError> {
        let mut edited = self.edited.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Edited::clone(&edited);
        let made = change(&mut next)?;
        // On disk before anybody sees it.
        save(&self.path, &next).map_err(|source| EditError::Io {
            path: self.path.clone(),
            source,
        })?;
        *edited = Arc::new(next);
        Ok(made)
    }
}

impl Edited {
    fn entries(&mut self, kind: EditKind) -> &mut Vec<Edit> {
        match kind {
            EditKind::Mapping => &mut self.mappings,
            EditKind::Override => &mut self.overrides,
        }
    }

    fn note(&mut self, now: Timestamp, by: &str, what: String) {
        tracing::info!(by, what, "a setting was changed");
        let surplus = (self.audit.len() + 1).saturating_sub(AUDIT_MAX);
        self.audit.drain(..surplus);
        self.audit.push(AuditLine {
            at: now.as_millis(),
            by: by.to_owned(),
            what,
        });
    }

    /// The mappings that can be read; each was when it was made.
    pub(crate) fn mappings(&self) -> Vec<Mapping> {
        let entries = self.mappings.iter();
        entries
            .filter_map(|entry| read_mapping_json(&entry.fields).ok())
            .collect()
    }

    /// As a file of overrides; empty if there are none.
    pub(crate) fn overrides_text(&self) -> String {
        let entries: Vec<&Value> = self.overrides.iter().map(|entry| &entry.fields).collect();
        match entries.is_empty() {
            true => String::new(),
            // JSON is YAML.
            false => serde_json::json!({ "overrides": entries }).to_string(),
        }
    }
}

impl EditKind {
    fn name(self) -> &'static str {
        match self {
            Self::Mapping => "mapping",
            Self::Override => "override",
        }
    }
}

fn who(by: &str) -> Result<String, EditError> {
    let by = by.trim();
    if by.is_empty() || by.len() > TEXT_MAX || by.chars().any(char::is_control) {
        let text = format!("by must say who you are, in at most {TEXT_MAX} letters");
        return Err(EditError::Invalid(text));
    }
    Ok(by.to_owned())
}

fn check(kind: EditKind, fields: &Value, packs: &[Pack]) -> Result<(), EditError> {
    let problems: Vec<String> = match kind {
        EditKind::Mapping => match read_mapping_json(fields) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(|p| p.mistake.to_string()).collect(),
        },
        EditKind::Override => {
            let text = serde_json::json!({ "overrides": [fields] }).to_string();
            let (_, problems) = Overrides::read(&text, packs);
            problems.iter().map(|p| p.mistake.to_string()).collect()
        }
    };
    match problems.is_empty() {
        true => Ok(()),
        false => Err(EditError::Invalid(problems.join("; "))),
    }
}

fn save(path: &Path, edited: &Edited) -> std::io::Result<()> {
    let bytes = serde_json::to_vec_pretty(edited)?;
    let fresh = path.with_extension("json.new");
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

/// Keeps a file that cannot be read, so that the next save does not lose it.
fn set_aside(path: &Path, reason: &str) -> String {
    let kept = path.with_extension("json.bad");
    let shown = path.display();
    match std::fs::rename(path, &kept) {
        Ok(()) => format!(
            "cannot use {shown} ({reason}); it is kept as {}",
            kept.display()
        ),
        Err(error) => format!("cannot use {shown} ({reason}), nor move it aside: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::{PackSources, load_packs};

    fn now() -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }

    fn good_mapping() -> Value {
        json!({ "entity": { "type": "service", "label": "service" }, "kpi": "resource",
            "resource": "cart", "metric": "cart_value" })
    }

    fn good_override() -> Value {
        json!({ "pack": "flask", "where": { "job": "shop" }, "off": true, "alert": "Nothing" })
    }

    fn packs() -> Vec<Pack> {
        load_packs(&PackSources::default(), "").packs
    }

    fn alert_of(packs: &[Pack]) -> String {
        let flask = packs.iter().find(|pack| pack.id == "flask").unwrap();
        let mut rules = flask.groups.iter().flat_map(|group| &group.rules);
        rules
            .find(|rule| rule.alerting().is_some())
            .unwrap()
            .name()
            .to_owned()
    }

    #[test]
    fn what_was_saved_is_there_after_a_restart_and_who_did_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edits.json");
        let packs = packs();
        let (edits, problem) = Edits::open(path.clone());
        assert_eq!(problem, None);
        let made = edits.put(
            EditKind::Mapping,
            None,
            good_mapping(),
            "ada",
            now(),
            &packs,
        );
        let made = made.unwrap();
        let mut tuned = good_override();
        tuned["alert"] = json!(alert_of(&packs));
        edits
            .put(EditKind::Override, None, tuned, "bob", now(), &packs)
            .unwrap();
        let mut changed = good_mapping();
        changed["resource"] = json!("cart_value");
        edits
            .put(
                EditKind::Mapping,
                Some(made.id),
                changed.clone(),
                "eve",
                now(),
                &packs,
            )
            .unwrap();

        let (again, problem) = Edits::open(path);
        assert_eq!(problem, None);
        let all = again.all();
        assert_eq!(all.mappings[0].fields, changed);
        assert_eq!(all.mappings().len(), 1);
        assert!(
            all.overrides_text().contains("\"where\""),
            "{}",
            all.overrides_text()
        );
        let who: Vec<&str> = all.audit.iter().map(|line| line.by.as_str()).collect();
        assert_eq!(who, ["ada", "bob", "eve"]);
        again
            .delete(EditKind::Mapping, made.id, "eve", now())
            .unwrap();
        assert!(again.all().mappings.is_empty());
        let gone = again.delete(EditKind::Mapping, made.id, "eve", now());
        assert!(matches!(gone, Err(EditError::Unknown(_))));
        let next = again.put(
            EditKind::Mapping,
            None,
            good_mapping(),
            "ada",
            now(),
            &packs,
        );
        assert!(next.unwrap().id > made.id, "an id is never used twice");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_every_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (edits, _) = Edits::open(folder.path().join("edits.json"));
        let packs = packs();
        let check = |kind, fields: Value, by: &str, expected: &str| {
            let refused = edits
                .put(kind, None, fields, by, now(), &packs)
                .unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        };
        check(
            EditKind::Mapping,
            json!({}),
            "ada",
            "needs the field \"kpi\"",
        );
        check(
            EditKind::Mapping,
            json!([1]),
            "ada",
            "must be a set of fields",
        );
        check(EditKind::Mapping, good_mapping(), "  ", "who you are");
        check(EditKind::Mapping, good_mapping(), "a\nb", "who you are");
        check(
            EditKind::Mapping,
            good_mapping(),
            &"x".repeat(201),
            "who you are",
        );
        check(
            EditKind::Override,
            json!({ "pack": "no" }),
            "ada",
            "the pack \"no\"",
        );
        check(EditKind::Override, json!(null), "ada", "a set of fields");
        check(EditKind::Override, good_override(), "ada", "the alert");
        assert_eq!(
            *edits.all(),
            *Edits::open(folder.path().join("none")).0.all()
        );
    }

    #[test]
    fn a_damaged_file_is_kept_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edits.json");
        for text in ["{", "{\"version\":7}", "[]", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            let (edits, problem) = Edits::open(path.clone());
            assert!(problem.unwrap().contains("edits.json.bad"), "{text}");
            assert!(edits.all().mappings.is_empty());
            let kept = std::fs::read_to_string(folder.path().join("edits.json.bad"));
            assert_eq!(kept.unwrap(), text);
        }
    }
}
