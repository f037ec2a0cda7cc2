//! Accumulators: what an aggregation keeps of one group at one step.

use super::row::absent;
use super::sum::{Mean, Sum};

/// Takes the values of a group one by one, in the order of the series' labels.
pub(super) trait Fold: Clone + Default {
    fn add(&mut self, value: f64);
    /// [`absent`] when no value came.
    fn finish(&self) -> f64;
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SumFold(Option<Sum>);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MeanFold(Mean);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinFold(Option<f64>);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxFold(Option<f64>);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CountFold(u32);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GroupFold(bool);

/// Population variance by Welford's method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VarianceFold {
    count: f64,
    mean: f64,
    squares: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeviationFold(VarianceFold);

impl Fold for SumFold {
    fn add(&mut self, value: f64) {
        match &mut self.0 {
            Some(sum) => sum.add(value),
            None => self.0 = Some(Sum::of(value)),
        }
    }

    fn finish(&self) -> f64 {
        self.0.map_or(absent(), Sum::total)
    }
}

impl Fold for MeanFold {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn finish(&self) -> f64 {
        if self.0.count() == 0.0 {
            return absent();
        }
        self.0.mean()
    }
}

impl Fold for MinFold {
    fn add(&mut self, value: f64) {
        // NaN is the least welcome: any number replaces it.
        match self.0 {
            Some(least) if !(value < least || least.is_nan()) => {}
            _ => self.0 = Some(value),
        }
    }

    fn finish(&self) -> f64 {
        self.0.unwrap_or(absent())
    }
}

impl Fold for MaxFold {
    fn add(&mut self, value: f64) {
        match self.0 {
            Some(most) if !(value > most || most.is_nan()) => {}
            _ => self.0 = Some(value),
        }
    }

    fn finish(&self) -> f64 {
        self.0.unwrap_or(absent())
    }
}

impl Fold for CountFold {
    fn add(&mut self, _: f64) {
        self.0 += 1;
    }

    fn finish(&self) -> f64 {
        match self.0 {
            0 => absent(),
            count => f64::from(count),
        }
    }
}

impl Fold for GroupFold {
    fn add(&mut self, _: f64) {
        self.0 = true;
    }

    fn finish(&self) -> f64 {
        if self.0 { 1.0 } else { absent() }
    }
}

impl Fold for VarianceFold {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn finish(&self) -> f64 {
        if self.count == 0.0 {
            return absent();
        }
        self.squares / self.count
    }
}

impl Fold for DeviationFold {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn finish(&self) -> f64 {
        if self.0.count == 0.0 {
            return absent();
        }
        self.0.finish().sqrt()
    }
}
