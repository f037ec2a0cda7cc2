//! What of an outbox goes out next: which waiting messages become one, when a receiver has heard
//! enough for now, and how long to wait after a failure.

use std::time::Duration;

use model::Timestamp;

/// What a waiting message is, for the rule below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Firing,
    Resolved,
}

/// What becomes of a new message of a group whose older ones still wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// It waits behind them.
    Append,
    /// It takes the place of the waiting message at this index and says what that one said too;
    /// those behind it are dropped.
    Into(usize),
}

/// Keeps at most three messages of a group waiting, however long its receiver is down, and never
/// drops one that says that something fires.
///
/// `waiting`, oldest first, holds none that is on its way. Receivers with incidents need the
/// order: an end that comes without its beginning opens nothing.
pub fn join(waiting: &[Kind], new: Kind) -> Join {
    match (waiting, new) {
        ([.., last], new) if *last == new => Join::Into(waiting.len() - 1),
        // It ended and fires again: the end between was never told and is not worth it.
        ([.., Kind::Firing, Kind::Resolved], Kind::Firing) => Join::Into(waiting.len() - 2),
        _ => Join::Append,
    }
}

/// How much one receiver is told.
#[derive(Clone, Copy, Debug)]
pub struct StormLimits {
    pub window: Duration,
    /// Messages within a window.
    pub messages_max: usize,
    /// Of those, how many go out at once; the others wait so that each can gather.
    pub prompt_max: usize,
    /// How long the first that waits gathers; the next ones wait three times as long.
    pub gather: Duration,
}

/// Five messages in five minutes are what a person can read while something burns.
pub const STORM: StormLimits = StormLimits {
    window: Duration::from_secs(5 * 60),
    messages_max: 5,
    prompt_max: 3,
    gather: Duration::from_secs(10),
};

/// What a receiver's sender does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing waits.
    Rest,
    WaitUntil(Timestamp),
    /// The oldest message.
    SendOne,
    /// All that waits, as one message about many groups.
    SendAll,
}

/// Decides by what was sent before. `sent` holds the times of the newest messages, oldest first;
/// of a clock that stepped back only what lies in the past counts.
pub fn next_step(sent: &[Timestamp], waiting: usize, now: Timestamp, limits: StormLimits) -> Step {
    if waiting == 0 {
        return Step::Rest;
    }
    let since = now.minus(limits.window);
    let recent: Vec<Timestamp> = sent
        .iter()
        .copied()
        .filter(|&at| since < at && at <= now)
        .collect();
    let left = limits.messages_max.saturating_sub(recent.len());
    let earliest = match recent.len() {
        n if n >= limits.messages_max => recent[n - limits.messages_max].plus(limits.window),
        n if n < limits.prompt_max => now,
        n => {
            let patience = 3_u32.saturating_pow(u32::try_from(n - limits.prompt_max).unwrap_or(9));
            recent[n - 1].plus(limits.gather.saturating_mul(patience))
        }
    };
    if now < earliest {
        Step::WaitUntil(earliest)
    } else if waiting > left || (waiting > 1 && recent.len() >= limits.prompt_max) {
        Step::SendAll
    } else {
        Step::SendOne
    }
}

/// How an attempt went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The receiver's answer, or why there was none.
    pub reason: String,
    pub kind: FailureKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It may go well later; not before this long, if the receiver said so.
    Passing(Option<Duration>),
    /// The receiver will never take this message.
    Lasting,
}

impl FailureKind {
    /// By an HTTP status: what the receiver calls our fault stays wrong, but for a timeout, a
    /// "too early" and a "too many".
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            408 | 425 | 429 => Self::Passing(retry_after),
            300..500 => Self::Lasting,
            _ => Self::Passing(retry_after),
        }
    }
}

/// After this long a message is given up and shown as failed: a receiver that was away for a
/// night and a day has been looked at by then.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(36 * 3600);

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(120);
/// A receiver that asks for more patience than this is asked again anyway.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// How long to wait after `failures` in a row. `jitter` from 0 to 1 keeps senders apart.
pub fn back_off(failures: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let doubled = BACK_OFF_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let wait = doubled.min(BACK_OFF_MAX);
    let wait = wait.mul_f64(0.75 + 0.25 * jitter.clamp(0.0, 1.0));
    wait.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `F` and `R` arrive while the receiver is down; what waits in the end.
    fn check(arriving: &str, expected: &str) {
        let mut waiting: Vec<Kind> = Vec::new();
        for letter in arriving.chars() {
            let kind = if letter == 'F' {
                Kind::Firing
            } else {
                Kind::Resolved
            };
            match join(&waiting, kind) {
                Join::Append => waiting.push(kind),
                Join::Into(index) => {
                    waiting.truncate(index + 1);
                    waiting[index] = kind;
                }
            }
        }
        let shown = waiting.iter().map(|kind| match kind {
            Kind::Firing => 'F',
            Kind::Resolved => 'R',
        });
        assert_eq!(shown.collect::<String>(), expected, "{arriving}");
    }

    #[test]
    fn a_flapping_group_keeps_three_messages_at_most_and_every_beginning() {
        check("F", "F");
        check("FR", "FR");
        check("FF", "F");
        check("FRF", "F");
        check("FRFR", "FR");
        check("R", "R");
        check("RF", "RF");
        check("RFRFRF", "RF");
        check("RFRFR", "RFR");
    }

    /// Simulates a receiver that takes all; `arrivals` are seconds. Gives when messages went out.
    fn storm(arrivals: &[u64], seconds: u64) -> Vec<u64> {
        let (mut sent, mut waiting, mut out) = (Vec::new(), 0, Vec::new());
        for second in 0..seconds {
            waiting += arrivals.iter().filter(|&&at| at == second).count();
            loop {
                let now = Timestamp::from_millis(i64::try_from(second * 1000).unwrap());
                match next_step(&sent, waiting, now, STORM) {
                    Step::Rest | Step::WaitUntil(_) => break,
                    Step::SendOne => waiting -= 1,
                    Step::SendAll => waiting = 0,
                }
                sent.push(now);
                out.push(second);
            }
        }
        assert_eq!(waiting, 0);
        out
    }

    #[test]
    fn few_messages_go_out_at_once() {
        assert_eq!(storm(&[0, 1, 2], 10), [0, 1, 2]);
        assert_eq!(storm(&[0, 400, 800, 1200], 1300), [0, 400, 800, 1200]);
    }

    #[test]
    fn a_storm_makes_at_most_five_messages_in_five_minutes() {
        let arrivals: Vec<u64> = (0..10_000).map(|n| n / 1000).collect();
        let sent = storm(&arrivals, 900);
        assert!(sent.len() <= 5, "{sent:?}");
        let slow: Vec<u64> = (0..900).collect();
        let sent = storm(&slow, 1300);
        for window in sent.windows(6) {
            assert!(window[5] - window[0] >= 300, "{sent:?}");
        }
    }

    #[test]
    fn back_off_doubles_up_to_two_minutes_and_heeds_the_receiver() {
        let seconds = |failures, retry_after: Option<u64>, jitter| {
            let retry_after = retry_after.map(Duration::from_secs);
            back_off(failures, retry_after, jitter).as_secs_f64()
        };
        assert_eq!(seconds(1, None, 1.0), 1.0);
        assert_eq!(seconds(1, None, 0.0), 0.75);
        assert_eq!(seconds(5, None, 1.0), 16.0);
        assert_eq!(seconds(u32::MAX, None, 1.0), 120.0);
        assert_eq!(seconds(1, Some(30), 0.5), 30.0);
        assert_eq!(seconds(1, Some(86_400), 0.5), 3600.0);
    }

    #[test]
    fn a_status_says_whether_to_try_again() {
        for (status, lasting) in [
            (301, true),
            (400, true),
            (404, true),
            (408, false),
            (429, false),
            (500, false),
            (503, false),
        ] {
            let kind = FailureKind::of_status(status, None);
            assert_eq!(kind == FailureKind::Lasting, lasting, "{status}");
        }
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_its_limit(
            arrivals in proptest::collection::vec(0_u64..1200, 0..80)
        ) {
            let sent = storm(&arrivals, 2400);
            for window in sent.windows(STORM.messages_max + 1) {
                prop_assert!(window[5] - window[0] >= 300, "{:?}", sent);
            }
        }
    }
}
