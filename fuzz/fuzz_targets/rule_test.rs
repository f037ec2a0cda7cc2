#![no_main]

use diagnosis::unit_test::{INPUT_VALUES_MAX, parse_unit_test_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse_unit_test_file(text) {
        Ok(file) => {
            let series = file.tests.iter().flat_map(|test| &test.input_series);
            let values: usize = series.map(|series| series.values.len()).sum();
            assert!(values <= INPUT_VALUES_MAX);
        }
        Err(problems) => {
            let lines = text.lines().count() + 1;
            assert!(!problems.is_empty(), "an error says what is wrong");
            assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
        }
    }
});
