use proptest::prelude::*;

use super::*;

fn minute(at: i64, bad: f64, total: f64) -> Minute {
    Minute {
        at: at_minute(at),
        bad,
        total,
    }
}

fn between(start: i64, end: i64) -> Period {
    Period {
        start: at_minute(start),
        end: at_minute(end),
    }
}

#[test]
fn sums_hold_the_end_and_not_the_start() {
    let ledger = Ledger::new((1..=10).map(|at| minute(at, 1.0, 10.0)).collect());
    for (start, end, minutes) in [(0, 10, 10), (1, 10, 9), (0, 0, 0), (5, 2, 0), (-9, 99, 10)] {
        let sums = ledger.sum(between(start, end));
        assert_eq!(sums.minutes, minutes, "{start} to {end}");
        assert_eq!(sums.bad, f64::from(minutes));
        assert_eq!(sums.total, f64::from(minutes) * 10.0);
    }
}

#[test]
fn what_is_no_number_of_events_is_left_out() {
    let ledger = Ledger::new(vec![
        minute(3, 1.0, 10.0),
        minute(1, f64::NAN, 10.0),
        minute(2, 0.0, -5.0),
        minute(4, 20.0, 10.0),
        minute(5, 0.0, f64::INFINITY),
        // Of two at one time the later one counts.
        minute(3, 2.0, 10.0),
    ]);
    let sums = ledger.sum(between(0, 10));
    assert_eq!((sums.bad, sums.total, sums.minutes), (12.0, 20.0, 2));
}

#[test]
fn the_minute_is_found_in_which_the_budget_went() {
    let ledger = Ledger::new((1..=10).map(|at| minute(at, 1.0, 10.0)).collect());
    for (start, limit, expected) in [(0, 3.0, Some(4)), (5, 3.0, Some(9)), (5, 5.0, None)] {
        let found = ledger.exceeds(between(start, 10), limit);
        assert_eq!(found, expected.map(at_minute), "{start} {limit}");
    }
    assert_eq!(Ledger::default().exceeds(between(0, 10), 0.0), None);
}

proptest! {
    #[test]
    fn sums_are_those_of_the_single_minutes(
        times in prop::collection::vec((0_i64..200, 0_u8..5, 0_u8..9), 0..100),
        start in 0_i64..200,
        length in 0_i64..200,
    ) {
        let minutes = times.iter().map(|&(at, bad, more)| {
            minute(at, f64::from(bad), f64::from(bad + more))
        });
        let ledger = Ledger::new(minutes.collect());
        let period = between(start, start + length);
        let inside = ledger.minutes().iter();
        let inside: Vec<_> = inside.filter(|m| m.at > period.start && m.at <= period.end).collect();
        let sums = ledger.sum(period);
        prop_assert_eq!(sums.minutes as usize, inside.len());
        prop_assert_eq!(sums.bad, inside.iter().map(|m| m.bad).sum::<f64>());
        prop_assert_eq!(sums.total, inside.iter().map(|m| m.total).sum::<f64>());
    }
}
