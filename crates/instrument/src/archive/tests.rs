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
