//! When a group is evaluated, and what its alerts make of a clock that jumps. Pure.
//!
//! A group's own time never steps back: scrapes do not either, so this is where the samples are.
//! Whatever the wall clock does, alerts count the time that went by; a jump moves what they know
//! of time along with it.

use std::time::{Duration, Instant};

use model::Timestamp;

/// Less is what a clock is corrected by while it runs, and matters to no alert.
const CLOCK_JUMP_MIN: Duration = Duration::from_secs(2);

/// The rounds of one group.
#[derive(Debug)]
pub(super) struct Schedule {
    wall: Timestamp,
    /// Goes on evenly while the machine is awake.
    even: Instant,
    /// By how much the group's time is ahead of the wall clock since that was set back.
    ahead_ms: i64,
    /// Jumps that the group has not been told of.
    jumped_ms: i64,
    evaluated_at: Option<Timestamp>,
}

/// One evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// The moment it stands for.
    pub(super) at: Timestamp,
    /// Since the one before; zero for the first.
    pub(super) gap: Duration,
    /// By how much the group's alerts must move before it.
    pub(super) shift_ms: i64,
    ahead_ms: i64,
}

impl Schedule {
    pub(super) fn new(wall: Timestamp, even: Instant) -> Self {
        Self {
            wall,
            even,
            ahead_ms: 0,
            jumped_ms: 0,
            evaluated_at: None,
        }
    }

    /// The evaluation that was planned for `due`, now that this time has come; `None` when the
    /// wall clock jumped meanwhile, so that the plan is worth nothing.
    pub(super) fn woke(&mut self, due: Timestamp, wall: Timestamp, even: Instant) -> Option<Round> {
        let went_by = even.saturating_duration_since(self.even).as_millis();
        let went_by = i64::try_from(went_by).unwrap_or(i64::MAX);
        let moved = wall.as_millis().saturating_sub(self.wall.as_millis());
        let jumped_ms = moved.saturating_sub(went_by);
        (self.wall, self.even) = (wall, even);
        if u128::from(jumped_ms.unsigned_abs()) >= CLOCK_JUMP_MIN.as_millis() {
            self.jumped_ms = self.jumped_ms.saturating_add(jumped_ms);
            return None;
        }
        let at = self
            .evaluated_at
            .map_or(due, |before| due.max(before.plus_millis(1)));
        let ahead_ms = at.as_millis().saturating_sub(due.as_millis());
        let shift_ms = self
            .jumped_ms
            .saturating_add(ahead_ms)
            .saturating_sub(self.ahead_ms);
        Some(Round {
            at,
            gap: self
                .evaluated_at
                .map_or(Duration::ZERO, |before| at.since(before)),
            shift_ms,
            ahead_ms,
        })
    }

    /// The evaluation takes place.
    pub(super) fn evaluated(&mut self, round: &Round) {
        self.evaluated_at = Some(round.at);
        self.ahead_ms = round.ahead_ms;
        self.jumped_ms = 0;
    }
}

/// The first moment after `now` at which something with this interval is due. Aligned to the
/// epoch, so that a restart changes nothing; shifted, so that not all groups are due at once.
pub(super) fn due_after(now: Timestamp, interval: Duration, shift: u64) -> Timestamp {
    let interval_ms = i64::try_from(interval.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let shift_ms = i64::try_from(shift % interval_ms.unsigned_abs()).unwrap_or(0);
    let past = (now.as_millis() - shift_ms).rem_euclid(interval_ms);
    now.plus_millis(interval_ms - past)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group of 15 s whose loop wakes at `even:wall` seconds; what each round is, as
    /// `at+gap>shift`, in seconds. `-`: the plan was dropped.
    fn check_rounds(script: &str, expected: &str) {
        let every = Duration::from_secs(15);
        let began = Instant::now();
        let at = |seconds: f64| Timestamp::from_secs_f64(seconds);
        let mut schedule = Schedule::new(at(0.0), began);
        let mut planned_at = at(0.0);
        let mut shown = Vec::new();
        for entry in script.split_whitespace() {
            let (even, wall) = entry.split_once(':').unwrap();
            let wall = at(wall.parse().unwrap());
            let even = began + Duration::from_secs_f64(even.parse().unwrap());
            let due = due_after(planned_at, every, 0);
            let round = schedule.woke(due, wall, even);
            shown.push(round.map_or("-".to_owned(), |round| {
                schedule.evaluated(&round);
                let shift = round.shift_ms as f64 / 1000.0;
                format!(
                    "{}+{}>{shift}",
                    round.at.as_secs_f64(),
                    round.gap.as_secs_f64()
                )
            }));
            planned_at = wall;
        }
        assert_eq!(shown.join(" "), expected, "{script}");
    }

    #[test]
    fn rounds_follow_each_other() {
        check_rounds("15:15 30:30.1 45.2:45.2", "15+0>0 30+15>0 45+15>0");
        // A late wake-up is no jump.
        check_rounds("15:15 39:39 45:45", "15+0>0 30+15>0 45+15>0");
    }

    #[test]
    fn a_jump_ahead_moves_the_alerts_along() {
        check_rounds("15:15 30:3630 45:3645", "15+0>0 - 3645+3630>3600");
    }

    #[test]
    fn after_a_jump_back_the_groups_time_waits_and_alerts_still_count() {
        check_rounds(
            "15:3615 30:3630 45:45 60:60 75:75",
            "- 3630+0>3600 - 3630.001+0.001>-29.999 3630.002+0.001>-14.999",
        );
    }
}
