//! A metric: its name, its labels, what it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::native::NativeSpec;
use crate::process::Process;
use crate::reading::FamilyKind;
use crate::record::{FamilyKey, GaugeMode, OUTSIDE_REGISTRIES, encode_texts};
use crate::series::Series;

/// What a metric is made from.
#[derive(Clone, Debug)]
pub struct FamilySpec {
    pub kind: FamilyKind,
    /// For gauges: how several processes' values become one.
    pub mode: GaugeMode,
    /// Without `_total` and the like.
    pub name: String,
    pub help: String,
    pub unit: String,
    pub label_names: Vec<String>,
    /// Upper bounds of a histogram's buckets, ascending, the last one `+Inf`.
    pub bounds: Vec<f64>,
    /// States of a state set.
    pub states: Vec<String>,
    /// For a histogram that is native, too or only (then without bounds).
    pub native: Option<NativeSpec>,
}

/// A metric of this process.
#[derive(Debug)]
pub struct Family {
    uid: u64,
    key: FamilyKey,
    /// The registry it is shared under, or `PRIVATE`.
    registry: AtomicU32,
    process: Arc<Process>,
}

const PRIVATE: u32 = u32::MAX;

impl Family {
    /// Makes a metric. It is private (on the heap) until it is shared.
    pub fn new(process: &Arc<Process>, spec: FamilySpec) -> Arc<Self> {
        static NEXT_UID: AtomicU64 = AtomicU64::new(1);
        let texts = |texts: Vec<String>| texts.into_iter().map(Arc::from).collect();
        Arc::new(Self {
            uid: NEXT_UID.fetch_add(1, Ordering::Relaxed),
            key: FamilyKey {
                registry: 0,
                kind: spec.kind,
                mode: spec.mode,
                name: spec.name.into(),
                help: spec.help.into(),
                unit: spec.unit.into(),
                label_names: texts(spec.label_names),
                bounds: spec.bounds,
                states: texts(spec.states),
                native: spec.native,
            },
            registry: AtomicU32::new(PRIVATE),
            process: Arc::clone(process),
        })
    }

    /// The series with these label values, in the order of the label names, beginning `now`
    /// (seconds since the epoch). Each call makes one; keeping it is the caller's part.
    ///
    /// For an info, the values are the names and values of all its labels in turn.
    pub fn series<'a>(
        self: &Arc<Self>,
        label_values: impl IntoIterator<Item = &'a str>,
        now: f64,
    ) -> Arc<Series> {
        Series::new(self, encode_texts(label_values), now)
    }

    /// The same for a host that met trouble there: the series shows in no sum, and nothing can
    /// go wrong with it.
    pub fn series_apart<'a>(
        self: &Arc<Self>,
        label_values: impl IntoIterator<Item = &'a str>,
        now: f64,
    ) -> Arc<Series> {
        Series::apart(self, encode_texts(label_values), now)
    }

    /// From now on new series go to shared memory, under this registry's number. Series that
    /// exist are moved by [`Series::share`].
    pub fn share(&self, registry: u16) {
        self.registry.store(u32::from(registry), Ordering::Release);
    }

    /// Takes the metric out of shared memory's sum. Its series go on counting for themselves.
    pub fn unshare(&self) {
        self.process.lock().hide_family(self.uid);
        self.registry.store(PRIVATE, Ordering::Release);
    }

    /// The number of the registry it is shared under.
    pub fn registry(&self) -> Option<u16> {
        u16::try_from(self.registry.load(Ordering::Acquire)).ok()
    }

    pub fn name(&self) -> &str {
        &self.key.name
    }

    pub fn bounds(&self) -> &[f64] {
        &self.key.bounds
    }

    pub(crate) fn uid(&self) -> u64 {
        self.uid
    }

    pub(crate) fn key(&self) -> &FamilyKey {
        &self.key
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Whether it is shared with no registry that shows it.
    pub(crate) fn is_outside(&self) -> bool {
        self.registry()
            .is_some_and(|number| OUTSIDE_REGISTRIES <= number)
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.registry().is_some() && self.process.is_enabled()
    }
}
