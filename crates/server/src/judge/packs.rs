//! Where packs come from: the binary, and the folders and overrides that the command line names.

use std::path::{Path, PathBuf};

use diagnosis::pack::{Overrides, Pack, PackFiles, embedded};

use crate::config::read_file;

/// Packs of one folder; the binary carries fewer than a hundred.
const PACKS_MAX: usize = 500;

/// Files of one pack: one for each alert, and a few.
const FILES_MAX: usize = 500;

/// What the command line says about packs.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackSources {
    /// Each has one folder a pack.
    pub(crate) folders: Vec<PathBuf>,
    /// Thresholds tuned and alerts switched off.
    pub(crate) overrides: Option<PathBuf>,
}

/// Packs that can be used, and sentences about what cannot.
#[derive(Debug, Default)]
pub(crate) struct LoadedPacks {
    pub(crate) packs: Vec<Pack>,
    pub(crate) problems: Vec<String>,
}

/// The packs of the binary; one of the user's with the same name takes the place of ours. A pack
/// with a problem costs itself only, and so does an override. `edited` are overrides that were made
/// in the UI; those of the file decide. Blocks on files.
pub(crate) fn load(sources: &PackSources, edited: &str) -> LoadedPacks {
    let carried = |files| Pack::load(&files).expect("the packs' gate test loads each of them");
    let mut loaded = LoadedPacks {
        packs: embedded().into_iter().map(carried).collect(),
        problems: Vec::new(),
    };
    for folder in &sources.folders {
        let own = from_folder(folder);
        loaded.problems.extend(own.problems);
        for pack in own.packs {
            loaded.packs.retain(|other| other.id != pack.id);
            loaded.packs.push(pack);
        }
    }
    let (made, problems) = Overrides::read(edited, &loaded.packs);
    let told = problems
        .iter()
        .map(|problem| format!("an override made in the UI: {}", problem.mistake));
    loaded.problems.extend(told);
    let mut overrides = made;
    if let Some(path) = &sources.overrides {
        match read_file(path) {
            Ok(text) => {
                let (of_file, problems) = Overrides::read(&text, &loaded.packs);
                overrides = overrides.followed_by(of_file);
                let told = problems.iter().map(|p| format!("{}, {p}", path.display()));
                loaded.problems.extend(told);
            }
            Err(error) => loaded
                .problems
                .push(format!("cannot read {}: {error}", path.display())),
        }
    } else {
        overrides = overrides.followed_by(Overrides::default());
    }
    let packs = loaded.packs.iter();
    loaded.packs = packs.map(|pack| pack.tuned(&overrides)).collect();
    loaded
}

/// The packs in the folders of a folder.
pub(crate) fn from_folder(folder: &Path) -> LoadedPacks {
    let mut loaded = LoadedPacks::default();
    let entries = match entries_of(folder, PACKS_MAX) {
        Ok(entries) => entries,
        Err(error) => {
            let problem = format!("cannot read packs in {}: {error}", folder.display());
            loaded.problems.push(problem);
            return loaded;
        }
    };
    for entry in entries.into_iter().filter(|path| path.is_dir()) {
        match one(&entry) {
            Ok(pack) => loaded.packs.push(pack),
            Err(problems) => loaded.problems.extend(problems),
        }
    }
    loaded
}

fn one(folder: &Path) -> Result<Pack, Vec<String>> {
    let id = name_of(folder);
    let failed = |path: &Path, error| vec![format!("cannot read {}: {error}", path.display())];
    let mut paths = entries_of(folder, FILES_MAX).map_err(|e| failed(folder, e))?;
    let runbooks = folder.join("runbooks");
    if runbooks.is_dir() {
        paths.extend(entries_of(&runbooks, FILES_MAX).map_err(|e| failed(&runbooks, e))?);
    }
    let mut files: Vec<(String, String)> = Vec::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let text = read_file(&path).map_err(|error| failed(&path, error))?;
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        files.push((relative.to_string_lossy().replace('\\', "/"), text));
    }
    let files = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    let pack = Pack::load(&PackFiles {
        id: &id,
        files: files.collect(),
    });
    pack.map_err(|problems| {
        let place = |problem| format!("{}: {problem}", folder.display());
        problems.iter().map(place).collect()
    })
}

/// Sorted, without what begins with a dot.
fn entries_of(folder: &Path, max: usize) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
        if paths.len() > max {
            let reason = format!("more than {max} entries");
            return Err(std::io::Error::other(reason));
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
