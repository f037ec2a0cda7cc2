#![no_main]

use diagnosis::notify::{Notification, parse_matchers, show_matchers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(matchers) = parse_matchers(text) {
        let shown = show_matchers(&matchers);
        let again = parse_matchers(&shown).expect("what was shown parses");
        assert_eq!(show_matchers(&again), shown, "showing settles at once");
    }
    drop(Notification::from_json(text));
});
