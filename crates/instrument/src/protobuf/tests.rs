use super::*;

fn check(family: &FamilyReading, asked: Option<&[&str]>, expected: &[u8]) {
    let mut writer = ProtobufWriter::new(Escaping::Underscores, true);
    let asked = asked.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    writer.family(family, asked.as_ref());
    assert_eq!(writer.finish(), expected);
}

fn counter(total: f64, created: Option<f64>) -> FamilyReading {
    let row = [(vec!["x"], Value::Counter { total, created })];
    FamilyReading::of_rows((FamilyKind::Counter, "c", "H"), &["l"], row)
}

#[test]
fn a_family_stands_after_its_length() {
    let head = [
        10, 7, b'c', b'_', b't', b'o', b't', b'a', b'l', 18, 1, b'H', 24, 0,
    ];
    let label = [10, 6, 10, 1, b'l', 18, 1, b'x'];
    let value = [26, 9, 9, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f];
    let metric = [&[34, 19][..], &label, &value].concat();
    let expected = [&[35][..], &head, &metric].concat();
    check(&counter(1.5, None), None, &expected);
    check(&counter(1.5, None), Some(&["c_total"]), &expected);
    check(
        &counter(1.5, Some(2.0)),
        Some(&["c_created"]),
        &[&[14][..], &head].concat(),
    );
    check(&counter(1.5, Some(2.0)), Some(&["c", "d_total"]), &[]);
}

#[test]
fn numbers_that_are_none_are_written_all_the_same() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        -1.0,
        1e300,
        f64::NEG_INFINITY,
        -0.0,
    ];
    for number in odd {
        let native = NativeReading {
            schema: -4,
            zero_threshold: number,
            zero_count: number,
            count: number,
            positive: vec![(i32::MIN, number), (i32::MAX, -number), (0, 1e300)],
            negative: vec![(i32::MAX, number), (i32::MIN, 0.0)],
        };
        for native in [None, Some(Box::new(native))] {
            let value = Value::Histogram {
                buckets: vec![(number, number), (f64::INFINITY, -number)],
                sum: number,
                created: Some(number),
                native,
            };
            let row = [(Vec::new(), value)];
            let family = FamilyReading::of_rows((FamilyKind::Histogram, "h", ""), &[], row);
            let mut protobuf = ProtobufWriter::new(Escaping::Dots, true);
            protobuf.family(&family, None);
            let written = protobuf.finish();
            let (length, body) = match written.as_slice() {
                [low, high, body @ ..] if 0x80 <= *low => {
                    (usize::from(low & 0x7f) | usize::from(*high) << 7, body)
                }
                [length, body @ ..] => (usize::from(*length), body),
                [] => panic!("nothing was written"),
            };
            assert_eq!(body.len(), length);
            let mut text = crate::OpenMetricsWriter::new(Escaping::Dots, true, true);
            text.family(&family, None);
            assert!(text.finish().ends_with("\n# EOF\n"));
        }
    }
}

#[test]
fn lengths_take_as_many_bytes_as_they_need() {
    for n in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
        let text = "x".repeat(n);
        let mut message = Message::default();
        message.bytes(1, text.as_bytes());
        assert_eq!(message.0.len(), text_len(&text));
    }
}
