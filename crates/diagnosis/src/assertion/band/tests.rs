use std::time::Duration;

use super::*;
use crate::assertion::TrafficWatch;

#[path = "../../../examples/bench_bands/series.rs"]
#[allow(dead_code)]
mod series;

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_secs_f64(seconds)
}

/// A day and a half of `usual`, then `then`, each of 400 minutes; when and on which side the band
/// was left and entered again, in minutes after the turn.
fn check_turn(options: BandOptions, step: f64, usual: f64, then: f64, expected: &str) {
    let mut band = Band::new(options);
    let mut random = series::Random::new(1);
    let turn = 36.0 * 3600.0;
    let n_values = (turn / step) as usize;
    let mut shown = Vec::new();
    for n in 0..n_values + (400.0 * 60.0 / step) as usize {
        let level = if n < n_values { usual } else { then };
        let was = band.outside().map(|outside| outside.side);
        band.observe(at(n as f64 * step), level * (1.0 + 0.03 * random.normal()));
        let is = band.outside().map(|outside| outside.side);
        if is != was {
            let minute = (n as f64 * step - turn) / 60.0;
            shown.push(format!(
                "{minute:.0}:{}",
                is.map_or("back".to_owned(), |side| format!("{side:?}"))
            ));
        }
    }
    assert_eq!(shown.join(" "), expected, "{step} s, {usual} then {then}");
}

#[test]
fn a_level_that_stays_elsewhere_is_outside_at_any_step() {
    let options = BandOptions::default();
    check_turn(options, 15.0, 0.2, 0.6, "5:Above");
    check_turn(options, 60.0, 0.2, 0.6, "4:Above");
    check_turn(options, 60.0, 100.0, 20.0, "4:Below");
    check_turn(options, 300.0, 0.2, 0.6, "5:Above");
    // A change that matters to nobody, though it never was so.
    check_turn(options, 60.0, 0.2, 0.24, "");
    let floor = BandOptions {
        floor: 0.5,
        ..options
    };
    check_turn(floor, 60.0, 0.2, 0.6, "");
}

#[test]
fn a_short_recording_of_seconds_has_a_band_of_seconds() {
    let options = BandOptions {
        bucket: Duration::from_secs(1),
        hold: Duration::from_secs(5),
        history_min: Duration::from_secs(60),
        ..BandOptions::default()
    };
    let mut band = Band::new(options);
    let mut random = series::Random::new(1);
    let mut noisy = |level: f64| level * (1.0 + 0.03 * random.normal());
    for n in 0..300 {
        band.observe(at(f64::from(n)), noisy(0.2));
        assert_eq!(band.outside(), None);
    }
    let found = (300..320).position(|n| {
        band.observe(at(f64::from(n)), noisy(1.2));
        band.outside().is_some()
    });
    assert_eq!(found, Some(4));
}

#[test]
fn a_gap_neither_begins_nor_ends_anything() {
    let mut band = Band::new(BandOptions::default());
    let mut minute = 0;
    let mut feed = |band: &mut Band, n: i32, value: f64| {
        for _ in 0..n {
            let noise = 1.0 + 0.01 * f64::from(minute % 5);
            band.observe(at(f64::from(minute) * 60.0), value * noise);
            minute += 1;
        }
    };
    feed(&mut band, 300, 1.0);
    feed(&mut band, 4, 9.0);
    assert_eq!(band.outside(), None);
    feed(&mut band, 10, 9.0);
    let before = band.outside();
    assert!(before.is_some());
    // Ten minutes of nothing: it is as it was.
    let mut later = band.clone();
    later.observe(at(324.0 * 60.0), 9.0);
    assert_eq!(later.outside().map(|o| o.since), before.map(|o| o.since));
}

#[test]
fn what_says_nothing_is_told_apart() {
    let check = |options: BandOptions, value: fn(u32) -> f64, expected: fn(&Abstention) -> bool| {
        let mut band = Band::new(options);
        for minute in 0..1000 {
            band.observe(at(f64::from(minute) * 60.0), value(minute));
        }
        let found = band.expect(at(1000.0 * 60.0));
        assert!(found.as_ref().is_err_and(expected), "{found:?}");
        assert_eq!(band.outside(), None);
    };
    let plain = BandOptions::default();
    let counted = BandOptions {
        noise: Noise::Counted,
        ..plain
    };
    check(
        plain,
        |_| f64::NAN,
        |a| matches!(a, Abstention::Young { .. }),
    );
    check(
        plain,
        |n| f64::from(u8::from(n % 7 == 0)) * 0.0,
        |a| *a == Abstention::Erratic,
    );
    check(
        counted,
        |n| 0.002 + f64::from(n % 3) * 1e-4,
        |a| *a == Abstention::TooFewEvents,
    );
    let hourly = |n: u32| if n % 60 < 10 { 0.9 } else { 0.1 };
    check(plain, hourly, |a| {
        *a == Abstention::Periodic(Duration::from_secs(3600))
    });
}

#[test]
fn hostile_values_cost_only_themselves() {
    let hostile = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        -0.0,
        1e308,
        -1e308,
        5e-324,
    ];
    for noise in [Noise::Counted, Noise::Relative] {
        let mut band = Band::new(BandOptions {
            noise,
            ..BandOptions::default()
        });
        let mut watch = TrafficWatch::new(Duration::from_secs(300));
        for n in 0..20_000_i64 {
            let value = hostile[usize::try_from(n * 31 % 9).unwrap()];
            // Duplicates, steps back and the ends of time among them.
            let at = match n % 50 {
                0 => Timestamp::from_millis(i64::MIN + n),
                1 if n > 19_000 => Timestamp::from_millis(i64::MAX - 20_000 + n),
                _ => Timestamp::from_millis((n - n % 3) * 20_000),
            };
            watch.observe(at, value, &band);
            band.observe(at, value);
            if let Ok(found) = band.expect(at) {
                let all = [found.expected, found.lower, found.upper, found.scale];
                assert!(all.iter().all(|value| value.is_finite()), "{found:?}");
            }
        }
    }
}

#[test]
fn three_weeks_teach_what_a_busy_service_usually_does() {
    let values = series::series(series::Kind::Busy, 7);
    let options = BandOptions {
        noise: Noise::Counted,
        ..BandOptions::default()
    };
    let (mut band, mut watch) = (Band::new(options), TrafficWatch::new(options.hold));
    let mut false_minutes = 0;
    for (minute, &value) in values.iter().enumerate().take(24 * 1440) {
        let at = at(minute as f64 * 60.0);
        watch.observe(at, value, &band);
        band.observe(at, value);
        let is_wrong = band.outside().is_some() || watch.loss().is_some();
        false_minutes += usize::from(minute > 21 * 1440 && is_wrong);
    }
    assert_eq!(false_minutes, 0);
    let found = band.expect(at(24.0 * 86400.0)).unwrap();
    assert_eq!(found.model, Model::HourOfWeek);
    let found = (0..10).position(|minute| {
        let at = at((24 * 1440 + minute) as f64 * 60.0);
        watch.observe(at, 0.0, &band);
        band.observe(at, 0.0);
        watch.loss().is_some()
    });
    assert_eq!(found, Some(2));
}
