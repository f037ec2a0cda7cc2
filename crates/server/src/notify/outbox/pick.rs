//! What an integration sends next, and what became of it.
//!
//! Of each group only the oldest waiting message is looked at, so that its order is kept; of
//! those the one that failed least goes first, so that one that nobody can take does not hold up
//! the others.

use diagnosis::notify::queue::{STORM, Step, next_step};
use diagnosis::notify::{Notification, Told, worst_first};
use model::{Labels, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{FAILED, Outbox, OutboxError, SENDING, SENT, TOLD_MAX, WAITING, count};

/// What to do now.
#[derive(Debug)]
pub(in crate::notify) enum Next {
    Rest,
    WaitUntil(Timestamp),
    Send(Box<Outgoing>),
}

/// One message on its way. In the database its rows are marked.
#[derive(Debug)]
pub(in crate::notify) struct Outgoing {
    /// Of the row it is shown as.
    pub(in crate::notify) id: i64,
    pub(in crate::notify) notification: Notification,
    /// Whether it counts towards the storm limit.
    counted: bool,
}

/// Rows of which a storm's message takes its alerts.
const STORM_ROWS_MAX: i64 = 200;

impl Outbox {
    /// Chooses and marks what `integration` sends now.
    ///
    /// `keeps_incidents`: the receiver keeps an incident for each group, so the end of one it
    /// opened must reach it as such. Ends call nobody and do not count.
    pub(in crate::notify) fn next(
        &self,
        integration: &str,
        keeps_incidents: bool,
        now: Timestamp,
    ) -> Result<Next, OutboxError> {
        self.run(|db| {
            if keeps_incidents && let Some(end) = next_end(db, integration, now)? {
                return Ok(Next::Send(Box::new(end)));
            }
            let waiting: i64 = db.query_row(
                "SELECT count(*) FROM outbox WHERE integration = ?1 AND state = 0
                 AND (kind = 0 OR ?2 = 0)",
                params![integration, keeps_incidents],
                |row| row.get(0),
            )?;
            let sent = sent_times(db, integration)?;
            let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
            match next_step(&sent, waiting, now, STORM) {
                Step::Rest => Ok(Next::Rest),
                Step::WaitUntil(at) => Ok(Next::WaitUntil(at)),
                Step::SendOne => one(db, integration),
                Step::SendAll => all(db, integration, keeps_incidents, now),
            }
        })
    }

    /// It went well.
    pub(in crate::notify) fn sent(
        &self,
        outgoing: &Outgoing,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        self.finish(outgoing, SENT, answer, now)
    }

    /// The receiver will never take it.
    pub(in crate::notify) fn failed(
        &self,
        outgoing: &Outgoing,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        self.finish(outgoing, FAILED, answer, now)
    }

    fn finish(
        &self,
        outgoing: &Outgoing,
        state: i64,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let counted = outgoing.counted && state == SENT;
        self.run(|db| {
            db.execute(
                "UPDATE outbox SET state = ?2, finished_at = ?3, answer = ?4, counted = ?5,
                 attempts = attempts + 1 WHERE id = ?1",
                params![outgoing.id, state, now.as_millis(), answer, counted],
            )?;
            db.execute(
                "UPDATE outbox SET state = ?2, finished_at = ?3, answer = ?4
                 WHERE sent_with = ?1 AND state = ?5",
                params![outgoing.id, state, now.as_millis(), answer, SENDING],
            )?;
            Ok(())
        })
    }

    /// It may go well later.
    pub(in crate::notify) fn put_back(
        &self,
        outgoing: &Outgoing,
        answer: &str,
    ) -> Result<(), OutboxError> {
        self.run(|db| {
            db.execute(
                "UPDATE outbox SET state = ?2, attempts = attempts + 1, answer = ?3 WHERE id = ?1",
                params![outgoing.id, WAITING, answer],
            )?;
            db.execute(
                "UPDATE outbox SET state = ?2, sent_with = NULL
                 WHERE sent_with = ?1 AND state = ?3",
                params![outgoing.id, WAITING, SENDING],
            )?;
            Ok(())
        })
    }
}

/// When the newest messages that count were sent, oldest first.
fn sent_times(db: &Transaction<'_>, integration: &str) -> Result<Vec<Timestamp>, rusqlite::Error> {
    let mut select = db.prepare_cached(
        "SELECT finished_at FROM outbox WHERE integration = ?1 AND state = 2 AND counted = 1
         ORDER BY id DESC LIMIT ?2",
    )?;
    let rows = select.query_map(params![integration, count(STORM.messages_max)], |row| {
        row.get(0).map(Timestamp::from_millis)
    })?;
    let mut times: Vec<Timestamp> = rows.collect::<Result<_, _>>()?;
    times.sort();
    Ok(times)
}

/// The oldest message of each group, the one that failed least first.
const HEADS: &str = "SELECT id, notification FROM outbox WHERE id IN
    (SELECT min(id) FROM outbox WHERE integration = ?1 AND state = 0 GROUP BY group_key)";

fn one(db: &Transaction<'_>, integration: &str) -> Result<Next, rusqlite::Error> {
    let mut select = db.prepare_cached(&format!("{HEADS} ORDER BY attempts, id LIMIT 1"))?;
    let found = select.query_row([integration], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    });
    let Some((id, text)) = found.optional()? else {
        return Ok(Next::Rest);
    };
    mark(db, id, &text, true)
}

fn mark(db: &Transaction<'_>, id: i64, text: &str, counted: bool) -> Result<Next, rusqlite::Error> {
    let Some(notification) = Notification::from_json(text) else {
        let damaged = "UPDATE outbox SET state = 3, answer = 'the row is damaged' WHERE id = ?1";
        db.execute(damaged, [id])?;
        return Ok(Next::WaitUntil(Timestamp::MIN));
    };
    db.execute("UPDATE outbox SET state = ?2 WHERE id = ?1", [id, SENDING])?;
    Ok(Next::Send(Box::new(Outgoing {
        id,
        notification,
        counted,
    })))
}

/// The end of a group that is next in its group's order.
///
/// A group that was told in a storm has no incident of its own: its end only counts there, and
/// the last one ends the storm's.
fn next_end(
    db: &Transaction<'_>,
    integration: &str,
    now: Timestamp,
) -> Result<Option<Outgoing>, rusqlite::Error> {
    loop {
        let mut select = db.prepare_cached(&format!(
            "{HEADS} AND kind = 1 ORDER BY attempts, id LIMIT 1"
        ))?;
        let found = select.query_row([integration], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        });
        let Some((id, text)) = found.optional()? else {
            return Ok(None);
        };
        let outgoing = match mark(db, id, &text, false)? {
            Next::Send(outgoing) => *outgoing,
            Next::Rest | Next::WaitUntil(_) => continue,
        };
        let group = &outgoing.notification.group_key;
        let mut select = db.prepare_cached(
            "DELETE FROM storms WHERE integration = ?1 AND group_key = ?2 RETURNING storm_key",
        )?;
        let storm: Option<String> = select
            .query_row(params![integration, group], |row| row.get(0))
            .optional()?;
        let Some(storm) = storm else {
            return Ok(Some(outgoing));
        };
        let left: i64 = db.query_row(
            "SELECT count(*) FROM storms WHERE integration = ?1 AND storm_key = ?2",
            params![integration, storm],
            |row| row.get(0),
        )?;
        if left == 0 {
            let mut outgoing = outgoing;
            outgoing.notification.group_key = storm;
            // A retry must find the changed key.
            let update = "UPDATE outbox SET notification = ?2, group_key = ?3 WHERE id = ?1";
            let notification = &outgoing.notification;
            db.execute(
                update,
                params![id, notification.to_json(), notification.group_key],
            )?;
            return Ok(Some(outgoing));
        }
        db.execute(
            "UPDATE outbox SET state = 2, finished_at = ?2, answer = ?3 WHERE id = ?1",
            params![
                id,
                now.as_millis(),
                format!("part of a storm with {left} groups left")
            ],
        )?;
    }
}

/// All that waits as one message.
fn all(
    db: &Transaction<'_>,
    integration: &str,
    keeps_incidents: bool,
    now: Timestamp,
) -> Result<Next, rusqlite::Error> {
    let only = "integration = ?1 AND state = 0 AND (kind = 0 OR ?2 = 0)";
    let (head, firing, resolved): (i64, i64, i64) = db.query_row(
        &format!(
            "SELECT min(id), sum(CASE kind WHEN 0 THEN firing ELSE 0 END),
             sum(CASE kind WHEN 1 THEN resolved ELSE 0 END) FROM outbox WHERE {only}"
        ),
        params![integration, keeps_incidents],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut select = db.prepare_cached(&format!(
        "SELECT notification FROM outbox WHERE {only} ORDER BY kind, severity DESC, id LIMIT ?3"
    ))?;
    let rows = select.query_map(
        params![integration, keeps_incidents, STORM_ROWS_MAX],
        |row| row.get::<_, String>(0),
    )?;
    let texts: Vec<String> = rows.collect::<Result<_, _>>()?;
    let parts = texts
        .iter()
        .filter_map(|text| Notification::from_json(text));
    let parts: Vec<Notification> = parts.collect();
    let receiver = parts
        .first()
        .map_or(String::new(), |part| part.receiver.clone());
    let key = format!("storm:{integration}:{head}");
    let worst = newest_of_each(parts);
    let counts = (
        usize::try_from(firing).unwrap_or(0),
        usize::try_from(resolved).unwrap_or(0),
    );
    let storm = Notification::storm(&receiver, worst, counts, &key, now);
    if keeps_incidents {
        db.execute(
            &format!(
                "INSERT OR REPLACE INTO storms (integration, group_key, storm_key)
                 SELECT integration, group_key, ?3 FROM outbox WHERE {only}"
            ),
            params![integration, keeps_incidents, key],
        )?;
    }
    db.execute(
        &format!("UPDATE outbox SET state = 1, sent_with = ?3 WHERE {only} AND id != ?3"),
        params![integration, keeps_incidents, head],
    )?;
    db.execute("UPDATE outbox SET state = 1 WHERE id = ?1", [head])?;
    Ok(Next::Send(Box::new(Outgoing {
        id: head,
        notification: storm,
        counted: true,
    })))
}

/// Of an alert that stands in several messages only the newest word counts.
fn newest_of_each(mut parts: Vec<Notification>) -> Vec<Told> {
    parts.sort_by_key(|part| part.at);
    let mut newest: std::collections::HashMap<Labels, Told> = std::collections::HashMap::new();
    for told in parts.into_iter().flat_map(|part| part.alerts) {
        newest.insert(told.labels.clone(), told);
    }
    let mut worst: Vec<Told> = newest.into_values().collect();
    worst_first(&mut worst);
    worst.truncate(TOLD_MAX);
    worst
}
