use proptest::prelude::*;

use super::*;

fn family(name: &str, bounds: &[f64]) -> FamilyKey {
    FamilyKey {
        registry: 3,
        kind: FamilyKind::Histogram,
        mode: GaugeMode::Auto,
        name: name.into(),
        help: "what it is".into(),
        unit: "seconds".into(),
        label_names: vec!["a".into(), "b".into()],
        bounds: bounds.to_vec(),
        states: Vec::new(),
        native: None,
    }
}

/// Three records behind each other, as in a file.
fn three_records() -> Vec<u64> {
    let mut words = Vec::new();
    let key = family("f", &[0.5, f64::INFINITY]).encode();
    words.extend(encode_record(RecordKind::Family, 7, &key, 0).unwrap());
    for label in ["x", "a label value of some length"] {
        let key = encode_texts([label, "y"]);
        words.extend(encode_record(RecordKind::Series, 7, &key, 4).unwrap());
    }
    words
}

fn keys_of(words: &[u64]) -> Vec<Option<Vec<u8>>> {
    walk(words, 0)
        .map(|found| match found {
            Found::Record(record) => Some(record.key.to_vec()),
            Found::Damage { .. } => None,
        })
        .collect()
}

#[test]
fn a_family_reads_back() {
    let key = family("f", &[-0.5, 1.0, f64::INFINITY]);
    let native = FamilyKey {
        native: NativeSpec::new(1.1, 160, 1e-9),
        ..key.clone()
    };
    assert!(native.native.is_some());
    for key in [key, native] {
        assert_eq!(FamilyKey::decode(&key.encode()), Some(key));
    }
}

#[test]
fn records_read_back_in_order() {
    let words = three_records();
    let found: Vec<Found<'_>> = walk(&words, 0).collect();
    assert_eq!(found.len(), 3);
    let Found::Record(last) = &found[2] else {
        panic!("{found:?}");
    };
    assert_eq!(
        decode_texts(last.key),
        Some(vec!["a label value of some length", "y"])
    );
    assert_eq!((last.family, last.cells.len()), (7, 4));
}

#[test]
fn a_record_that_is_too_long_is_refused() {
    let key = vec![0; RECORD_WORDS_MAX * 8];
    assert!(encode_record(RecordKind::Series, 0, &key, 1).is_none());
    assert!(encode_record(RecordKind::Series, 0, &[], 1 << 16).is_none());
}

#[test]
fn a_future_file_and_rubbish_are_told_apart() {
    let process = ProcessId { pid: 7, start: 9 };
    let good = encode_header(process, 0, 64);
    assert_eq!(read_header(&good), Ok(Some(HEADER_WORDS)));
    assert_eq!(read_header(&good[..9]), Err(BadHeader::TooShort));
    let mut torn = good;
    torn[USED_WORD] += 8;
    assert_eq!(read_header(&torn), Ok(None));
    let mut bad = good;
    bad[4] += 1;
    assert_eq!(read_header(&bad), Err(BadHeader::Rubbish));
    let mut future = good;
    future[1] += 1;
    future[5] = u64::from(checksum(&future[..5]));
    assert_eq!(read_header(&future), Err(BadHeader::Future));
}

proptest! {
    /// One damaged word of a record's fixed part costs that record and no other.
    #[test]
    fn damage_costs_one_record(at in 0_usize..60, bits in 1_u64..) {
        let good = three_records();
        let at = at % good.len();
        let mut bad = good.clone();
        bad[at] ^= bits;
        let intact = keys_of(&bad).into_iter().flatten().count();
        prop_assert!(2 <= intact, "{intact}");
    }

    #[test]
    fn any_words_are_walked_to_the_end(words in proptest::collection::vec(any::<u64>(), 0..200)) {
        prop_assert_eq!(keys_of(&words).into_iter().flatten().count(), 0);
        prop_assert!(read_header(&words).is_err());
    }

    #[test]
    fn any_bytes_are_a_key_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(key) = FamilyKey::decode(&bytes) {
            prop_assert_eq!(key.encode(), bytes.clone());
        }
        decode_texts(&bytes);
    }
}
