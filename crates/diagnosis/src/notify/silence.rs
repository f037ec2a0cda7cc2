//! Silences: what a person knows about and does not want to hear of again, for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Labels, Matcher, Timestamp};

use super::matcher::{MATCHERS_MAX, matches_all};

/// One silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// A UUID.
    pub id: String,
    pub matchers: Vec<Matcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub updated_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// Where a silence stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    Active,
    Pending,
    Expired,
}

/// What somebody asks for: a new silence, or another shape of one that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceWish {
    /// Of the silence to change.
    pub id: Option<String>,
    pub matchers: Vec<Matcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// Why there is no such silence. Who asked for it mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    #[error("there is no silence {0:?}")]
    NotFound(String),
    #[error("a silence needs at least one matcher")]
    NoMatchers,
    #[error("at least one matcher must not match the empty string, or everything is silenced")]
    MatchesAll,
    #[error("a silence has at most {MATCHERS_MAX} matchers")]
    TooManyMatchers,
    #[error("the matcher of a silence needs a label name")]
    EmptyName,
    #[error("endsAt must be after startsAt")]
    EndsBeforeStart,
    #[error("endsAt is in the past")]
    EndsInPast,
    #[error("comment and creator have {bytes} bytes, more than the limit of {SILENCE_BYTES_MAX}")]
    TooLong { bytes: usize },
    #[error("{SILENCES_MAX} silences are there already; expire some")]
    TooMany,
}

/// As Alertmanager keeps what is over, to be looked at and made again.
pub(super) const SILENCE_RETENTION: Duration = Duration::from_secs(5 * 24 * 3600);

/// Silences at once. Ten people making one a minute for a day make fewer.
const SILENCES_MAX: usize = 20_000;

/// Bytes of a comment and a creator.
const SILENCE_BYTES_MAX: usize = 64 << 10;

impl Silence {
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }
}

impl SilenceState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// All silences, by id.
#[derive(Clone, Debug, Default)]
pub struct Silences(BTreeMap<String, Silence>);

impl Silences {
    pub fn new(silences: impl IntoIterator<Item = Silence>) -> Self {
        let by_id = silences
            .into_iter()
            .map(|silence| (silence.id.clone(), silence));
        Self(by_id.collect())
    }

    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.0.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.0.values()
    }

    /// The active silences that match, by id.
    pub fn silencing<'a>(
        &'a self,
        labels: &'a Labels,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Silence> {
        self.iter().filter(move |silence| {
            silence.state(now) == SilenceState::Active && matches_all(&silence.matchers, labels)
        })
    }

    /// What changes when a wish comes true: the silences to store, the one that was asked for
    /// last. `new_id` names it if it is a new one.
    ///
    /// A silence goes on under its id when it only ends at another time, or has not begun yet;
    /// with other matchers it is a new one, and the old one ends.
    pub fn wish(
        &self,
        wish: SilenceWish,
        new_id: &str,
        now: Timestamp,
    ) -> Result<Vec<Silence>, SilenceError> {
        check(&wish, now)?;
        let old = match &wish.id {
            None => None,
            Some(id) => match self.0.get(id) {
                Some(old) => Some(old),
                None => return Err(SilenceError::NotFound(id.clone())),
            },
        };
        let goes_on = old.is_some_and(|old| can_go_on(old, &wish, now));
        if !goes_on && self.0.len() >= SILENCES_MAX {
            return Err(SilenceError::TooMany);
        }
        let mut changed = Vec::new();
        if !goes_on && let Some(old) = old {
            changed.extend(expired(old, now));
        }
        let (id, starts_at) = match old.filter(|_| goes_on) {
            Some(old) => (old.id.clone(), wish.starts_at),
            None => (new_id.to_owned(), wish.starts_at.max(now)),
        };
        changed.push(Silence {
            id,
            matchers: wish.matchers,
            starts_at,
            ends_at: wish.ends_at,
            updated_at: now,
            created_by: wish.created_by,
            comment: wish.comment,
        });
        Ok(changed)
    }

    /// The silence as it is when it is ended now; `None` when it is over already.
    pub fn expire(&self, id: &str, now: Timestamp) -> Result<Option<Silence>, SilenceError> {
        match self.0.get(id) {
            Some(silence) => Ok(expired(silence, now)),
            None => Err(SilenceError::NotFound(id.to_owned())),
        }
    }

    /// Takes over what was stored.
    pub fn put(&mut self, silence: Silence) {
        self.0.insert(silence.id.clone(), silence);
    }

    /// Forgets what has been over for long; gives the ids.
    pub fn forget_old(&mut self, now: Timestamp) -> Vec<String> {
        let old = |silence: &Silence| silence.ends_at.plus(SILENCE_RETENTION) <= now;
        let ids: Vec<String> = self
            .iter()
            .filter(|s| old(s))
            .map(|s| s.id.clone())
            .collect();
        self.0.retain(|_, silence| !old(silence));
        ids
    }

    /// Whether no active silence ends or begins between two moments: then what is silenced
    /// changes only with the alerts.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self
            .iter()
            .flat_map(|silence| [silence.starts_at, silence.ends_at]);
        ends.filter(|&at| at > now).min()
    }
}

fn expired(silence: &Silence, now: Timestamp) -> Option<Silence> {
    let mut ended = silence.clone();
    ended.updated_at = now;
    ended.ends_at = now;
    match silence.state(now) {
        SilenceState::Expired => None,
        SilenceState::Active => Some(ended),
        SilenceState::Pending => {
            ended.starts_at = now;
            Some(ended)
        }
    }
}

fn can_go_on(old: &Silence, wish: &SilenceWish, now: Timestamp) -> bool {
    old.matchers == wish.matchers
        && match old.state(now) {
            SilenceState::Active => wish.starts_at == old.starts_at && wish.ends_at >= now,
            SilenceState::Pending => wish.starts_at >= now,
            SilenceState::Expired => false,
        }
}

fn check(wish: &SilenceWish, now: Timestamp) -> Result<(), SilenceError> {
    let bytes = wish.comment.len() + wish.created_by.len();
    if wish.matchers.is_empty() {
        Err(SilenceError::NoMatchers)
    } else if wish.matchers.len() > MATCHERS_MAX {
        Err(SilenceError::TooManyMatchers)
    } else if wish
        .matchers
        .iter()
        .any(|matcher| matcher.name().is_empty())
    {
        Err(SilenceError::EmptyName)
    } else if wish.matchers.iter().all(Matcher::matches_empty) {
        Err(SilenceError::MatchesAll)
    } else if wish.ends_at <= wish.starts_at {
        Err(SilenceError::EndsBeforeStart)
    } else if wish.ends_at <= now {
        Err(SilenceError::EndsInPast)
    } else if bytes > SILENCE_BYTES_MAX {
        Err(SilenceError::TooLong { bytes })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{parse_matchers, show_matchers};

    const NOW: i64 = 1_000_000;

    fn wish(id: Option<&str>, matchers: &str, from: i64, to: i64) -> SilenceWish {
        SilenceWish {
            id: id.map(str::to_owned),
            matchers: parse_matchers(matchers).unwrap(),
            starts_at: Timestamp::from_millis(from),
            ends_at: Timestamp::from_millis(to),
            created_by: "ann".into(),
            comment: "known".into(),
        }
    }

    fn now(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// One silence `old` from `from` to `to`, and what a wish makes of it at [`NOW`].
    fn check(old: (i64, i64), wished: SilenceWish, expected: &str) {
        let first = Silences::default().wish(wish(None, "a=b", old.0, old.1), "old", now(0));
        let silences = Silences::new(first.unwrap());
        let shown = match silences.wish(wished, "new", now(NOW)) {
            Err(error) => error.to_string(),
            Ok(changed) => {
                let show = |s: &Silence| {
                    let times = (s.starts_at.as_millis(), s.ends_at.as_millis());
                    let matchers = show_matchers(&s.matchers);
                    format!("{} {matchers} {} {}", s.id, times.0, times.1)
                };
                changed.iter().map(show).collect::<Vec<_>>().join("; ")
            }
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_active_silence_is_extended_under_its_id() {
        let longer = wish(Some("old"), "a=b", 10, 3_000_000);
        check((10, 2_000_000), longer, "old {a=\"b\"} 10 3000000");
    }

    #[test]
    fn other_matchers_make_a_new_silence_and_end_the_old_one() {
        let other = wish(Some("old"), "a=c", 10, 3_000_000);
        let both = "old {a=\"b\"} 10 1000000; new {a=\"c\"} 1000000 3000000";
        check((10, 2_000_000), other, both);
    }

    #[test]
    fn a_pending_silence_may_move_and_an_expired_one_is_made_anew() {
        let later = wish(Some("old"), "a=b", 1_500_000, 3_000_000);
        check(
            (1_200_000, 2_000_000),
            later,
            "old {a=\"b\"} 1500000 3000000",
        );
        let again = wish(Some("old"), "a=b", 10, 3_000_000);
        check((10, 500_000), again, "new {a=\"b\"} 1000000 3000000");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let old = (10, 2_000_000);
        check(
            old,
            wish(Some("x"), "a=b", 1, 2_000_000),
            "there is no silence \"x\"",
        );
        check(
            old,
            wish(None, "", 1, 2_000_000),
            "a silence needs at least one matcher",
        );
        check(
            old,
            wish(None, "a=b", 5, 5),
            "endsAt must be after startsAt",
        );
        check(old, wish(None, "a=b", 5, 500), "endsAt is in the past");
        let all = "at least one matcher must not match the empty string, or everything is silenced";
        check(old, wish(None, "a=~\".*\",b!=c", 1, 2_000_000), all);
    }

    #[test]
    fn a_silence_is_pending_active_and_expired_in_turn() {
        let wished = wish(None, "a=b", 100, 200);
        let made = Silences::default().wish(wished, "s", now(0)).unwrap();
        let mut silences = Silences::new(made);
        let state = |silences: &Silences, at: i64| silences.get("s").unwrap().state(now(at)).name();
        for (at, expected) in [
            (99, "pending"),
            (100, "active"),
            (199, "active"),
            (200, "expired"),
        ] {
            assert_eq!(state(&silences, at), expected, "{at}");
        }
        let labels = Labels::new([("a", "b")]).unwrap();
        assert_eq!(silences.silencing(&labels, now(150)).count(), 1);
        assert_eq!(silences.silencing(&labels, now(99)).count(), 0);
        assert_eq!(silences.silencing(&Labels::empty(), now(150)).count(), 0);
        let ended = silences.expire("s", now(50)).unwrap().unwrap();
        assert_eq!((ended.starts_at, ended.ends_at), (now(50), now(50)));
        assert_eq!(silences.expire("s", now(300)), Ok(None));
        let retention = i64::try_from(SILENCE_RETENTION.as_millis()).unwrap();
        assert!(silences.forget_old(now(199 + retention)).is_empty());
        assert_eq!(silences.forget_old(now(200 + retention)), ["s"]);
        assert!(silences.expire("s", now(300)).is_err());
    }
}
