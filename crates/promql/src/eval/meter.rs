//! What one evaluation holds in memory, against its limit.

use std::cell::Cell;
use std::ops::Deref;

use super::row::{Row, is_present};
use crate::EvalError;

/// Counts samples and values held at once.
#[derive(Debug)]
pub(super) struct Meter {
    held: Cell<usize>,
    samples_max: usize,
}

/// An amount on a meter, given back when dropped.
#[derive(Debug)]
pub(super) struct Charge<'m> {
    meter: &'m Meter,
    amount: usize,
}

/// Rows that are all held at once.
#[derive(Debug)]
pub(super) struct Rows<'m> {
    rows: Vec<Row>,
    charge: Charge<'m>,
}

impl Meter {
    pub(super) fn new(samples_max: usize) -> Self {
        Self {
            held: Cell::new(0),
            samples_max,
        }
    }

    pub(super) fn left(&self) -> usize {
        self.samples_max.saturating_sub(self.held.get())
    }

    pub(super) fn exceeded(&self) -> EvalError {
        EvalError::TooManySamples {
            samples_max: self.samples_max,
        }
    }

    pub(super) fn charge(&self, amount: usize) -> Result<Charge<'_>, EvalError> {
        let mut charge = Charge {
            meter: self,
            amount: 0,
        };
        charge.add(amount)?;
        Ok(charge)
    }
}

impl Charge<'_> {
    pub(super) fn add(&mut self, amount: usize) -> Result<(), EvalError> {
        if amount > self.meter.left() {
            return Err(self.meter.exceeded());
        }
        self.amount += amount;
        self.meter.held.set(self.meter.held.get() + amount);
        Ok(())
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        let held = self.meter.held.get();
        self.meter.held.set(held.saturating_sub(self.amount));
    }
}

impl<'m> Rows<'m> {
    pub(super) fn new(meter: &'m Meter) -> Self {
        Self {
            rows: Vec::new(),
            charge: Charge { meter, amount: 0 },
        }
    }

    /// A row without any value is not kept: a filter leaves many of those.
    pub(super) fn push(&mut self, row: Row) -> Result<(), EvalError> {
        if !row.values.iter().any(|&value| is_present(value)) {
            return Ok(());
        }
        self.charge.add(row.values.len())?;
        self.rows.push(row);
        Ok(())
    }

    /// The rows, no longer counted: whoever takes them uses them up.
    pub(super) fn release(self) -> Vec<Row> {
        self.rows
    }
}

impl Deref for Rows<'_> {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}
