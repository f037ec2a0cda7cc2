use proptest::prelude::*;

use super::*;

/// A process of a made-up `/proc`: pid, parent, auxv, command line.
type Row = (u32, u32, Option<&'static str>, &'static str);

fn check(rows: &[Row], pid: u32, root: u32) {
    let folder = tempfile::tempdir().unwrap();
    for &(pid, parent, auxv, cmdline) in rows {
        let dir = folder.path().join(pid.to_string());
        fs::create_dir(&dir).unwrap();
        let tail = "0 ".repeat(17);
        let stat = format!("{pid} (a) b ( c) S {parent} {tail}{} 8192 2 0\n", pid * 10);
        fs::write(dir.join("stat"), stat).unwrap();
        if let Some(auxv) = auxv {
            fs::write(dir.join("auxv"), auxv).unwrap();
        }
        fs::write(dir.join("cmdline"), cmdline.replace(' ', "\0")).unwrap();
        let program = cmdline.split(' ').next().unwrap();
        std::os::unix::fs::symlink(program, dir.join("exe")).unwrap();
    }
    let key = Proc::at(folder.path()).group_of(pid);
    assert_eq!(key.to_string(), format!("{root}-{}", root * 10));
}

#[test]
fn workers_belong_to_the_process_that_was_started() {
    let rows = [
        (10, 1, Some("shell"), "bash"),
        (20, 10, Some("a"), "gunicorn"),
        (21, 20, Some("a"), "gunicorn: worker"),
        (22, 21, Some("a"), "gunicorn: worker"),
    ];
    check(&rows, 22, 20);
    check(&rows, 20, 20);
    check(&rows, 10, 10);
}

#[test]
fn two_programs_with_one_command_line_are_two_groups() {
    let rows = [
        (20, 1, Some("a"), "python app.py"),
        (21, 20, Some("b"), "python app.py"),
    ];
    check(&rows, 21, 21);
}

#[test]
fn where_auxv_is_hidden_the_command_line_decides() {
    let rows = [
        (20, 1, None, "python app.py"),
        (21, 20, None, "python app.py"),
    ];
    check(&rows, 21, 20);
    let rows = [(20, 1, None, "bash"), (21, 20, None, "python app.py")];
    check(&rows, 21, 21);
}

#[test]
fn a_spawned_worker_joins_its_parent() {
    let spawned = "python -c spawn_main() --multiprocessing-fork";
    let rows = [
        (20, 1, Some("a"), "python app.py"),
        (21, 20, Some("a"), "python app.py"),
        (22, 21, Some("b"), spawned),
    ];
    check(&rows, 22, 20);
}

#[test]
fn init_is_nobodys_root_but_of_what_was_forked_from_it() {
    check(
        &[(20, 1, Some("a"), "x"), (1, 0, Some("b"), "init")],
        20,
        20,
    );
    check(&[(20, 1, None, "x"), (1, 0, None, "init")], 20, 20);
    // A container runs the service as its first process.
    check(&[(20, 1, Some("a"), "x"), (1, 0, Some("a"), "x")], 20, 1);
}

#[test]
fn a_spawned_worker_that_init_adopted_is_not_inits() {
    let worker = (20, 1, Some("a"), "python -c x --multiprocessing-fork");
    check(&[worker, (1, 0, Some("b"), "init")], 20, 20);
    check(&[worker, (1, 0, Some("b"), "python uvicorn")], 20, 1);
}

#[test]
fn the_real_proc_knows_this_process() {
    let us = std::process::id();
    let id = Proc::default().identify(us);
    assert!(Proc::default().exists(id));
    assert!(!Proc::default().exists(ProcessId {
        pid: us,
        start: id.start + 1
    }));
}

#[test]
fn a_key_has_one_spelling() {
    for (text, readable) in [
        ("7-9", true),
        ("07-9", false),
        ("7-", false),
        ("7--9", false),
    ] {
        assert_eq!(GroupKey::parse(text).is_some(), readable, "{text}");
    }
}

proptest! {
    #[test]
    fn any_stat_text_is_read_or_refused(text in ".{0,200}") {
        parse_stat(&text);
    }
}
