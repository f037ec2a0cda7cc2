use proptest::prelude::*;

use super::*;

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    // Small numbers get further into a decoder than random ones.
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        proptest::collection::vec(0..12u8, 0..300),
    ]
}

proptest! {
    #[test]
    fn hostile_directories_are_an_error_or_a_directory(bytes in any_bytes(), n in 0..50usize) {
        if let Ok(directory) = Directory::read(&bytes, n) {
            prop_assert_eq!(directory.lags.len(), n);
            for chunk in &directory.chunks {
                prop_assert!(chunk.rows <= ROWS_MAX);
                prop_assert!(chunk.only.is_none_or(|column| column < n));
                prop_assert_eq!(chunk.tags.len(), if chunk.only.is_some() { 1 } else { n });
            }
        }
    }

    #[test]
    fn hostile_contents_are_an_error_or_a_table(bytes in any_bytes()) {
        if let Ok(entries) = directory::read_contents(&bytes) {
            prop_assert!(entries.len() <= bytes.len());
        }
    }

    #[test]
    fn a_footer_is_found_only_where_its_checksum_holds(bytes in any_bytes()) {
        let magic = [&bytes[..], &MAGIC[..]].concat();
        prop_assert!(last_footer(&magic).is_none());
    }
}
