//! Steps with a title, a time, and on failure the command and the end of its output.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How much of a failed command's output is shown: its end holds a Rust or Python error with its
/// surroundings; its beginning holds npm's, which a page of usage follows.
const HEAD_LINES: usize = 12;
const TAIL_LINES: usize = 40;

/// Runs steps and remembers how long each took.
#[derive(Debug)]
pub(crate) struct Steps {
    logs: PathBuf,
    done: RefCell<Vec<(String, Duration)>>,
}

impl Steps {
    pub(crate) fn new(logs: PathBuf) -> Self {
        Self {
            logs,
            done: RefCell::default(),
        }
    }

    /// Does `work` as one step.
    pub(crate) fn act<T>(
        &self,
        title: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("▸ {title}");
        let start = Instant::now();
        let value = work().with_context(|| title.to_owned())?;
        self.finish(title, start);
        Ok(value)
    }

    /// Runs a command whose output a person wants to see as it comes.
    pub(crate) fn loud(&self, title: &str, command: &mut Command) -> anyhow::Result<()> {
        self.act(title, || {
            let status = command
                .status()
                .with_context(|| format!("start {}", line(command)))?;
            if !status.success() {
                bail!("{status}\n  {}", line(command));
            }
            Ok(())
        })
    }

    /// Runs a command whose output matters only when it fails.
    pub(crate) fn quiet(&self, title: &str, command: &mut Command) -> anyhow::Result<()> {
        let log = self.logs.join(format!("{}.log", slug(title)));
        self.act(title, || {
            let parent = log.parent().context("a log lies in a folder")?;
            fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
            let out = File::create(&log).with_context(|| format!("create {}", log.display()))?;
            command
                .stdin(Stdio::null())
                .stdout(out.try_clone()?)
                .stderr(out);
            let status = command
                .status()
                .with_context(|| format!("start {}", line(command)))?;
            if !status.success() {
                bail!("{status}\n  {}\n{}", line(command), tail(&log));
            }
            Ok(())
        })
    }

    /// Says that a step was left out, and why.
    pub(crate) fn skipped(&self, title: &str, why: &str) {
        println!("· {title}: {why}");
    }

    /// The steps and their times, slowest visible at a glance.
    pub(crate) fn print_times(&self) {
        println!("\ntime of each step");
        let done = self.done.borrow();
        for (title, span) in &*done {
            println!("  {:>7.1} s  {title}", span.as_secs_f64());
        }
        let total: Duration = done.iter().map(|(_, span)| *span).sum();
        println!("  {:>7.1} s  in all", total.as_secs_f64());
    }

    fn finish(&self, title: &str, start: Instant) {
        let span = start.elapsed();
        println!("✓ {title} ({:.1} s)", span.as_secs_f64());
        self.done.borrow_mut().push((title.to_owned(), span));
    }
}

/// The end of a log and a little of its beginning, indented, with the log's own place.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return format!("{} is empty", log.display());
    }
    let left_out = lines.len().saturating_sub(HEAD_LINES + TAIL_LINES);
    let mut told = format!("{}:\n", log.display());
    for (index, line) in lines.iter().enumerate() {
        if index == HEAD_LINES && left_out > 0 {
            told.push_str(&format!("  | … {left_out} lines …\n"));
        }
        if index < HEAD_LINES || index >= HEAD_LINES + left_out {
            told.push_str("  | ");
            told.push_str(line);
            told.push('\n');
        }
    }
    told
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| {
        let word = word.to_string_lossy();
        if word.contains([' ', '"', '$']) {
            format!("{word:?}")
        } else {
            word.into_owned()
        }
    }));
    words.join(" ")
}

fn slug(title: &str) -> String {
    title
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_shows_itself_and_the_end_of_its_output() {
        let logs = tempfile::tempdir().unwrap();
        let steps = Steps::new(logs.path().to_path_buf());
        let mut command = Command::new("sh");
        command.args(["-c", "seq 1 100; exit 3"]);
        let error = format!("{:#}", steps.quiet("count", &mut command).unwrap_err());
        assert!(
            error.starts_with("count: exit status: 3\n  sh -c \"seq 1 100; exit 3\""),
            "{error}"
        );
        assert!(error.ends_with("  | 99\n  | 100\n"), "{error}");
        assert!(
            error.contains("  | 12\n  | … 48 lines …\n  | 61\n"),
            "{error}"
        );
    }

    #[test]
    fn a_command_that_does_not_exist_is_named() {
        let logs = tempfile::tempdir().unwrap();
        let steps = Steps::new(logs.path().to_path_buf());
        let failed = steps.quiet("none", &mut Command::new("no-such-program"));
        assert!(format!("{:#}", failed.unwrap_err()).starts_with("none: start no-such-program: "));
    }
}
