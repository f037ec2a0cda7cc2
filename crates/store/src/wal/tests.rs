use proptest::prelude::*;

use super::*;
use crate::head::Row;

struct Named(Vec<Labels>);

impl Names for Named {
    fn labels(&self, series: SeriesId) -> &Labels {
        &self.0[series.0 as usize]
    }

    fn group_name(&self, _: SeriesId) -> &str {
        "g"
    }
}

const SERIES: usize = 5;

fn names() -> Named {
    Named(
        (0..SERIES + 1)
            .map(|number| Labels::new([("n", number.to_string())]).unwrap())
            .collect(),
    )
}

fn current(dir: &Path) -> Current {
    let path = dir.join("x");
    Current {
        number: 1,
        file: Arc::new(File::create(&path).unwrap()),
        path,
        bytes: 0,
        streams: HashMap::new(),
        defined: Defined::default(),
        next_base: 1,
    }
}

/// Records of rows, with a record of single samples and a new generation now and then.
fn entries(n: usize) -> Vec<Entry> {
    (0..n)
        .map(|number| {
            let at = Timestamp::from_millis(number as i64 * 15_000);
            let value = |series: usize| match series {
                0 => (number as f64).sqrt(),
                1 => number as f64 / 8.0,
                series => (number * series) as f64,
            };
            if number % 7 == 3 {
                let series = SeriesId(SERIES as u32);
                return Entry::Samples(
                    [(series, at, value(0)), (series, at.plus_millis(1), 1.0)].into(),
                );
            }
            let n_series = SERIES - number % 100 / 50;
            Entry::Row {
                group: GroupId(3),
                generation: number as u64 / 50,
                columns: (0..n_series as u32).map(SeriesId).collect(),
                row: Arc::new(Row {
                    at,
                    values: (0..n_series).map(value).collect(),
                    present: (number % 5 == 0).then(|| (0..n_series).map(|s| s != 2).collect()),
                }),
            }
        })
        .collect()
}

/// A whole segment, and where its records end.
fn segment(entries: &[Entry]) -> (Vec<u8>, Vec<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let mut current = current(dir.path());
    let mut bytes = SEGMENT_HEAD.to_vec();
    let mut ends = Vec::new();
    for entry in entries {
        current.put(entry, &names(), &mut bytes);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn expected(entry: &Entry) -> Replayed {
    match entry {
        Entry::Samples(samples) => Replayed::Samples(samples.to_vec()),
        Entry::Row { columns, row, .. } => Replayed::Rows {
            at: row.at,
            samples: columns
                .iter()
                .enumerate()
                .filter_map(|(column, &series)| Some((series, row.get(column)?)))
                .collect(),
        },
    }
}

/// What a reader gets, and how many pieces are damaged.
fn read(segment: &[u8]) -> (Vec<Replayed>, usize) {
    let names = names();
    let mut resolve = |_: &str, labels: Labels| {
        let place = names.0.iter().position(|known| *known == labels);
        SeriesId(place.unwrap_or(SERIES) as u32)
    };
    let mut decoder = Decoder::default();
    let (mut records, mut damaged) = (Vec::new(), 0);
    for piece in pieces(segment) {
        match piece {
            Piece::Payload { payload, .. } => match decoder.read(payload, &mut resolve) {
                Ok((record, orphans)) => {
                    records.push(record);
                    damaged += usize::from(orphans);
                }
                Err(_) => damaged += 1,
            },
            Piece::Damaged { .. } => damaged += 1,
        }
    }
    (records, damaged)
}

#[test]
fn records_come_back() {
    let entries = entries(700);
    let (bytes, _) = segment(&entries);
    let all: Vec<Replayed> = entries.iter().map(expected).collect();
    assert_eq!(read(&bytes), (all, 0));
}

#[test]
fn a_segment_cut_anywhere_gives_all_whole_records() {
    let entries = entries(120);
    let (bytes, ends) = segment(&entries);
    let all: Vec<Replayed> = entries.iter().map(expected).collect();
    for len in 0..bytes.len() {
        let whole = ends.iter().filter(|&&end| end <= len).count();
        let (records, damaged) = read(&bytes[..len]);
        assert_eq!(records, all[..whole], "{len}");
        assert!(damaged <= 1);
    }
}

#[test]
fn a_lost_record_takes_no_other_with_it() {
    let entries = entries(400);
    let (bytes, ends) = segment(&entries);
    let all: Vec<Replayed> = entries.iter().map(expected).collect();
    for lost in 0..entries.len() {
        let start = if lost == 0 {
            SEGMENT_HEAD.len()
        } else {
            ends[lost - 1]
        };
        let mut without = all.clone();
        without.remove(lost);
        // Gone, or there and wrong.
        let gone = [&bytes[..start], &bytes[ends[lost]..]].concat();
        assert_eq!(read(&gone), (without.clone(), 0), "record {lost}");
        let mut wrong = bytes.clone();
        wrong[(start + ends[lost]) / 2] ^= 1;
        assert_eq!(read(&wrong), (without, 1), "record {lost}");
    }
}

proptest! {
    #[test]
    fn hostile_payloads_are_an_error_or_samples(
        record in 0..100usize,
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        noise in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let entries = entries(100);
        let (bytes, ends) = segment(&entries);
        let start = if record == 0 { SEGMENT_HEAD.len() } else { ends[record - 1] };
        let mut payload = bytes[start + 12..ends[record]].to_vec();
        for (place, bits) in flips {
            let place = place.index(payload.len());
            payload[place] ^= bits;
        }
        let mut resolve = |_: &str, _: Labels| SeriesId(0);
        for payload in [payload, noise] {
            if let Ok((record, _)) = Decoder::default().read(&payload, &mut resolve) {
                let n = match record {
                    Replayed::Rows { samples, .. } => samples.len(),
                    Replayed::Samples(samples) => samples.len(),
                };
                prop_assert!(n <= payload.len() * 4);
            }
        }
    }
}
