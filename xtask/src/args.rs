//! The few flags of the few commands.

use anyhow::{Context as _, bail};

/// What was typed after the command; each reader takes its part, `finish` refuses the rest.
#[derive(Debug)]
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self(words)
    }

    /// Takes `--name`; says whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let position = self.0.iter().position(|word| word == name);
        position.is_some_and(|position| self.0.remove(position) == name)
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        let with_equals = format!("{name}=");
        if let Some(at) = self
            .0
            .iter()
            .position(|word| word.starts_with(&with_equals))
        {
            return Ok(Some(self.0.remove(at)[with_equals.len()..].to_owned()));
        }
        let Some(at) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        self.0.remove(at);
        if at == self.0.len() || self.0[at].starts_with("--") {
            bail!("{name} wants a value");
        }
        Ok(Some(self.0.remove(at)))
    }

    /// Takes the first word that is not a flag.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.0.iter().position(|word| !word.starts_with('-'))?;
        Some(self.0.remove(at))
    }

    /// What nobody took, for a program that reads it itself.
    pub(crate) fn rest(self) -> Vec<String> {
        self.0
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match &self.0[..] {
            [] => Ok(()),
            rest => bail!("not understood: {}; see `cargo xtask help`", rest.join(" ")),
        }
    }
}

/// Reads whole seconds separated by commas, as many as wanted.
pub(crate) fn seconds<const N: usize>(text: &str) -> anyhow::Result<[u64; N]> {
    let parts = text
        .split(',')
        .map(|part| part.trim().parse::<u64>())
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{text:?} is not {N} numbers of seconds, such as 60,45,90,240"))?;
    <[u64; N]>::try_from(parts)
        .map_err(|parts| anyhow::anyhow!("wanted {N} numbers of seconds, got {}", parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::new(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_value_follows_its_name_with_a_space_or_an_equals_sign() {
        for text in ["--listen a:1 --once", "--once --listen=a:1"] {
            let mut args = args(text);
            assert_eq!(args.value("--listen").unwrap().as_deref(), Some("a:1"));
            assert!(args.flag("--once"));
            args.finish().unwrap();
        }
    }

    #[test]
    fn a_value_that_is_missing_is_named() {
        for text in ["--listen", "--listen --once"] {
            let error = args(text).value("--listen").unwrap_err().to_string();
            assert_eq!(error, "--listen wants a value");
        }
    }

    #[test]
    fn what_nobody_took_is_refused() {
        let error = args("--what ever").finish().unwrap_err().to_string();
        assert_eq!(error, "not understood: --what ever; see `cargo xtask help`");
    }

    #[test]
    fn seconds_come_in_the_number_wanted() {
        assert_eq!(seconds::<3>("60, 45,90").unwrap(), [60, 45, 90]);
        for text in ["60", "1,2,3,4", "a,b,c", "", "1,,2", "-1,2,3"] {
            assert!(seconds::<3>(text).is_err(), "{text}");
        }
    }
}
