//! Licences and banned crates, by the lists of `deny.toml`.
//!
//! cargo-deny does this when it is installed; else this reads the same two lists and checks every
//! package of the lock file against them. Advisories need cargo-deny's database.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::context::{Context, which};

mod spdx;

pub(crate) fn run(ctx: &Context) -> anyhow::Result<()> {
    if which("cargo-deny").is_some() {
        let mut command = ctx.cargo();
        command.args([
            "deny",
            "--all-features",
            "check",
            "bans",
            "licenses",
            "sources",
        ]);
        return ctx.steps.loud("cargo deny", &mut command);
    }
    let metadata = metadata(ctx.cargo())?;
    let path = ctx.root.join("deny.toml");
    let deny = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    ctx.steps.act(
        "licences and bans (cargo-deny is not installed: no advisories)",
        || {
            let problems = problems(&metadata, &list(&deny, "allow")?, &list(&deny, "deny")?)?;
            if problems.is_empty() {
                return Ok(());
            }
            bail!("deny.toml does not allow\n  {}", problems.join("\n  "))
        },
    )
}

fn metadata(mut cargo: Command) -> anyhow::Result<Value> {
    cargo.args(["metadata", "--format-version", "1", "--locked", "--quiet"]);
    let output = cargo.output().context("run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("read cargo metadata's JSON")
}

/// What `metadata`'s packages do against the lists.
fn problems(
    metadata: &Value,
    allowed: &[String],
    banned: &[String],
) -> anyhow::Result<Vec<String>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let mut found = Vec::new();
    for package in packages {
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        if banned.iter().any(|banned| banned == name) {
            found.push(format!("{name} {version}: the crate is banned"));
        }
        let licence = text(&package["license"]);
        match spdx::is_allowed(licence, allowed) {
            Some(true) => {}
            Some(false) => found.push(format!("{name} {version}: its licence is {licence}")),
            None => found.push(format!(
                "{name} {version}: no readable licence ({licence:?})"
            )),
        }
    }
    Ok(found)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The strings of the first `name = [ … ]` of a TOML text, one entry a line: its `"…"`, which for
/// a ban is the value of `crate` or `name`.
fn list(toml: &str, name: &str) -> anyhow::Result<Vec<String>> {
    let mut lines = toml
        .lines()
        .skip_while(|line| line.trim() != format!("{name} = ["));
    lines
        .next()
        .with_context(|| format!("deny.toml has no line \"{name} = [\""))?;
    Ok(lines
        .take_while(|line| line.trim() != "]")
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "\
[licenses]
allow = [
    # A comment with \"quotes\".
    \"MIT\",
    \"Apache-2.0\",
]
[bans]
deny = [
    { crate = \"openssl\", reason = \"rustls\" },
]
";

    fn check(package: &str, expected: &[&str]) {
        let metadata: Value =
            serde_json::from_str(&format!("{{\"packages\": [{package}]}}")).unwrap();
        let allowed = list(DENY, "allow").unwrap();
        let banned = list(DENY, "deny").unwrap();
        assert_eq!(
            problems(&metadata, &allowed, &banned).unwrap(),
            expected,
            "{package}"
        );
    }

    #[test]
    fn a_package_needs_an_allowed_licence_and_no_ban() {
        check(
            r#"{"name": "a", "version": "1.0.0", "license": "MIT OR GPL-3.0"}"#,
            &[],
        );
        check(
            r#"{"name": "a", "version": "1.0.0", "license": "GPL-3.0"}"#,
            &["a 1.0.0: its licence is GPL-3.0"],
        );
        check(
            r#"{"name": "a", "version": "1.0.0", "license": null}"#,
            &["a 1.0.0: no readable licence (\"\")"],
        );
        check(
            r#"{"name": "openssl", "version": "0.10.0", "license": "MIT"}"#,
            &["openssl 0.10.0: the crate is banned"],
        );
    }

    #[test]
    fn a_list_that_is_missing_is_an_error() {
        assert!(list(DENY, "exceptions").is_err());
    }
}
