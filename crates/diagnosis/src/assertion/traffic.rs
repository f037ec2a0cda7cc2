//! Traffic loss: requests that stay away although there were some at this time before.
//!
//! A rule, not a band: nothing comes where something came yesterday and in the weeks before (or in
//! the last hour, of something younger than a day). How long it must stay away follows from how
//! many requests are missing and from the longest such silence that was ever normal.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use super::band::Band;

/// What is left may be this share of what usually comes.
const LEFT_MAX: f64 = 0.05;

/// So many requests do not stay away by chance: e⁻¹⁴ is one in a million.
const MISSED_MIN: f64 = 14.0;

/// Silences that were normal are kept for so many days, one for each.
const DAYS: usize = 14;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// In a loss so many times more requests are missing than in any silence that was normal.
const WORSE: f64 = 1.4;

/// Between two values lies a gap when their distance is this many usual ones.
const GAP_STEPS: i64 = 4;

/// Follows one request rate beside its [`Band`].
#[derive(Clone, Debug)]
pub struct TrafficWatch {
    /// Shorter silences are none.
    hold_ms: i64,
    last: Option<(i64, i64)>,
    silence: Option<Silence>,
    /// Day and the most that a normal silence of it missed, newest last.
    normal: VecDeque<(i64, f64)>,
}

/// Requests stay away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    pub since: Timestamp,
    /// Requests that should have come meanwhile, at least.
    pub missed: f64,
    /// What comes usually, per second, when it began.
    pub usual: f64,
    n: u32,
    is_loss: bool,
}

impl TrafficWatch {
    /// `hold`: of the band.
    pub fn new(hold: Duration) -> Self {
        let hold_ms = i64::try_from(hold.as_millis()).unwrap_or(DAY_MS);
        Self {
            hold_ms,
            last: None,
            silence: None,
            normal: VecDeque::new(),
        }
    }

    /// Takes a rate, before the band does.
    pub fn observe(&mut self, at: Timestamp, rate: f64, band: &Band) {
        let ms = at.as_millis();
        let (before, step) = self.last.unwrap_or((ms, 0));
        if !rate.is_finite() || (self.last.is_some() && ms <= before) {
            return;
        }
        let passed = ms.saturating_sub(before);
        let is_gap = step > 0 && passed > step.saturating_mul(GAP_STEPS);
        self.last = Some((
            ms,
            if is_gap || step == 0 {
                passed
            } else {
                passed.min(step.saturating_mul(2))
            },
        ));
        let usual = band.usual_least(at).unwrap_or(0.0);
        let reference = self
            .silence
            .map_or(usual, |silence| silence.usual.min(usual));
        // A silence that is a loss goes on until something comes, whatever was usual.
        let is_silent = match self.silence {
            Some(silence) if silence.is_loss => rate <= LEFT_MAX * silence.usual,
            _ => usual > 0.0 && rate <= LEFT_MAX * reference,
        };
        if !is_silent {
            self.end(ms);
            return;
        }
        let seconds = passed.min(step.max(1).saturating_mul(2)) as f64 / 1000.0;
        let silence = self.silence.get_or_insert(Silence {
            since: Timestamp::from_millis(ms.saturating_sub(passed.min(step))),
            missed: 0.0,
            usual,
            n: 0,
            is_loss: false,
        });
        // What happens in a gap is not known.
        if !is_gap {
            silence.missed += usual * seconds;
        }
        silence.n += 1;
        let lasted = at.since(silence.since).as_millis() as f64;
        let normal = self.normal.iter().map(|(_, missed)| *missed);
        let needed = MISSED_MIN.max(WORSE * normal.fold(0.0, f64::max));
        let is_long = lasted >= 0.6 * self.hold_ms as f64 && silence.n >= 2;
        silence.is_loss |= is_long && silence.missed >= needed;
    }

    /// The loss that lasts.
    pub fn loss(&self) -> Option<Silence> {
        self.silence.filter(|silence| silence.is_loss)
    }

    /// Remembers a silence that was none after all.
    fn end(&mut self, now_ms: i64) {
        let Some(silence) = self.silence.take() else {
            return;
        };
        if silence.is_loss {
            return;
        }
        let day = now_ms.div_euclid(DAY_MS);
        match self.normal.back_mut() {
            Some((newest, missed)) if *newest == day => *missed = missed.max(silence.missed),
            _ => {
                if self.normal.len() >= DAYS {
                    self.normal.pop_front();
                }
                self.normal.push_back((day, silence.missed));
            }
        }
    }
}
