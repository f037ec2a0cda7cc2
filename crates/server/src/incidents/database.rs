//! Incidents on disk: one row each, as JSON. Format: docs/formats/incidents.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnosis::incident::Incident;
use model::Timestamp;
use rusqlite::{Connection, params};
use tracing::warn;

use super::record::{MemberJson, Record, members_json};

const VERSION: i64 = 1;

/// Incidents that are read at a start, the newest.
const KEPT_MAX: i64 = 1000;

#[derive(Debug)]
pub(super) struct Database {
    db: Connection,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    #[error("the database of incidents {path}")]
    Sqlite {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the database of incidents {path} is of version {version}, which is newer than this")]
    Newer { path: PathBuf, version: i64 },
}

impl Database {
    /// Opens or makes it, and reads what is there. A damaged file is put aside.
    pub(super) fn open(
        path: &Path,
        now: Timestamp,
    ) -> Result<(Self, Vec<(Incident, Record)>), DatabaseError> {
        let opened = Self::prepare(path).and_then(|db| {
            let kept = db.read()?;
            Ok((db, kept))
        });
        match opened {
            Err(DatabaseError::Sqlite { source, .. }) if is_damage(&source) => {
                let aside = path.with_extension(format!("damaged-{}", now.as_millis()));
                warn!(error = %source, moved_to = %aside.display(),
                    "the database of incidents is damaged and put aside");
                drop(std::fs::rename(path, &aside));
                Ok((Self::prepare(path)?, Vec::new()))
            }
            opened => opened,
        }
    }

    fn prepare(path: &Path) -> Result<Self, DatabaseError> {
        let failed = |source| DatabaseError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let db = Connection::open(path).map_err(failed)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;",
        )
        .map_err(failed)?;
        let version: i64 = db
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        if VERSION < version {
            return Err(DatabaseError::Newer {
                path: path.to_owned(),
                version,
            });
        }
        db.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS incidents (
                 id TEXT PRIMARY KEY, start INTEGER NOT NULL, opened INTEGER NOT NULL,
                 \"end\" INTEGER, gap INTEGER NOT NULL, merged TEXT NOT NULL,
                 members TEXT NOT NULL, record TEXT NOT NULL);
             CREATE INDEX IF NOT EXISTS incidents_by_start ON incidents (start);
             PRAGMA user_version = {VERSION};"
        ))
        .map_err(failed)?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    fn failed(&self, source: rusqlite::Error) -> DatabaseError {
        DatabaseError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }

    /// A row that cannot be read costs itself only.
    fn read(&self) -> Result<Vec<(Incident, Record)>, DatabaseError> {
        let mut statement = self
            .db
            .prepare(
                "SELECT id, start, opened, \"end\", gap, merged, members, record
                 FROM incidents ORDER BY start DESC LIMIT ?1",
            )
            .map_err(|error| self.failed(error))?;
        let rows = statement
            .query_map([KEPT_MAX], |row| {
                let merged: String = row.get(5)?;
                let members: String = row.get(6)?;
                let record: String = row.get(7)?;
                let members: Vec<MemberJson> = serde_json::from_str(&members).unwrap_or_default();
                let members: BTreeMap<_, _> = members
                    .into_iter()
                    .filter_map(MemberJson::assertion)
                    .map(|member| (member.key.clone(), member))
                    .collect();
                let end: Option<i64> = row.get(3)?;
                let incident = Incident {
                    id: row.get(0)?,
                    start: Timestamp::from_millis(row.get(1)?),
                    opened: Timestamp::from_millis(row.get(2)?),
                    end: end.map(Timestamp::from_millis),
                    members,
                    merged: serde_json::from_str(&merged).unwrap_or_default(),
                    is_monitoring_gap: row.get(4)?,
                    calm_since: None,
                };
                let record: Record = serde_json::from_str(&record).unwrap_or_default();
                Ok((incident, record))
            })
            .map_err(|error| self.failed(error))?;
        let mut kept = Vec::new();
        for row in rows {
            kept.push(row.map_err(|error| self.failed(error))?);
        }
        Ok(kept)
    }

    pub(super) fn put(&self, incident: &Incident, record: &Record) -> Result<(), DatabaseError> {
        // Texts, numbers and lists of them.
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        self.db
            .execute(
                "INSERT OR REPLACE INTO incidents
                 (id, start, opened, \"end\", gap, merged, members, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    incident.id,
                    incident.start.as_millis(),
                    incident.opened.as_millis(),
                    incident.end.map(Timestamp::as_millis),
                    incident.is_monitoring_gap,
                    json(serde_json::to_string(&incident.merged)),
                    json(serde_json::to_string(&members_json(incident))),
                    json(serde_json::to_string(record)),
                ],
            )
            .map(drop)
            .map_err(|error| self.failed(error))
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), DatabaseError> {
        self.db
            .execute("DELETE FROM incidents WHERE id = ?1", [id])
            .map(drop)
            .map_err(|error| self.failed(error))
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}
