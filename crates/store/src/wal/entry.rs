//! What goes into the log, and what comes back out of it.

use std::sync::Arc;

use model::{Labels, Timestamp};

use crate::head::Row;
use crate::{GroupId, SeriesId};

/// Looks up the names that definitions need.
pub(crate) trait Names {
    fn labels(&self, series: SeriesId) -> &Labels;
    fn group_name(&self, series: SeriesId) -> &str;
}

/// What one append puts into the log.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Row {
        group: GroupId,
        generation: u64,
        columns: Arc<[SeriesId]>,
        row: Arc<Row>,
    },
    Samples(Arc<[(SeriesId, Timestamp, f64)]>),
}

impl Entry {
    pub(super) fn max_time(&self) -> Timestamp {
        match self {
            Self::Row { row, .. } => row.at,
            Self::Samples(samples) => samples
                .iter()
                .map(|&(_, at, _)| at)
                .max()
                .unwrap_or(Timestamp::MIN),
        }
    }
}

/// Samples that a record gave back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Replayed {
    Rows {
        at: Timestamp,
        samples: Vec<(SeriesId, f64)>,
    },
    Samples(Vec<(SeriesId, Timestamp, f64)>),
}

impl Replayed {
    pub(super) fn max_time(&self) -> Timestamp {
        match self {
            Self::Rows { at, .. } => *at,
            Self::Samples(samples) => samples
                .iter()
                .map(|&(_, at, _)| at)
                .max()
                .unwrap_or(Timestamp::MIN),
        }
    }
}
