#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match promql::parse(text) {
        Ok(expr) => {
            let printed = expr.to_string();
            let again = promql::parse(&printed).expect("what was printed parses");
            assert_eq!(again.to_string(), printed, "printing settles at once");
        }
        Err(error) => {
            assert!(error.start <= error.end && error.end <= text.len());
            assert!(!error.message.is_empty(), "an error says what is wrong");
        }
    }
});
