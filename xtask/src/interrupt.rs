//! Ctrl-C, and waiting that notices it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set once a person, a closed terminal or a supervisor asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// The error that stands for "asked to stop", so that it unwinds like any other.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    pub(crate) fn listen() -> std::io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) {
            Err(Interrupted)
        } else {
            Ok(())
        }
    }

    /// Waits, or returns early with an error when asked to stop.
    pub(crate) fn pause(&self, span: Duration) -> Result<(), Interrupted> {
        let end = Instant::now() + span;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            doze(left.min(SLICE));
        }
    }

    /// Asks `ready` again and again until it succeeds; its last error says why it never did.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let start = Instant::now();
        loop {
            self.check()?;
            match ready() {
                Ok(value) => return Ok(value),
                Err(error) if error.is::<Hopeless>() => return Err(error),
                Err(error) if start.elapsed() > limit => {
                    bail!(
                        "waited {} s for {what}, in vain: {error:#}",
                        limit.as_secs()
                    )
                }
                Err(_not_yet) => self.pause(POLL_INTERVAL)?,
            }
        }
    }
}

/// An error that no waiting mends, such as a service that ended.
#[derive(Debug)]
pub(crate) struct Hopeless(pub(crate) String);

impl std::fmt::Display for Hopeless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}

/// How late Ctrl-C may be noticed: below what a person feels.
const SLICE: Duration = Duration::from_millis(50);

/// Four questions a second: an answer is late by half of that on average, and nobody is burdened.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge: other processes are waited for, and there is no event to wait on"
)]
pub(crate) fn doze(span: Duration) {
    std::thread::sleep(span);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> Interrupt {
        Interrupt(Arc::new(AtomicBool::new(false)))
    }

    #[test]
    fn waiting_in_vain_tells_what_for_and_why() {
        let waited = idle().until("the moon", Duration::ZERO, || -> anyhow::Result<()> {
            bail!("it is day")
        });
        let text = format!("{:#}", waited.unwrap_err());
        assert_eq!(text, "waited 0 s for the moon, in vain: it is day");
    }

    #[test]
    fn what_is_hopeless_is_not_waited_for() {
        let mut asked = 0;
        let waited = idle().until(
            "a reply",
            Duration::from_secs(60),
            || -> anyhow::Result<()> {
                asked += 1;
                Err(Hopeless("cart ended".to_owned()).into())
            },
        );
        assert_eq!(
            (waited.unwrap_err().to_string().as_str(), asked),
            ("cart ended", 1)
        );
    }

    #[test]
    fn an_interrupt_ends_every_wait() {
        let interrupt = Interrupt(Arc::new(AtomicBool::new(true)));
        assert!(interrupt.pause(Duration::from_secs(60)).is_err());
        let waited = interrupt.until("anything", Duration::from_secs(60), || Ok(()));
        assert!(waited.unwrap_err().is::<Interrupted>());
    }
}
