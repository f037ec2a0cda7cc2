//! Which samples of a series each step looks at.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use model::Timestamp;

use super::steps::Steps;

/// For every step the samples in `(look - width, look]`.
pub(super) type Windows = [Range<usize>];

/// Slides windows over columns, once for all columns that share their timestamps.
#[derive(Debug)]
pub(super) struct Slider {
    looks: Steps,
    width_ms: i64,
    /// By address and length: the columns keep their allocations alive as long as the slider.
    shared: HashMap<(*const Timestamp, usize), Rc<Windows>>,
}

impl Slider {
    pub(super) fn new(looks: Steps, width_ms: i64) -> Self {
        Self {
            looks,
            width_ms,
            shared: HashMap::new(),
        }
    }

    /// The first and the last moment of any window.
    pub(super) fn hull(&self) -> (Timestamp, Timestamp) {
        let first = self
            .looks
            .start
            .saturating_sub(self.width_ms)
            .saturating_add(1);
        (
            Timestamp::from_millis(first),
            Timestamp::from_millis(self.looks.last()),
        )
    }

    pub(super) fn windows(&mut self, timestamps: &Arc<[Timestamp]>) -> Rc<Windows> {
        // An allocation of its own cannot come again, so it is not worth keeping.
        if Arc::strong_count(timestamps) == 1 {
            return self.slide(timestamps);
        }
        let key = (timestamps.as_ptr(), timestamps.len());
        if let Some(windows) = self.shared.get(&key) {
            return Rc::clone(windows);
        }
        let windows = self.slide(timestamps);
        self.shared.insert(key, Rc::clone(&windows));
        windows
    }

    /// Both edges only move forward, so a column costs its samples and its steps once.
    fn slide(&self, timestamps: &[Timestamp]) -> Rc<Windows> {
        let (mut left, mut right) = (0, 0);
        self.looks
            .iter()
            .map(|look| {
                let after = look.saturating_sub(self.width_ms);
                while timestamps
                    .get(right)
                    .is_some_and(|at| at.as_millis() <= look)
                {
                    right += 1;
                }
                while left < right && timestamps[left].as_millis() <= after {
                    left += 1;
                }
                left..right
            })
            .collect()
    }
}
