//! How large the entity graph is and what it costs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Histogram, Page};

#[derive(Debug, Default)]
pub(super) struct GraphMetrics {
    entities: AtomicU64,
    relations: AtomicU64,
    seconds: Histogram,
}

impl GraphMetrics {
    pub(super) fn derived(&self, entities: usize, relations: usize, took: Duration) {
        self.entities.store(entities as u64, Ordering::Relaxed);
        self.relations.store(relations as u64, Ordering::Relaxed);
        self.seconds.observe(took);
    }

    pub(super) fn render(&self, page: &mut Page) {
        for (name, help, value) in [
            (
                "pyrometer_graph_entities",
                "Entities of the newest graph.",
                &self.entities,
            ),
            (
                "pyrometer_graph_relations",
                "Relations of the newest graph.",
                &self.relations,
            ),
        ] {
            page.plain(name, "gauge", help, value.load(Ordering::Relaxed) as f64);
        }
        page.histogram(
            "pyrometer_graph_derivation_duration_seconds",
            "How long deriving the graph took, its queries included.",
            &self.seconds,
        );
    }
}
