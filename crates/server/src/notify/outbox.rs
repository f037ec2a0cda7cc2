//! What must survive a crash: alerts, silences, what was told, and what waits to be told.
//!
//! One SQLite file, `notifications.db` in the data folder (docs/formats/notifications.md). What a
//! caller was told is stored is on disk: SQLite syncs its log before a transaction returns. All
//! of this blocks; callers run it where blocking is allowed.

mod codec;
mod history;
mod pick;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diagnosis::notify::queue::{GIVE_UP_AFTER, Join, Kind, join};
use diagnosis::notify::{Alert, Due, Flushed, LogEntry, LogKey, Notification, Silence};
use model::{Fingerprint, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tracing::warn;

pub(crate) use self::history::{HistoryRow, IntegrationHealth};
pub(super) use self::pick::{Next, Outgoing};

/// Version of the tables (docs/formats/notifications.md).
const VERSION: i64 = 1;

/// Alerts that one row names; the rest is a number. No receiver shows more.
pub(super) const TOLD_MAX: usize = 500;

/// How long and how many finished messages are kept for the history.
const HISTORY_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const HISTORY_ROWS_MAX: i64 = 20_000;

const TABLES: &str = "
CREATE TABLE alerts (
    fingerprint INTEGER PRIMARY KEY,
    alert TEXT NOT NULL
) STRICT;
CREATE TABLE silences (
    id TEXT PRIMARY KEY,
    silence TEXT NOT NULL
) STRICT;
CREATE TABLE log (
    integration TEXT NOT NULL,
    group_key TEXT NOT NULL,
    firing BLOB NOT NULL,
    resolved BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (integration, group_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE storms (
    integration TEXT NOT NULL,
    group_key TEXT NOT NULL,
    storm_key TEXT NOT NULL,
    PRIMARY KEY (integration, group_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    integration TEXT NOT NULL,
    group_key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    firing INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    reason TEXT NOT NULL,
    title TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    counted INTEGER NOT NULL DEFAULT 0,
    sent_with INTEGER,
    answer TEXT NOT NULL DEFAULT '',
    notification TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_state ON outbox (integration, state, id);
CREATE INDEX outbox_group ON outbox (integration, group_key, state, id);
CREATE INDEX outbox_finished ON outbox (finished_at);
";

/// `outbox.state`.
const WAITING: i64 = 0;
const SENDING: i64 = 1;
const SENT: i64 = 2;
const FAILED: i64 = 3;

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboxError {
    #[error("cannot use {}", path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "{} was written by a newer version ({found}, this one writes {VERSION}); run that one",
        path.display()
    )]
    Newer { path: PathBuf, found: i64 },
}

/// The database. One connection: writes are short, and their order is what matters.
#[derive(Debug)]
pub(crate) struct Outbox {
    path: PathBuf,
    db: Mutex<Connection>,
}

/// What was there at the start.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) log: Vec<(LogKey, LogEntry)>,
    pub(crate) silences: Vec<Silence>,
    /// Rows that cannot be read; each costs itself only.
    pub(crate) damaged: usize,
    /// Where a file that is no database any more was put.
    pub(crate) moved_to: Option<PathBuf>,
}

impl Outbox {
    /// Opens or makes the file. One that is damaged as a whole is put aside, never deleted.
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<(Self, Stored), OutboxError> {
        let mut moved_to = None;
        let db = match prepare(path) {
            Ok(db) => db,
            Err(OutboxError::Database { source, .. }) if is_damage(&source) => {
                let aside = path.with_extension(format!("damaged-{}", now.as_millis()));
                warn!(error = %source, moved_to = %aside.display(),
                    "the notification database is damaged and put aside");
                drop(std::fs::rename(path, &aside));
                for suffix in ["-wal", "-shm"] {
                    let beside = |path: &Path| {
                        let mut name = path.as_os_str().to_owned();
                        name.push(suffix);
                        PathBuf::from(name)
                    };
                    drop(std::fs::rename(beside(path), beside(&aside)));
                }
                moved_to = Some(aside);
                prepare(path)?
            }
            Err(error) => return Err(error),
        };
        let outbox = Self {
            path: path.to_owned(),
            db: Mutex::new(db),
        };
        let mut stored = outbox.run(|db| {
            // What was on its way when we died may have arrived, or not.
            let sending = "UPDATE outbox SET state = ?1, sent_with = NULL WHERE state = ?2";
            db.execute(sending, [WAITING, SENDING])?;
            load(db)
        })?;
        stored.moved_to = moved_to;
        Ok((outbox, stored))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one transaction.
    fn run<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, OutboxError> {
        let mut db = self.lock();
        let result = db.transaction().and_then(|transaction| {
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        result.map_err(|source| OutboxError::Database {
            path: self.path.clone(),
            source,
        })
    }

    pub(crate) fn put_alerts<'a>(
        &self,
        alerts: impl Iterator<Item = &'a Alert>,
    ) -> Result<(), OutboxError> {
        self.run(|db| {
            let mut put = db.prepare_cached(
                "INSERT OR REPLACE INTO alerts (fingerprint, alert) VALUES (?1, ?2)",
            )?;
            for alert in alerts {
                put.execute(params![
                    row_of(alert.labels.fingerprint()),
                    codec::alert_text(alert)
                ])?;
            }
            Ok(())
        })
    }

    pub(crate) fn put_silences(&self, silences: &[Silence]) -> Result<(), OutboxError> {
        self.run(|db| {
            let put = "INSERT OR REPLACE INTO silences (id, silence) VALUES (?1, ?2)";
            for silence in silences {
                db.execute(put, params![silence.id, codec::silence_text(silence)])?;
            }
            Ok(())
        })
    }

    /// Stores what a flush decided, all or nothing: then it is told once, whatever happens next.
    /// Gives the integrations that have something new to send.
    pub(crate) fn put_flush(&self, flushed: &Flushed, now: Timestamp) -> Result<(), OutboxError> {
        self.run(|db| {
            for due in &flushed.due {
                put_due(db, due, now)?;
            }
            let mut put = db.prepare_cached(
                "INSERT OR REPLACE INTO log (integration, group_key, firing, resolved, at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (key, entry) in &flushed.log {
                put.execute(params![
                    key.integration,
                    key.group_key,
                    codec::prints_blob(&entry.firing),
                    codec::prints_blob(&entry.resolved),
                    entry.at.as_millis()
                ])?;
            }
            let mut forget = db.prepare_cached("DELETE FROM alerts WHERE fingerprint = ?1")?;
            for fingerprint in &flushed.forgotten {
                forget.execute([row_of(*fingerprint)])?;
            }
            Ok(())
        })
    }

    /// Forgets what is over for long, and gives up on what nobody can be told any more: rows of
    /// integrations that are not configured, and rows older than [`GIVE_UP_AFTER`].
    pub(crate) fn tidy(
        &self,
        silences: &[String],
        log: &[LogKey],
        integrations: &[String],
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        self.run(|db| {
            for id in silences {
                db.execute("DELETE FROM silences WHERE id = ?1", [id])?;
            }
            for key in log {
                let delete = "DELETE FROM log WHERE integration = ?1 AND group_key = ?2";
                db.execute(delete, params![key.integration, key.group_key])?;
            }
            let fail = "UPDATE outbox SET state = 3, finished_at = ?1, answer = ?2 WHERE state = 0";
            let known = serde_json::Value::from(integrations.to_vec()).to_string();
            let gone = "this receiver is not in the configuration any more";
            let unknown = " AND integration NOT IN (SELECT value FROM json_each(?3))";
            db.execute(
                &format!("{fail}{unknown}"),
                params![now.as_millis(), gone, known],
            )?;
            let old = format!("{fail} AND created_at < ?3");
            let given_up = "given up: it could not be delivered for 36 hours";
            let before = now.minus(GIVE_UP_AFTER).as_millis();
            db.execute(&old, params![now.as_millis(), given_up, before])?;
            let kept_from = now.minus(HISTORY_KEPT).as_millis();
            db.execute("DELETE FROM outbox WHERE finished_at < ?1", [kept_from])?;
            db.execute(
                "DELETE FROM outbox WHERE state >= 2 AND id <= (SELECT id FROM outbox
                 WHERE state >= 2 ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                [HISTORY_ROWS_MAX],
            )?;
            Ok(())
        })
    }
}

/// SQLite's integers have a sign.
fn row_of(fingerprint: Fingerprint) -> i64 {
    fingerprint.0.cast_signed()
}

fn kind_of(notification: &Notification) -> Kind {
    use diagnosis::notify::Reason;
    if notification.is_firing() || notification.reason == Reason::Missed {
        Kind::Firing
    } else {
        Kind::Resolved
    }
}

const fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Firing => 0,
        Kind::Resolved => 1,
    }
}

fn put_due(db: &Transaction<'_>, due: &Due, now: Timestamp) -> Result<(), rusqlite::Error> {
    let mut notification = due.notification.clone();
    let mut kind = kind_of(&notification);
    let mut waiting = db.prepare_cached(
        "SELECT id, kind, notification FROM outbox
         WHERE integration = ?1 AND group_key = ?2 AND state = 0 ORDER BY id",
    )?;
    let rows = waiting.query_map(params![due.integration, notification.group_key], |row| {
        let kind = if row.get::<_, i64>(1)? == 0 {
            Kind::Firing
        } else {
            Kind::Resolved
        };
        Ok((row.get::<_, i64>(0)?, kind, row.get::<_, String>(2)?))
    })?;
    let rows: Vec<(i64, Kind, String)> = rows.collect::<Result<_, _>>()?;
    let kinds: Vec<Kind> = rows.iter().map(|(_, kind, _)| *kind).collect();
    let mut joined = join(&kinds, kind);
    if !due.send {
        // An end that is not sent is only noted in the beginning that still waits.
        let Some(last) = rows.len().checked_sub(1) else {
            return Ok(());
        };
        joined = Join::Into(last);
        kind = rows[last].1;
    }
    match joined {
        Join::Append => insert(db, &due.integration, &notification, kind, now),
        Join::Into(index) => {
            if let Some(older) = Notification::from_json(&rows[index].2) {
                notification.absorb(&older, TOLD_MAX);
            }
            for (id, _, _) in &rows[index + 1..] {
                db.execute("DELETE FROM outbox WHERE id = ?1", [id])?;
            }
            let mut update = db.prepare_cached(
                "UPDATE outbox SET severity = ?2, firing = ?3, resolved = ?4, reason = ?5,
                 title = ?6, notification = ?7, created_at = ?8 WHERE id = ?1",
            )?;
            update.execute(params![
                rows[index].0,
                notification.severity().rank(),
                count(notification.firing),
                count(notification.resolved),
                notification.reason.name(),
                diagnosis::notify::message::title(&notification),
                notification.to_json(),
                now.as_millis(),
            ])?;
            Ok(())
        }
    }
}

fn insert(
    db: &Transaction<'_>,
    integration: &str,
    notification: &Notification,
    kind: Kind,
    now: Timestamp,
) -> Result<(), rusqlite::Error> {
    let mut insert = db.prepare_cached(
        "INSERT INTO outbox (integration, group_key, kind, state, severity, firing, resolved,
         reason, title, created_at, notification)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    insert.execute(params![
        integration,
        notification.group_key,
        kind_number(kind),
        notification.severity().rank(),
        count(notification.firing),
        count(notification.resolved),
        notification.reason.name(),
        diagnosis::notify::message::title(notification),
        now.as_millis(),
        notification.to_json(),
    ])?;
    Ok(())
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Opens the file and brings it to this version.
fn prepare(path: &Path) -> Result<Connection, OutboxError> {
    let failed = |source| OutboxError::Database {
        path: path.to_owned(),
        source,
    };
    let db = Connection::open(path).map_err(failed)?;
    // FULL: a silence that was answered for is on disk, also after a power cut.
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
         PRAGMA auto_vacuum = INCREMENTAL;",
    )
    .map_err(failed)?;
    let version: i64 = db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    if version > VERSION {
        return Err(OutboxError::Newer {
            path: path.to_owned(),
            found: version,
        });
    }
    if version == 0 {
        let make = format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
        db.execute_batch(&make).map_err(failed)?;
    }
    let check: Option<String> = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    match check.as_deref() {
        Some("ok") => Ok(db),
        _ => Err(failed(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            check,
        ))),
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

fn load(db: &Transaction<'_>) -> Result<Stored, rusqlite::Error> {
    let mut stored = Stored::default();
    let texts = |sql: &str| -> Result<Vec<String>, rusqlite::Error> {
        let mut select = db.prepare(sql)?;
        let rows = select.query_map([], |row| row.get(0))?;
        rows.collect()
    };
    for text in texts("SELECT alert FROM alerts")? {
        match codec::alert_of(&text) {
            Some(alert) => stored.alerts.push(alert),
            None => stored.damaged += 1,
        }
    }
    for text in texts("SELECT silence FROM silences")? {
        match codec::silence_of(&text) {
            Some(silence) => stored.silences.push(silence),
            None => stored.damaged += 1,
        }
    }
    let mut log = db.prepare("SELECT integration, group_key, firing, resolved, at FROM log")?;
    let rows = log.query_map([], |row| {
        let key = LogKey {
            integration: row.get(0)?,
            group_key: row.get(1)?,
        };
        let entry = LogEntry {
            firing: codec::prints_of(&row.get::<_, Vec<u8>>(2)?),
            resolved: codec::prints_of(&row.get::<_, Vec<u8>>(3)?),
            at: Timestamp::from_millis(row.get(4)?),
        };
        Ok((key, entry))
    })?;
    stored.log = rows.collect::<Result<_, _>>()?;
    Ok(stored)
}

#[cfg(test)]
mod tests;
