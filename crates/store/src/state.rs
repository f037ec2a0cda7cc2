//! What readers see. The writer replaces it; a reader keeps the one it took.

use std::sync::{Arc, PoisonError, RwLock};

use crate::block::Block;
use crate::head::Group;
use crate::index::Index;

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// By group id.
    pub(crate) groups: Vec<Arc<Group>>,
    /// By window, then by number: the samples of one series are in order of time.
    pub(crate) blocks: Arc<Vec<Arc<Block>>>,
    /// Grows under its readers, which is harmless: a series that came later has no samples in
    /// an earlier state. Dropping series replaces it.
    pub(crate) index: Arc<RwLock<Index>>,
}

/// The current state.
///
/// Lock order: maintenance, sync, writer, this one, index. This one is held only to copy or to
/// change pointers, never for packing or for files.
#[derive(Debug, Default)]
pub(crate) struct Current(RwLock<Arc<State>>);

impl Current {
    pub(crate) fn get(&self) -> Arc<State> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state for readers to come.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut state))
    }
}

impl State {
    pub(crate) fn group_mut(&mut self, group: crate::GroupId) -> &mut Group {
        Arc::make_mut(&mut self.groups[group.0 as usize])
    }
}
