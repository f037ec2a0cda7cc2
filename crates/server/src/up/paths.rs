//! Where things are kept, unless somebody says otherwise.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The data folder: as given, or the user's place for data (XDG base directories). `None` when
/// nothing says where the user's home is.
pub(super) fn data_dir(given: Option<&Path>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        // The specification has relative paths ignored.
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    match given {
        Some(dir) => Some(dir.to_owned()),
        None => absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|data| data.join("pyrometer")),
    }
}

/// The folders where processes announce themselves.
pub(super) fn runtime_dirs(given: &[PathBuf]) -> Vec<PathBuf> {
    if given.is_empty() {
        vec![instrument::runtime_dir()]
    } else {
        given.to_owned()
    }
}

/// Makes a folder and its parents, readable by their owner only: samples tell much of a business.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// As the machine calls itself.
pub(super) fn hostname() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}
