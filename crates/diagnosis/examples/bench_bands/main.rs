//! Bands against other methods, on the same series in the same run: false episodes in two weeks
//! without a fault, and faults found. The last line is one JSON object.
//!
//! Everything comes from seeds. `--seeds N` takes more of them, `--first-seed N` others.

#![allow(clippy::print_stdout)]

mod rivals;
mod series;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diagnosis::assertion::{Band, BandOptions, Noise, TrafficWatch};
use model::Timestamp;

use rivals::{RIVALS, Sums};
use series::{KINDS, Kind, MINUTES, Random};

/// The first three weeks are history only.
const JUDGED: std::ops::Range<usize> = 21 * 1440 + 60..MINUTES;

/// An alert fires once its condition holds for so many minutes.
const FOR: usize = 5;

/// How long a fault lasts, minutes.
const FAULT: usize = 120;

const INJECTIONS: usize = 6;

const OURS: &str = "ours";

#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    factor: f64,
}

const FAULTS: [Fault; 3] = [
    Fault {
        name: "drop to zero",
        factor: 0.0,
    },
    Fault {
        name: "-50 %",
        factor: 0.5,
    },
    Fault {
        name: "x3",
        factor: 3.0,
    },
];

/// False episodes by method and kind; minutes until each fault was found by method, kind, fault.
#[derive(Default)]
struct Results {
    episodes: BTreeMap<(&'static str, &'static str), usize>,
    found: BTreeMap<(&'static str, &'static str, &'static str), Vec<Option<usize>>>,
}

fn main() {
    let number = |name: &str, default: u64| {
        let mut args = std::env::args().skip_while(|arg| arg != name).skip(1);
        args.next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (first, n_seeds) = (number("--first-seed", 1), number("--seeds", 8).max(1));
    let only_ours = std::env::args().any(|arg| arg == "--ours");
    let mut results = Results::default();
    let (mut took, mut n_values) = (Duration::ZERO, 0);
    for seed in first..first + n_seeds {
        for (name, kind) in KINDS {
            let values = series::series(kind, seed);
            let moments = injections(seed, kind);
            let began = Instant::now();
            ours(&mut results, name, kind, &values, &moments);
            took += began.elapsed();
            n_values += values.len();
            if !only_ours {
                theirs(&mut results, name, kind, &values, &moments);
            }
        }
    }
    print(&results, n_seeds, took.as_secs_f64() / n_values as f64);
}

/// When faults begin: apart from each other and not at the very end.
fn injections(seed: u64, kind: Kind) -> Vec<usize> {
    if !matches!(kind, Kind::Busy | Kind::Quiet) {
        return Vec::new();
    }
    let mut random = Random::new(seed * 1000 + kind as u64);
    let each = (JUDGED.len() - 2 * FAULT) / INJECTIONS;
    let moment = |idx| JUDGED.start + idx * each + (random.unit() * (each - FAULT) as f64) as usize;
    (0..INJECTIONS).map(moment).collect()
}

/// A band, and for requests the watch for their loss.
#[derive(Clone)]
struct Ours {
    band: Band,
    watch: Option<TrafficWatch>,
}

impl Ours {
    fn new(kind: Kind) -> Self {
        let counted = matches!(kind, Kind::Busy | Kind::Quiet);
        let options = BandOptions {
            noise: if counted {
                Noise::Counted
            } else {
                Noise::Relative
            },
            ..BandOptions::default()
        };
        Self {
            band: Band::new(options),
            watch: counted.then(|| TrafficWatch::new(options.hold)),
        }
    }

    /// Whether something is wrong after this minute.
    fn observe(&mut self, minute: usize, value: f64) -> bool {
        let at = Timestamp::from_millis(i64::try_from(minute).unwrap_or(0) * 60_000);
        if let Some(watch) = &mut self.watch {
            watch.observe(at, value, &self.band);
        }
        self.band.observe(at, value);
        let is_lost = self
            .watch
            .as_ref()
            .is_some_and(|watch| watch.loss().is_some());
        is_lost || self.band.outside().is_some()
    }
}

fn ours(results: &mut Results, name: &'static str, kind: Kind, values: &[f64], moments: &[usize]) {
    let mut ours = Ours::new(kind);
    let (mut was_outside, mut episodes) = (false, 0);
    let mut moments = moments.iter().peekable();
    for (minute, &value) in values.iter().enumerate() {
        if moments.next_if_eq(&&minute).is_some() {
            for fault in FAULTS {
                let mut hit = ours.clone();
                let found = (0..FAULT).position(|after| {
                    hit.observe(minute + after, values[minute + after] * fault.factor)
                });
                let found = found.map(|after| after + 1);
                results
                    .found
                    .entry((OURS, name, fault.name))
                    .or_default()
                    .push(found);
            }
        }
        let is_outside = ours.observe(minute, value);
        if JUDGED.contains(&minute) && is_outside && !was_outside {
            episodes += 1;
        }
        was_outside = is_outside;
    }
    *results.episodes.entry((OURS, name)).or_default() += episodes;
}

fn theirs(
    results: &mut Results,
    name: &'static str,
    kind: Kind,
    values: &[f64],
    moments: &[usize],
) {
    let is_requests = matches!(kind, Kind::Busy | Kind::Quiet);
    let sums = Sums::new(values);
    for (rival, judge) in RIVALS {
        let firing = held(&judge(&sums, JUDGED, is_requests));
        let begins = |idx: &usize| firing[*idx] && !(*idx > 0 && firing[*idx - 1]);
        let episodes = (0..firing.len()).filter(begins).count();
        *results.episodes.entry((rival, name)).or_default() += episodes;
    }
    for &moment in moments {
        for fault in FAULTS {
            let mut hit = values.to_vec();
            hit[moment..moment + FAULT]
                .iter_mut()
                .for_each(|value| *value *= fault.factor);
            let sums = Sums::new(&hit);
            for (rival, judge) in RIVALS {
                let outside = judge(&sums, moment - FOR..moment + FAULT, is_requests);
                let found = held(&outside)[FOR..].iter().position(|firing| *firing);
                let found = found.map(|after| after + 1);
                results
                    .found
                    .entry((rival, name, fault.name))
                    .or_default()
                    .push(found);
            }
        }
    }
}

/// Where the condition has held for long enough.
fn held(outside: &[bool]) -> Vec<bool> {
    let mut n = 0;
    let hold = |&is_outside: &bool| {
        n = if is_outside { n + 1 } else { 0 };
        n > FOR
    };
    outside.iter().map(hold).collect()
}

fn print(results: &Results, n_seeds: u64, seconds_per_value: f64) {
    let methods = || std::iter::once(OURS).chain(RIVALS.map(|(name, _)| name));
    let mut figures = Vec::new();
    println!("False episodes a series and week, {n_seeds} seeds:");
    for method in methods() {
        let of = |(name, _): (&'static str, Kind)| {
            let n = results.episodes.get(&(method, name)).copied();
            let weekly = n.map(|n| n as f64 / (2.0 * n_seeds as f64));
            let shown = weekly.map_or("-".to_owned(), |weekly| format!("{weekly:.2}"));
            format!("{shown:>8}")
        };
        println!("  {method:28}{}", KINDS.map(of).concat());
    }
    println!("Found within two hours, of how many, the median and the longest minutes, within 6:");
    for (method, name, fault) in results.found.keys() {
        let minutes = &results.found[&(*method, *name, *fault)];
        let mut known: Vec<usize> = minutes.iter().copied().flatten().collect();
        known.sort_unstable();
        let median = known.get(known.len() / 2).copied().unwrap_or(0);
        let longest = known.last().copied().unwrap_or(0);
        let within = known.iter().filter(|minutes| **minutes <= 6).count();
        println!(
            "  {method:28} {name:14} {fault:13} {:>3}/{:<3} {median:>4} {longest:>4} {within:>4}",
            known.len(),
            minutes.len(),
        );
        if *method == OURS {
            let key = key(&format!("{name} {fault}"));
            let share = known.len() as f64 / minutes.len() as f64;
            figures.push(format!("\"found_{key}\":{share:.3}"));
            figures.push(format!("\"minutes_{key}\":{median}"));
        }
    }
    for (name, _) in KINDS {
        let n = results.episodes.get(&(OURS, name)).copied().unwrap_or(0);
        let weekly = n as f64 / (2.0 * n_seeds as f64);
        figures.push(format!("\"false_{}\":{weekly:.3}", key(name)));
    }
    figures.push(format!("\"value_ns\":{:.0}", seconds_per_value * 1e9));
    println!("A value costs {:.0} ns.", seconds_per_value * 1e9);
    println!("{{{}}}", figures.join(","));
}

/// As a figure is named.
fn key(text: &str) -> String {
    let named = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let words: String = text.chars().map(named).collect();
    let words = words.split('_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}
