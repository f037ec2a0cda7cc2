//! What was sent when to whom and why, and how each receiver does.

use diagnosis::notify::Severity;
use diagnosis::notify::{Notification, queue::Kind};
use model::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::{Outbox, OutboxError};

/// One message of the history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryRow {
    pub(crate) id: i64,
    pub(crate) integration: String,
    pub(crate) group_key: String,
    /// `waiting`, `sending`, `sent` or `failed`.
    pub(crate) state: &'static str,
    pub(crate) severity: Severity,
    pub(crate) firing: i64,
    pub(crate) resolved: i64,
    /// Why it was sent: `new`, `repeat`, …
    pub(crate) reason: String,
    pub(crate) title: String,
    pub(crate) attempts: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// The message it went out with, when many became one.
    pub(crate) sent_with: Option<i64>,
    /// The receiver's answer to the last attempt.
    pub(crate) answer: String,
}

/// How one integration does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct IntegrationHealth {
    pub(crate) waiting: i64,
    pub(crate) oldest_waiting: Option<Timestamp>,
    pub(crate) last_sent: Option<Timestamp>,
    /// When a message was given up last, and the receiver's answer to it.
    pub(crate) last_failed: Option<(Timestamp, String)>,
    /// The answer to the last attempt of what waits.
    pub(crate) last_answer: Option<String>,
}

impl Outbox {
    /// The newest messages first; `before` is the id that the last page ended with.
    pub(crate) fn history(
        &self,
        integration: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, OutboxError> {
        self.run(|db| {
            let mut select = db.prepare_cached(
                "SELECT id, integration, group_key, state, severity, firing, resolved, reason,
                 title, attempts, created_at, finished_at, sent_with, answer FROM outbox
                 WHERE (?1 IS NULL OR integration = ?1 OR substr(integration, 1, length(?1) + 1)
                 = ?1 || '/') AND id < ?2 ORDER BY id DESC LIMIT ?3",
            )?;
            let limit = super::count(limit);
            let before = before.unwrap_or(i64::MAX);
            let rows = select.query_map(params![integration, before, limit], |row| {
                Ok(HistoryRow {
                    id: row.get(0)?,
                    integration: row.get(1)?,
                    group_key: row.get(2)?,
                    state: match row.get::<_, i64>(3)? {
                        0 => "waiting",
                        1 => "sending",
                        2 => "sent",
                        _ => "failed",
                    },
                    severity: Severity::of_rank(u8::try_from(row.get::<_, i64>(4)?).unwrap_or(0)),
                    firing: row.get(5)?,
                    resolved: row.get(6)?,
                    reason: row.get(7)?,
                    title: row.get(8)?,
                    attempts: row.get(9)?,
                    created_at: Timestamp::from_millis(row.get(10)?),
                    finished_at: row.get::<_, Option<i64>>(11)?.map(Timestamp::from_millis),
                    sent_with: row.get(12)?,
                    answer: row.get(13)?,
                })
            })?;
            rows.collect()
        })
    }

    pub(crate) fn health(&self, integration: &str) -> Result<IntegrationHealth, OutboxError> {
        self.run(|db| {
            let (waiting, oldest): (i64, Option<i64>) = db.query_row(
                "SELECT count(*), min(created_at) FROM outbox
                 WHERE integration = ?1 AND state IN (0, 1)",
                [integration],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let last_sent: Option<i64> = db.query_row(
                "SELECT max(finished_at) FROM outbox WHERE integration = ?1 AND state = 2",
                [integration],
                |row| row.get(0),
            )?;
            let failed: Option<(i64, String)> = db
                .query_row(
                    "SELECT finished_at, answer FROM outbox WHERE integration = ?1 AND state = 3
                     AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1",
                    [integration],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let last_answer = db
                .query_row(
                    "SELECT answer FROM outbox WHERE integration = ?1 AND state IN (0, 1)
                     AND attempts > 0 ORDER BY id LIMIT 1",
                    [integration],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(IntegrationHealth {
                waiting,
                oldest_waiting: oldest.map(Timestamp::from_millis),
                last_sent: last_sent.map(Timestamp::from_millis),
                last_failed: failed.map(|(at, answer)| (Timestamp::from_millis(at), answer)),
                last_answer,
            })
        })
    }

    /// Notes a test that was sent at once.
    pub(crate) fn put_test(
        &self,
        integration: &str,
        notification: &Notification,
        outcome: &Result<String, String>,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let (state, answer) = match outcome {
            Ok(answer) => (super::SENT, answer),
            Err(answer) => (super::FAILED, answer),
        };
        self.run(|db| {
            super::insert(db, integration, notification, Kind::Firing, now)?;
            db.execute(
                "UPDATE outbox SET state = ?1, finished_at = ?2, answer = ?3, attempts = 1
                 WHERE id = last_insert_rowid()",
                params![state, now.as_millis(), answer],
            )?;
            Ok(())
        })
    }
}
