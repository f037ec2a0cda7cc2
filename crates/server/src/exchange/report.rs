//! What an import brought, in numbers and words.

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use super::fill::{Chosen, Values, fill};
use super::imported::{Imported, LeftOut};

/// How much of a dashboard is shown here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ImportReport {
    pub(crate) panels: usize,
    /// Of these, shown with all their queries.
    pub(crate) shown: usize,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) remarks: Vec<Remark>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Remark {
    pub(crate) panel: String,
    pub(crate) text: String,
}

impl ImportReport {
    /// Looks at every query of a dashboard with sample values for its variables.
    pub(crate) fn of(imported: &Imported) -> Self {
        let values = sample_values(imported);
        let mut remarks = Vec::new();
        let mut shown = 0;
        for panel in imported.panels() {
            let mut is_whole = true;
            for query in &panel.queries {
                if let Err(error) = promql::parse(&fill(&query.expr, &values)) {
                    is_whole = false;
                    remarks.push(Remark {
                        panel: panel.title.clone(),
                        text: format!("the query is not understood, {error}: {}", query.expr),
                    });
                }
            }
            shown += usize::from(is_whole);
            remarks.extend(panel.remarks.iter().map(|text| Remark {
                panel: panel.title.clone(),
                text: text.clone(),
            }));
        }
        Self {
            panels: imported.n_panels(),
            shown,
            left_out: imported.left_out.clone(),
            remarks,
        }
    }
}

/// Any values that make queries whole.
fn sample_values(imported: &Imported) -> Values {
    Values {
        chosen: imported.variables.iter().map(Chosen::sample).collect(),
        interval: Duration::from_secs(15),
        rate_interval: Duration::from_secs(60),
        start: Timestamp::from_millis(0),
        end: Timestamp::from_millis(3_600_000),
    }
}
