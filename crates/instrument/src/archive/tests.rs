use std::time::Duration;

use super::*;
use crate::process::tests::{Stage, counter};
use crate::{FindLimits, find_groups};

const GRACE: Duration = Duration::from_secs(60);

fn sweep(stage: &Stage, at: i64) -> Vec<Swept> {
    let now = Timestamp::from_millis(at * 1000);
    sweep_groups(stage.runtime_dir(), &FindLimits::default(), GRACE, now)
}

#[test]
fn a_group_is_removed_once_nobody_has_lived_for_the_grace() {
    let stage = Stage::new();
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    assert_eq!(sweep(&stage, 100), []);
    process.die();
    let key = GroupKey::parse("50000000-1").unwrap();
    let since = Timestamp::from_millis(200_000);
    assert_eq!(sweep(&stage, 200), [Swept::Waiting { key, since }]);
    assert_eq!(sweep(&stage, 259), [Swept::Waiting { key, since }]);
    assert!(
        stage.text().contains("c_total 1.0"),
        "its last values can be read"
    );
    assert_eq!(sweep(&stage, 260), [Swept::Removed { key }]);
    assert!(!stage.dir().exists());
    assert_eq!(sweep(&stage, 300), []);
}

#[test]
fn a_group_that_comes_back_to_life_stays() {
    let stage = Stage::new();
    let first = stage.process();
    counter(&first, &[]).add(1.0);
    first.die();
    assert_eq!(sweep(&stage, 100).len(), 1);
    counter(&stage.process(), &[]).add(1.0);
    assert_eq!(sweep(&stage, 500), []);
    assert!(stage.text().contains("c_total 2.0"));
}

#[test]
fn a_folder_with_files_of_others_is_not_removed() {
    let stage = Stage::new();
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    process.die();
    std::fs::write(stage.dir().join("notes.txt"), "mine").unwrap();
    sweep(&stage, 100);
    sweep(&stage, 500);
    assert!(stage.dir().join("notes.txt").exists());
}

#[test]
fn a_runtime_folder_of_rubbish_is_reported_and_holds_no_group() {
    let stage = Stage::new();
    counter(&stage.process(), &[]).add(1.0);
    let runtime = stage.runtime_dir();
    std::fs::write(runtime.join("rubbish"), "").unwrap();
    std::os::unix::fs::symlink("/tmp", runtime.join("7-8")).unwrap();
    std::fs::create_dir(runtime.join("7-9")).unwrap();
    let (groups, rejected) = find_groups(runtime, &FindLimits::default());
    // The one group has not announced itself, which is nothing to report.
    assert!(groups.is_empty(), "{groups:?}");
    let said: Vec<String> = rejected.iter().map(|one| one.reason.to_string()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("not a folder"), "{said:?}");
    assert!(said[1].contains("open to other users"), "{said:?}");
    assert!(said[2].contains("no folder of a process group"), "{said:?}");
}

#[test]
fn a_hundred_thousand_entries_are_cut_and_cost_no_time() {
    let stage = Stage::new();
    counter(&stage.process(), &[]).add(1.0);
    // Links are the cheapest entries to make.
    for n in 0..100_000 {
        rustix::fs::symlinkat(
            "x",
            rustix::fs::CWD,
            stage.runtime_dir().join(format!("r{n}")),
        )
        .unwrap();
    }
    let (_, rejected) = find_groups(stage.runtime_dir(), &FindLimits::default());
    assert_eq!(rejected.len(), FindLimits::default().rejected_max);
    let first = rejected[0].reason.to_string();
    assert!(first.contains("more than 65536"), "{first}");
}

#[test]
fn a_runtime_folder_that_is_not_ours_is_one_rejection() {
    let (groups, rejected) = find_groups(Path::new("/"), &FindLimits::default());
    assert!(groups.is_empty());
    assert_eq!(rejected.len(), 1);
    let (groups, rejected) = find_groups(Path::new("/nowhere"), &FindLimits::default());
    assert!(groups.is_empty() && rejected.is_empty());
}

#[test]
fn what_cannot_be_read_is_not_folded_and_not_removed() {
    let stage = Stage::new();
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    process.die();
    let name = stage.segments().remove(0);
    let path = stage.dir().join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] = 2;
    std::fs::write(&path, &bytes).unwrap();
    // A worker of this version starts beside the dead one of a later version.
    counter(&stage.process(), &[]).add(1.0);
    assert!(path.exists());
    assert_eq!(stage.segments().len(), 2, "{:?}", stage.segments());
}

/// A group whose archive holds one dead process, and whose next one finds `change`d bytes there.
fn with_changed_archive(change: impl Fn(&mut Vec<u8>)) -> (Stage, Vec<u8>, Option<String>) {
    let stage = Stage::new();
    for _ in 0..2 {
        let process = stage.process();
        counter(&process, &[]).add(1.0);
        process.die();
    }
    let path = stage.dir().join(ARCHIVE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    let notice = process.take_notice();
    (stage, bytes, notice)
}

#[test]
fn an_archive_of_a_later_version_is_not_replaced() {
    let (stage, bytes, notice) = with_changed_archive(|bytes| {
        bytes[8] += 1;
        let (words, _) = bytes.as_chunks::<8>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
        let sum = u64::from(record::checksum(&words[..5]));
        bytes[40..48].copy_from_slice(&sum.to_ne_bytes());
    });
    let path = stage.dir().join(ARCHIVE_NAME);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(notice, None);
}

#[test]
fn an_archive_with_a_damaged_header_is_set_aside_told_once_and_removed_with_the_group() {
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes[24] ^= 1,
        |bytes| bytes.truncate(7),
        Vec::clear,
        |bytes| bytes.fill(0xff),
    ];
    for damage in damages {
        let (stage, bytes, notice) = with_changed_archive(damage);
        let kept = stage.dir().join(DAMAGED_NAME);
        assert_eq!(std::fs::read(&kept).unwrap(), bytes);
        let notice = notice.expect("it is told");
        assert!(notice.contains("archive.damaged"), "{notice}");
        // One was in the archive; the second dead one is folded anew, and the third lives.
        assert!(stage.text().contains("c_total 2.0"), "{}", stage.text());
        let reading = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
        assert!(reading.damaged.is_empty(), "{:?}", reading.damaged);
        let next = stage.process();
        counter(&next, &[]).add(1.0);
        assert_eq!(next.take_notice(), None);
        next.die();
        counter(&stage.process(), &[]).add(1.0);
        // The archive, and those of the two that live.
        assert_eq!(stage.segments().len(), 3, "{:?}", stage.segments());
    }
}

#[test]
fn an_archive_that_is_open_to_others_is_reported_and_not_replaced() {
    use std::os::unix::fs::PermissionsExt as _;

    let stage = Stage::new();
    for _ in 0..3 {
        let process = stage.process();
        counter(&process, &[]).add(1.0);
        process.die();
    }
    let path = stage.dir().join(ARCHIVE_NAME);
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode).unwrap();
    };
    set_mode(0o644);
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    let reading = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    let said: Vec<&str> = reading.damaged.iter().map(|damage| &*damage.what).collect();
    assert!(said[0].contains("open to other users"), "{said:?}");
    set_mode(0o600);
    assert!(stage.text().contains("c_total 4.0"), "{}", stage.text());
}

#[test]
fn what_a_killed_process_had_not_finished_is_removed() {
    let stage = Stage::new();
    let first = stage.process();
    counter(&first, &[]).add(1.0);
    let us = Proc::default().identify(std::process::id());
    let mine = format!("{us}.1.seg.new");
    let theirs = ["50000009-1.0.seg.new", "announce.json.50000009.tmp"];
    for name in theirs.into_iter().chain([mine.as_str(), "notes.new"]) {
        std::fs::write(stage.dir().join(name), "x").unwrap();
    }
    counter(&stage.process(), &[]).add(1.0);
    for name in theirs {
        assert!(!stage.dir().join(name).exists(), "{name}");
    }
    for name in [mine.as_str(), "notes.new"] {
        assert!(stage.dir().join(name).exists(), "{name}");
    }
}

#[test]
fn an_archive_names_only_files_that_are_still_there() {
    let stage = Stage::new();
    for _ in 0..20 {
        let process = stage.process();
        counter(&process, &[]).add(1.0);
        process.die();
    }
    let bytes = std::fs::read(stage.dir().join(ARCHIVE_NAME)).unwrap();
    let words: Vec<u64> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|word| u64::from_ne_bytes(*word))
        .collect();
    assert_eq!(folded(&words).len(), 1);
    assert_eq!(n_folded(&words), 19);
}
