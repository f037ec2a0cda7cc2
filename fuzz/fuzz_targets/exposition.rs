#![no_main]

use libfuzzer_sys::fuzz_target;
use model::exposition::{Format, parse};

fuzz_target!(|data: &[u8]| {
    let format = match data.first() {
        Some(byte) if byte % 2 == 1 => Format::OpenMetrics,
        _ => Format::Text,
    };
    let body = data.get(1..).unwrap_or_default();
    let alone = parse(body, format);
    let lines = body.split(|&byte| byte == b'\n').count();
    for rejected in &alone.rejected {
        let line = rejected.line;
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
    }

    // A bad line costs itself: what follows it is kept.
    if format == Format::Text {
        let mut followed = body.to_vec();
        followed.extend_from_slice(b"\nlast_line_of_all{} 42\n");
        let with_neighbour = parse(&followed, format);
        let last = with_neighbour.samples.last().map(|(_, value, _)| *value);
        assert_eq!(last, Some(42.0));
        assert_eq!(with_neighbour.samples.len(), alone.samples.len() + 1);
    }
});
