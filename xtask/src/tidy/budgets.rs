//! What we take from others stays small. Sizes of what is built are checked where it is built:
//! `npm run size` for the UI, `cargo xtask wheel` for the wheel.

use serde_json::Value;

use super::Tree;

/// Every locked package is code that somebody must trust, fetch and compile.
const LOCKED_PACKAGES_MAX: usize = 250;
const NPM_RUNTIME_MAX: usize = 8;

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(lock) = tree.get("Cargo.lock") {
        let packages = lock.lines().filter(|line| *line == "[[package]]").count();
        if packages > LOCKED_PACKAGES_MAX {
            found.push(format!(
                "Cargo.lock: {packages} packages, {LOCKED_PACKAGES_MAX} are allowed"
            ));
        }
    }
    if let Some(text) = tree.get("ui/package.json") {
        match serde_json::from_str::<Value>(text) {
            Ok(package) => {
                let runtime = package["dependencies"]
                    .as_object()
                    .map_or(0, |deps| deps.len());
                if runtime > NPM_RUNTIME_MAX {
                    found.push(format!(
                        "ui/package.json: {runtime} runtime packages, {NPM_RUNTIME_MAX} are allowed"
                    ));
                }
            }
            Err(error) => found.push(format!("ui/package.json: {error}")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn too_many_locked_packages_are_found() {
        let lock = "[[package]]\nname = \"a\"\n".repeat(251);
        check(
            complaints,
            &[("Cargo.lock", &lock)],
            &["Cargo.lock: 251 packages, 250 are allowed"],
        );
    }

    #[test]
    fn too_many_npm_packages_are_found() {
        let named: Vec<String> = (0..9).map(|n| format!("\"p{n}\": \"1\"")).collect();
        let package = format!("{{\"dependencies\": {{{}}}}}", named.join(","));
        check(
            complaints,
            &[("ui/package.json", &package)],
            &["ui/package.json: 9 runtime packages, 8 are allowed"],
        );
        check(
            complaints,
            &[("ui/package.json", "{")],
            &["ui/package.json: EOF while parsing an object at line 1 column 1"],
        );
    }
}
