//! What changed between two looks at the firing alerts.

/// One line for the reader.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::demo) enum Change<T> {
    Fired(T),
    Resolved(T),
}

/// New ones first, then those that are gone; each told once however often it is listed.
pub(in crate::demo) fn changes<T: Clone + Ord>(before: &[T], now: &[T]) -> Vec<Change<T>> {
    let new = |from: &[T], to: &[T]| {
        let mut found: Vec<T> = to
            .iter()
            .filter(|item| !from.contains(item))
            .cloned()
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let fired = new(before, now).into_iter().map(Change::Fired);
    let resolved = new(now, before).into_iter().map(Change::Resolved);
    fired.chain(resolved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_once_when_it_fires_and_once_when_it_resolves() {
        assert_eq!(changes(&[], &["a", "a"]), [Change::Fired("a")]);
        assert_eq!(changes(&["a"], &["a"]), []);
        assert_eq!(
            changes(&["a", "a"], &["b"]),
            [Change::Fired("b"), Change::Resolved("a")]
        );
    }
}
