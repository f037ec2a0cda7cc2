//! Sums and means of floats that keep what plain addition loses.

/// A sum with Neumaier's compensation (ZAMM 54, 1974), as Prometheus sums.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl Sum {
    pub(super) fn of(value: f64) -> Self {
        Self {
            sum: value,
            lost: 0.0,
        }
    }

    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn total(self) -> f64 {
        // An infinite sum has lost nothing that a finite remainder could restore.
        if self.sum.is_infinite() {
            return self.sum;
        }
        self.sum + self.lost
    }
}

/// A mean that stays right where the sum would overflow.
///
/// It sums as long as that is finite, since that is the most exact, and goes over to a running
/// mean from the value on that would make the sum infinite.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    count: f64,
    sum: Sum,
    /// `sum` holds the mean of the first `count` values.
    running: bool,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum = Sum::of(value);
            return;
        }
        if !self.running {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.running = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.lost /= self.count - 1.0;
        }
        if self.sum.sum.is_infinite() {
            // Infinity minus infinity would be NaN, but the mean stays what it is.
            let same = value.is_infinite() && (self.sum.sum > 0.0) == (value > 0.0);
            if same || value.is_finite() {
                return;
            }
        }
        let share = (self.count - 1.0) / self.count;
        self.sum.sum *= share;
        self.sum.lost *= share;
        self.sum.add(value / self.count);
    }

    pub(super) fn count(self) -> f64 {
        self.count
    }

    pub(super) fn mean(self) -> f64 {
        if self.running {
            self.sum.sum + self.sum.lost
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_is_small() {
        for (values, expected) in [
            (vec![2.0, 8.0, 1e100, -1e100], 10.0),
            (vec![1e308, 1e308, -1e308], f64::INFINITY),
            (vec![f64::INFINITY, 1.0], f64::INFINITY),
        ] {
            let mut sum = Sum::default();
            values.iter().for_each(|&value| sum.add(value));
            assert_eq!(sum.total(), expected, "{values:?}");
        }
    }

    #[test]
    fn a_mean_outlives_the_overflow_of_its_sum() {
        let big = 1e308;
        for (values, expected) in [
            (vec![big, big, big], big),
            (vec![-big, -big, big, big], 0.0),
            (vec![f64::INFINITY, 0.0, f64::INFINITY], f64::INFINITY),
            (vec![8.0, 10.0, 12.0], 10.0),
        ] {
            let mut mean = Mean::default();
            values.iter().for_each(|&value| mean.add(value));
            assert_eq!(mean.mean(), expected, "{values:?}");
        }
    }
}
