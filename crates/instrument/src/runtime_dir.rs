//! Where the groups of one user live.

use std::env;
use std::path::{Path, PathBuf};

/// The variable that names another runtime folder, for both the package and the server.
pub const RUNTIME_DIR_VARIABLE: &str = "PYROMETER_RUNTIME_DIR";

/// The folder that holds this user's process groups. Nothing is created.
///
/// In this order: `PYROMETER_RUNTIME_DIR`, `/dev/shm/pyrometer-<uid>`,
/// `$XDG_RUNTIME_DIR/pyrometer`, `<temporary folder>/pyrometer-<uid>`. The package and the server
/// take the same answer from the same environment; memory comes first because cells are written
/// on every request, and a folder on a disk would be flushed to it again and again.
pub fn runtime_dir() -> PathBuf {
    choose(
        |name| env::var_os(name).map(PathBuf::from),
        Path::new("/dev/shm").is_dir(),
        rustix::process::geteuid().as_raw(),
        env::temp_dir(),
    )
}

fn choose(
    variable: impl Fn(&str) -> Option<PathBuf>,
    has_dev_shm: bool,
    uid: u32,
    temp_dir: PathBuf,
) -> PathBuf {
    let set = |name| variable(name).filter(|path| path.is_absolute());
    if let Some(named) = set(RUNTIME_DIR_VARIABLE) {
        return named;
    }
    let own = format!("pyrometer-{uid}");
    if has_dev_shm {
        return Path::new("/dev/shm").join(own);
    }
    match set("XDG_RUNTIME_DIR") {
        Some(dir) => dir.join("pyrometer"),
        None => temp_dir.join(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], has_dev_shm: bool, expected: &str) {
        let variable = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| *key == name)?;
            Some(PathBuf::from(value))
        };
        let chosen = choose(variable, has_dev_shm, 1000, PathBuf::from("/tmp"));
        assert_eq!(chosen, Path::new(expected));
    }

    #[test]
    fn the_named_folder_wins_then_memory_then_the_session_then_the_temporary_folder() {
        let session = ("XDG_RUNTIME_DIR", "/run/user/1000");
        let named = (RUNTIME_DIR_VARIABLE, "/srv/p");
        check(&[named, session], true, "/srv/p");
        check(&[session], true, "/dev/shm/pyrometer-1000");
        check(&[session], false, "/run/user/1000/pyrometer");
        check(&[], false, "/tmp/pyrometer-1000");
    }

    #[test]
    fn a_relative_folder_is_no_place_two_programs_can_agree_on() {
        check(
            &[(RUNTIME_DIR_VARIABLE, "p")],
            true,
            "/dev/shm/pyrometer-1000",
        );
    }
}
