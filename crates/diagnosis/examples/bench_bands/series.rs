//! Series as real systems have them: 35 days of minutes, from a seed.

pub(crate) const MINUTES: usize = 35 * 1440;

/// What is drawn at random, always the same from one seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    /// Above 0 and up to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        ((mixed >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        let (mut left, mut n) = (self.unit(), 0.0);
        while left > (-mean).exp() {
            left *= self.unit();
            n += 1.0;
        }
        n
    }
}

pub(crate) const KINDS: [(&str, Kind); 7] = [
    ("web 50 rps", Kind::Busy),
    ("web 3 req/min", Kind::Quiet),
    ("latency p95", Kind::Latency),
    ("latency heavy tail", Kind::HeavyTail),
    ("CPU AR(1)", Kind::Cpu),
    ("hourly batch", Kind::Batch),
    ("memory sawtooth", Kind::Sawtooth),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests per second with the day and the week, 50 on a usual day's average.
    Busy,
    /// The same at 3 a minute: most of what is seen is chance.
    Quiet,
    /// Follows the load a little, some noise.
    Latency,
    /// Minutes that are slow for a reason of their own, a tail without end.
    HeavyTail,
    /// Remembers its last hours.
    Cpu,
    /// Ten minutes of work every hour.
    Batch,
    /// Grows for some hours, is collected, grows.
    Sawtooth,
}

/// 1 on average, by the minute: low at night, less at weekends.
fn load(minute: usize) -> f64 {
    let day = (minute % 1440) as f64 / 1440.0;
    let wave = 1.0 - 0.6 * (std::f64::consts::TAU * (day - 0.08)).cos();
    let is_weekend = (minute / 1440) % 7 >= 5;
    if is_weekend { 0.6 * wave } else { wave }
}

pub(crate) fn series(kind: Kind, seed: u64) -> Vec<f64> {
    let random = &mut Random::new(seed * 16 + kind as u64);
    let mut slow = 0.0;
    let mut level = 0.3;
    let hours = 4.0 + 16.0 * random.unit();
    let mut next = |minute: usize| match kind {
        Kind::Busy | Kind::Quiet => {
            slow = 0.97 * slow + 0.015 * random.normal();
            let per_second = if kind == Kind::Busy { 50.0 } else { 0.05 };
            let mean = per_second * load(minute) * (1.0_f64 + slow).max(0.2) * 60.0;
            random.poisson(mean) / 60.0
        }
        Kind::Latency => {
            slow = 0.9 * slow + 0.03 * random.normal();
            0.2 * (0.85 + 0.15 * load(minute)) * (slow + 0.08 * random.normal()).exp()
        }
        Kind::HeavyTail => {
            slow = 0.6 * slow + 0.12 * random.normal();
            // Some minutes are slow for a reason of their own: a Pareto tail of index 1.5.
            let spike = if random.unit() < 0.02 {
                random.unit().powf(-1.0 / 1.5)
            } else {
                1.0
            };
            0.2 * (0.85 + 0.15 * load(minute)) * slow.exp() * spike.min(100.0)
        }
        Kind::Cpu => {
            slow = 0.98 * slow + 0.016 * random.normal();
            (0.3 + slow + 0.01 * random.normal()).clamp(0.01, 1.0)
        }
        Kind::Batch => {
            let works = (minute % 60) < 10;
            let level = if works { 0.8 } else { 0.1 };
            level * (1.0 + 0.05 * random.normal())
        }
        Kind::Sawtooth => {
            level += 0.5 / (hours * 60.0) * (1.0 + 0.5 * random.normal());
            if level > 0.8 + 0.02 * random.normal() {
                level = 0.3;
            }
            level + 0.003 * random.normal()
        }
    };
    (0..MINUTES).map(&mut next).collect()
}
