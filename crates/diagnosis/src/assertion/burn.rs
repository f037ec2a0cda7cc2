//! How fast an error budget burns, over two windows at once.

use std::collections::VecDeque;

use model::Timestamp;

/// The longest window, minutes.
const KEPT: i64 = 360;

/// One pair of windows, minutes, and the burn rate that is too fast for both (SRE Workbook: 2 % of
/// a month's budget in an hour, 5 % in six).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    pub(super) long: i64,
    pub(super) short: i64,
    pub(super) factor: f64,
}

pub(super) const FAST: Pace = Pace {
    long: 60,
    short: 5,
    factor: 14.4,
};
pub(super) const SLOW: Pace = Pace {
    long: 360,
    short: 30,
    factor: 6.0,
};

/// Good and bad by the minute. Nothing is kept until something was bad.
#[derive(Clone, Debug, Default)]
pub(super) struct Burn {
    /// Minute, all, bad; oldest first.
    minutes: VecDeque<(i64, f32, f32)>,
    last: Option<Timestamp>,
}

/// What a pair of windows shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Burning {
    /// The share that was bad in the long window and in the short one.
    pub(super) long: f64,
    pub(super) short: f64,
    /// How many were bad in the long one.
    pub(super) bad: f64,
}

impl Burn {
    /// `rate` per second and how much of it is bad; they stand for the time since the last call.
    pub(super) fn push(&mut self, at: Timestamp, rate: f64, bad: f64) {
        let seconds = self
            .last
            .map_or(0.0, |last| at.since(last).as_secs_f64().min(300.0));
        self.last = Some(at);
        if self.minutes.is_empty() && bad <= 0.0 {
            return;
        }
        let minute = at.as_millis().div_euclid(60_000);
        let (all, bad) = ((rate * seconds) as f32, (rate * bad * seconds) as f32);
        match self.minutes.back_mut() {
            Some((newest, sum, sum_bad)) if *newest == minute => {
                *sum += all;
                *sum_bad += bad;
            }
            _ => self.minutes.push_back((minute, all, bad)),
        }
        while self
            .minutes
            .front()
            .is_some_and(|(oldest, ..)| *oldest <= minute - KEPT)
        {
            self.minutes.pop_front();
        }
        if self.minutes.iter().all(|(_, _, bad)| *bad <= 0.0) {
            self.minutes.clear();
        }
    }

    /// `usual_rate`: what came in the minutes before anything was bad, which are not kept.
    pub(super) fn over(&self, at: Timestamp, pace: Pace, usual_rate: f64) -> Burning {
        let minute = at.as_millis().div_euclid(60_000);
        let share = |window: i64| {
            let within = self
                .minutes
                .iter()
                .rev()
                .take_while(|(then, ..)| *then > minute - window);
            let (mut all, mut bad, mut oldest) = (0.0, 0.0, minute + 1);
            for (then, sum, sum_bad) in within {
                all += f64::from(*sum);
                bad += f64::from(*sum_bad);
                oldest = *then;
            }
            let unseen = (oldest - (minute - window) - 1).max(0);
            let all = all + unseen as f64 * 60.0 * usual_rate;
            (if all > 0.0 { bad / all } else { 0.0 }, bad)
        };
        let ((long, bad), (short, _)) = (share(pace.long), share(pace.short));
        Burning { long, short, bad }
    }
}
