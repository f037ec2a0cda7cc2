//! The command line: what a person types, and what comes back in words and exit codes.
//!
//! Exit codes: 0 all is well, 1 the thing asked about is not, 2 it could not be done.

mod backtest;
mod check;
mod client;
mod dashboards;
mod deploy;
mod doctor;
mod export;
mod notify;
mod query;
mod replay;
mod run;
mod slo;
mod style;
mod targets;
mod test;
mod up;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Monitoring for Python services: finds, scrapes, stores, queries, judges and shows.
#[derive(Debug, Parser)]
#[command(name = "pyrometer", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: find local Python services, scrape, store, and show them.
    Up(UpArgs),
    /// Run a Python program, measured without a line in its code.
    Run(RunArgs),
    /// Check files without running anything.
    Check {
        #[command(subcommand)]
        what: CheckWhat,
    },
    /// Write the curated library for other tools.
    Export {
        #[command(subcommand)]
        what: ExportWhat,
    },
    /// Give dashboards of Grafana to a running server.
    Import {
        /// Dashboards as JSON, in the classic model.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The running server.
        #[arg(
            long,
            value_name = "URL",
            default_value = "http://127.0.0.1:9095",
            env = "PYROMETER_SERVER"
        )]
        server: String,
    },
    /// Run unit tests of rules.
    Test {
        #[command(subcommand)]
        what: TestWhat,
    },
    /// Ask a running server.
    Query {
        #[command(subcommand)]
        what: QueryWhat,
    },
    /// Who is told of alerts.
    Notify {
        #[command(subcommand)]
        what: NotifyWhat,
    },
    /// Objectives of a running server.
    Slo {
        #[command(subcommand)]
        what: SloWhat,
    },
    /// Tell what alerting rules would have done over stored history.
    Backtest(backtest::BacktestArgs),
    /// Tell the incidents of recorded history, with ranked suspects.
    Replay(replay::ReplayArgs),
    /// Tell a running server that a service was changed: a deployment.
    Deploy(DeployArgs),
    /// Tell what is missing in the graph of a running server, and why.
    Doctor(DoctorArgs),
    /// List what a running server scrapes.
    Targets(TargetsArgs),
    /// Print the version.
    Version,
}

/// Options of `pyrometer up`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UpArgs {
    /// A prometheus.yml. Without it only services that announce themselves are scraped.
    #[arg(long, value_name = "FILE", env = "PYROMETER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Refuse a configuration that holds sections this server ignores.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Alertmanager's configuration file: who is told of alerts, and when. Without it alerts show
    /// in the UI only.
    #[arg(long, value_name = "FILE", env = "PYROMETER_NOTIFICATIONS")]
    pub(crate) notifications: Option<PathBuf>,
    /// Where the API and the web UI answer.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9095",
        env = "PYROMETER_LISTEN"
    )]
    pub(crate) listen: SocketAddr,
    /// Where people reach this server, for links in alerts [default: http:// and the address it
    /// listens on]
    #[arg(long, value_name = "URL", env = "PYROMETER_EXTERNAL_URL", value_parser = web_address)]
    pub(crate) external_url: Option<String>,
    /// Listen on an address that others can reach, although nobody has to log in.
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
    /// Where samples are kept [default: $XDG_DATA_HOME/pyrometer or ~/.local/share/pyrometer]
    #[arg(long, value_name = "FOLDER", env = "PYROMETER_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How long samples are kept.
    #[arg(long, value_name = "DURATION", default_value = "15d", value_parser = duration)]
    pub(crate) retention: Duration,
    /// Where local processes announce themselves; may stand several times [default: the folder
    /// the Python package uses]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) runtime_dir: Vec<PathBuf>,
    /// How often announced processes are read.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) scrape_interval: Duration,
    /// Do not judge by the curated packs, only by the rule files of the configuration.
    #[arg(long)]
    pub(crate) no_packs: bool,
    /// A folder with packs of your own, one folder each; may stand several times. A pack named as
    /// one of ours takes its place.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) packs: Vec<PathBuf>,
    /// A file that tunes thresholds of packs and switches alerts off; read anew on a reload.
    #[arg(long, value_name = "FILE")]
    pub(crate) overrides: Option<PathBuf>,
    /// A file with rules of your own for entities and relations of the graph; may stand several
    /// times; read anew on a reload.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Vec<PathBuf>,
    /// A file with limits of your own for services, routes and resources; read anew when it
    /// changes.
    #[arg(long, value_name = "FILE", env = "PYROMETER_THRESHOLDS")]
    pub(crate) thresholds: Option<PathBuf>,
    /// OpenSLO files, or folders of them, with objectives that only their files change; may stand
    /// several times; read anew on a reload.
    #[arg(long, value_name = "FILE")]
    pub(crate) objectives: Vec<PathBuf>,
    /// A file that maps metrics of your own to KPIs; read anew when it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) mappings: Option<PathBuf>,
    /// What is logged to standard error.
    #[arg(long, value_name = "LEVEL", default_value = "warn", env = "PYROMETER_LOG",
        value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: String,
}

/// Options of `pyrometer run`.
#[derive(Debug, Args)]
struct RunArgs {
    /// The service's name [default: the application's, or the program's]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Serve `/metrics` of the whole program here too; without an address only to this machine.
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    metrics_port: Option<String>,
    /// What to run, and its arguments: `pyrometer run -- gunicorn shop:app`
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum CheckWhat {
    /// Check configurations (prometheus.yml) and the rule files they name.
    Config {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Sections this server ignores are problems too.
        #[arg(long)]
        strict: bool,
    },
    /// Check notification files (Alertmanager's configuration).
    Notifications {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Parts this server ignores are problems too.
        #[arg(long)]
        strict: bool,
    },
    /// Check rule files.
    Rules {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check files with model rules: entities and relations of the graph.
    Model {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check files with limits for services, routes and resources.
    Thresholds {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Tell what of Grafana's dashboards can be shown.
    Dashboards {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check OpenSLO files, or folders of them.
    Slo {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check files that map metrics of your own to KPIs.
    Mappings {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check folders with packs, and a file with overrides of them and of ours.
    Packs {
        #[arg(value_name = "FOLDER", required_unless_present = "overrides")]
        folders: Vec<PathBuf>,
        #[arg(long, value_name = "FILE")]
        overrides: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum ExportWhat {
    /// Rules for Prometheus, inhibitions for Alertmanager, dashboards for Grafana and Perses.
    Packs {
        /// Where to; made when it is missing, files of the same names are replaced.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Only this pack; may stand several times.
        #[arg(long, value_name = "ID")]
        pack: Vec<String>,
    },
    /// The rules of objectives for Prometheus, and inhibitions for Alertmanager.
    Objectives {
        /// Where to; made when it is missing, files of the same names are replaced.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// OpenSLO files, or folders of them.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// How often the services are scraped: a minute's events need four scrapes.
        #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
        scrape_interval: Duration,
    },
}

#[derive(Debug, Subcommand)]
enum SloWhat {
    /// List objectives and how they stand; 1 when one is missed or burns fast.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Give OpenSLO files, or folders of them, to the server.
    Import {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Put them in the place of those of the same names.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Print them as OpenSLO documents.
    Export {
        /// Only this one.
        id: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Subcommand)]
enum NotifyWhat {
    /// Send a marked test alert to a receiver of a running server, in every way it has.
    Test {
        /// As the notification file calls it.
        receiver: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Subcommand)]
enum TestWhat {
    /// Run promtool's unit test files.
    Rules {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Run only tests whose name matches a regular expression; may stand several times.
        #[arg(long, value_name = "REGEX")]
        run: Vec<regex::Regex>,
        /// Also write the results as JUnit XML.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum QueryWhat {
    /// The value of an expression at one moment.
    Instant {
        /// PromQL.
        expression: String,
        /// Unix seconds or RFC 3339 [default: now]
        #[arg(long)]
        time: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// The values of an expression over a range of time.
    Range {
        /// PromQL.
        expression: String,
        /// Unix seconds or RFC 3339 [default: an hour before the end]
        #[arg(long)]
        start: Option<String>,
        /// Unix seconds or RFC 3339 [default: now]
        #[arg(long)]
        end: Option<String>,
        /// A duration or seconds [default: a 250th of the range]
        #[arg(long)]
        step: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Args)]
struct TargetsArgs {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    /// Show hints and what is well, too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
struct DeployArgs {
    /// As its job is called.
    service: String,
    /// What it is now.
    #[arg(long, value_name = "TEXT")]
    version: Option<String>,
    /// What people read [default: the service and its version]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Where more is said of it: a pull request, a pipeline.
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// Unix seconds or RFC 3339 [default: now]
    #[arg(long)]
    time: Option<String>,
    /// The running server.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9095",
        env = "PYROMETER_SERVER"
    )]
    server: String,
}

/// Which server to ask and how to print.
#[derive(Debug, Args)]
struct ServerArgs {
    /// The running server.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9095",
        env = "PYROMETER_SERVER"
    )]
    server: String,
    /// Print the server's JSON as it is.
    #[arg(long)]
    json: bool,
}

fn web_address(text: &str) -> Result<String, String> {
    let host = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    match host {
        Some(host) if !host.is_empty() && host.chars().all(is_plain) => Ok(text.to_owned()),
        _ => Err("it must begin with http:// or https:// and a host".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match model::parse_duration(text) {
        Ok(span) if span.is_zero() => Err("it must be longer than 0s".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the command that was typed.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Up(args) => up::run(args),
        Command::Run(args) => run::run(&args),
        Command::Check { what } => check_what(what),
        Command::Notify {
            what: NotifyWhat::Test { receiver, server },
        } => notify::test(&server, &receiver),
        Command::Slo { what } => slo::run(&what),
        Command::Export {
            what: ExportWhat::Packs { folder, pack },
        } => export::packs(&folder, &pack),
        Command::Export {
            what:
                ExportWhat::Objectives {
                    folder,
                    files,
                    scrape_interval,
                },
        } => slo::export_rules(&folder, &files, scrape_interval),
        Command::Import { files, server } => dashboards::import(&server, &files),
        Command::Test {
            what: TestWhat::Rules { files, run, junit },
        } => test::rules(&files, &run, junit.as_deref()),
        Command::Query {
            what:
                QueryWhat::Instant {
                    expression,
                    time,
                    server,
                },
        } => query::instant(&server, &expression, time.as_deref()),
        Command::Query {
            what:
                QueryWhat::Range {
                    expression,
                    start,
                    end,
                    step,
                    server,
                },
        } => {
            let range = query::RangeArgs { start, end, step };
            query::range(&server, &expression, &range)
        }
        Command::Backtest(args) => backtest::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Doctor(args) => doctor::run(&args.server, args.all),
        Command::Targets(args) => targets::run(&args.server),
        Command::Version => {
            style::print(&format!("pyrometer {}\n", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
    }
}

fn check_what(what: CheckWhat) -> ExitCode {
    match what {
        CheckWhat::Config { files, strict } => check::configs(&files, strict),
        CheckWhat::Rules { files } => check::rules(&files),
        CheckWhat::Notifications { files, strict } => check::notifications(&files, strict),
        CheckWhat::Packs { folders, overrides } => check::packs(folders, overrides),
        CheckWhat::Model { files } => check::models(&files),
        CheckWhat::Thresholds { files } => check::thresholds(&files),
        CheckWhat::Mappings { files } => check::mappings(&files),
        CheckWhat::Slo { files } => slo::check(&files),
        CheckWhat::Dashboards { files } => dashboards::check(&files),
    }
}
