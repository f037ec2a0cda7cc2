//! `pyrometer run` as far as it is not Python's: what was typed, and which Python is asked.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::harness::{output_of, stderr_of};

fn pyrometer(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pyrometer"));
    command.arg("run").args(arguments);
    command
}

/// A Python that prints what it was asked. Another process writes it: a descriptor for writing
/// that a test beside this one inherits in a fork would keep the file from being run.
fn make_python(path: &Path) {
    let script = r#"printf '#!/bin/sh\necho "$@"\nexit 7\n' > "$0" && chmod 755 "$0""#;
    let made = Command::new("sh").args(["-c", script]).arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn a_command_is_needed() {
    for arguments in [&[][..], &["--"], &["--service", "shop"], &["--such", "x"]] {
        let output = output_of(&mut pyrometer(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr_of(&output).contains("pyrometer run"),
            "{arguments:?}"
        );
    }
}

#[test]
fn without_python_it_says_what_it_needs() {
    let empty = tempfile::tempdir().unwrap();
    let output = output_of(pyrometer(&["--", "gunicorn"]).env("PATH", empty.path()));
    assert_eq!(output.status.code(), Some(127));
    let complaint = stderr_of(&output);
    assert!(complaint.contains("cannot start python3"), "{complaint}");
}

#[test]
fn the_command_goes_to_python_word_by_word_and_its_exit_code_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    make_python(&folder.path().join("python3"));
    for (arguments, expected) in [
        (
            &["--", "gunicorn", "shop:app", "--service", "x"][..],
            "-- gunicorn shop:app --service x",
        ),
        (&["gunicorn", "-w", "2", "--", "y"], "-- gunicorn -w 2 -- y"),
        (
            &["--service", "pay", "--", "a b", ""],
            "--service pay -- a b ",
        ),
    ] {
        let output = output_of(pyrometer(arguments).env("PATH", folder.path()));
        assert_eq!(output.status.code(), Some(7), "{arguments:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, format!("-m pyrometer run {expected}\n"));
    }
}

#[test]
fn the_python_of_its_own_environment_comes_first() {
    let binary = Path::new(env!("CARGO_BIN_EXE_pyrometer"));
    let path = tempfile::tempdir().unwrap();
    let environment = tempfile::tempdir_in(binary.parent().unwrap()).unwrap();
    symlink("/nowhere", path.path().join("python3")).unwrap();
    make_python(&environment.path().join("python"));
    let installed = environment.path().join("pyrometer");
    std::fs::hard_link(binary, &installed).unwrap();
    let mut command = Command::new(installed);
    let output = output_of(command.args(["run", "true"]).env("PATH", path.path()));
    assert_eq!(output.status.code(), Some(7), "{}", stderr_of(&output));
}
