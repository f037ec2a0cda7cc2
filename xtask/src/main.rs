//! `cargo xtask COMMAND`: every command a person or CI runs.
//!
//! Needs Rust, Python 3.10 or newer and Node 20 or newer, nothing else; what it makes lies in
//! `.venv`, `ui/node_modules`, `ui/dist`, `dist` and the target folder.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to the person who typed it"
)]

mod args;
mod context;
mod files;
mod interrupt;
mod stamp;
mod steps;

mod http;
mod process;

mod node;
mod products;
mod python;

mod bench;
mod check;
mod demo;
mod e2e;
mod licences;
mod shop;
mod stack;
mod tidy;

use std::process::ExitCode;

use anyhow::bail;

use crate::args::Args;
use crate::context::Context;
use crate::interrupt::Interrupted;

const HELP: &str = "\
cargo xtask COMMAND

  demo    build everything, start the shop and pyrometer, break payments, stop on Ctrl-C
            --listen ADDR        where the UI answers (default 127.0.0.1:9095)
            --cycle CALM,SLOW,FAILING,RECOVERY  seconds of each (default 60,45,105,240)
            --once               one fault, then stop once its critical alerts have resolved
            --no-open            do not open a browser
            --profile NAME       cargo profile (default demo)
  check   everything CI runs: format, tidy, licences, UI, clippy, tests, wheel, e2e
  ui      npm ci and build ui/dist
  wheel   build dist/*.whl, the Python module and the pyrometer command, and try it
            --profile NAME       cargo profile (default release)
  e2e     the real binary, the real shop, real Chromium
            --profile NAME       cargo profile (default dev)
            --only exactness|shop
  stack   real databases, queues and proxies, watched; needs Debian's packages and root
            healthy [--minutes N]  quiet while nothing is broken (default 15)
            faults [--only NAME]   each fault raises exactly its alerts
  bench   client | http | store: ours and the rival in turn; the last line is one JSON object
          incidents            how often the true cause of a fault stands first
            --recordings DIR [--held-out DIR] [--synthetic]
            --record --to DIR [--held-out DIR] [--only NAME]   breaks a real shop; needs root
            --live [--only NAME], --healthy MINUTES   the same, judged by the server itself
  tidy    the rules no compiler knows
  help    this page
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_else(|| "help".to_owned());
    match run(&command, Args::new(words.collect())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            println!("stopped");
            // What a shell reports for a command that Ctrl-C ended.
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\ncargo xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, args: Args) -> anyhow::Result<()> {
    let ctx = Context::open()?;
    let outcome = dispatch(&ctx, command, args);
    // Ctrl-C ends the cargo or npm that runs just then too; that failure is not news.
    if outcome.is_err() {
        ctx.interrupt.check()?;
    }
    outcome
}

fn dispatch(ctx: &Context, command: &str, mut args: Args) -> anyhow::Result<()> {
    match command {
        "demo" => demo::run(ctx, args),
        "check" => check::run(ctx, args),
        "ui" => {
            args.finish()?;
            products::ui(ctx)
        }
        "wheel" => {
            let profile = args
                .value("--profile")?
                .unwrap_or_else(|| "release".to_owned());
            args.finish()?;
            products::wheel(ctx, &profile)
        }
        "e2e" => e2e::run(ctx, args),
        "bench" => bench::run(ctx, args),
        "stack" => stack::run(ctx, args),
        "tidy" => {
            args.finish()?;
            tidy::run(&ctx.root)
        }
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => bail!("there is no command {other:?}\n\n{HELP}"),
    }
}
