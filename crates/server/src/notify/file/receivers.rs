//! Receivers: each way in which somebody can be told.

mod kinds;

use std::path::Path;
use std::time::Duration;

use diagnosis::notify::message::{OpsgenieLook, PagerDutyLook, SlackLook};
use diagnosis::yaml::Node;

use super::unsupported as words;
use crate::config::{Auth, Given, Problems, Section, Tls, read_auth, read_given, read_tls};

/// Somebody who is told, in one or several ways.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) name: String,
    pub(crate) integrations: Vec<Integration>,
}

/// One way in which a receiver is told.
#[derive(Clone, Debug)]
pub(crate) struct Integration {
    /// `team/slack[0]`.
    pub(crate) id: String,
    pub(crate) receiver: String,
    /// Alertmanager's word: `slack`, `email`, …
    pub(crate) kind: &'static str,
    pub(crate) send_resolved: bool,
    pub(crate) target: Target,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Http { wire: Wire, http: Http },
    Email(Email),
}

/// What is posted.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    Webhook {
        /// 0: all.
        alerts_max: usize,
    },
    Slack(SlackLook),
    Discord {
        username: String,
        avatar_url: String,
    },
    Teams,
    Telegram {
        token: Given,
        chat: String,
        thread: Option<i64>,
        quiet: bool,
    },
    PagerDuty {
        key: Given,
        look: PagerDutyLook,
    },
    Opsgenie {
        key: Given,
        look: OpsgenieLook,
    },
}

/// Where it is posted, and how this server proves who it is.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) url: Given,
    pub(crate) auth: Option<Auth>,
    pub(crate) tls: Tls,
}

#[derive(Clone, Debug)]
pub(crate) struct Email {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) smarthost: Smarthost,
    /// The name this server greets with.
    pub(crate) hello: Option<String>,
    pub(crate) login: Option<(String, Given)>,
    /// Whether to send nothing to a server without TLS.
    pub(crate) require_tls: bool,
    pub(crate) tls: Tls,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smarthost {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The `global` section.
#[derive(Debug, Default)]
pub(super) struct Global {
    pub(super) resolve_timeout: Option<Duration>,
    from: Option<String>,
    hello: Option<String>,
    smarthost: Option<Smarthost>,
    username: Option<String>,
    password: Option<Given>,
    require_tls: Option<bool>,
    smtp_tls: Option<Tls>,
    http: HttpDefaults,
    slack_url: Option<Given>,
    pagerduty_url: Option<Given>,
    opsgenie_url: Option<Given>,
    opsgenie_key: Option<Given>,
    telegram_url: Option<Given>,
}

#[derive(Clone, Debug, Default)]
struct HttpDefaults {
    auth: Option<Auth>,
    tls: Tls,
}

impl Global {
    pub(super) fn read(node: Option<&Node>, folder: &Path, problems: &mut Problems) -> Self {
        let Some(mut section) =
            node.and_then(|node| Section::open(node, "global", words::GLOBAL, problems))
        else {
            return Self::default();
        };
        let given = |section: &mut Section<'_>, names: [&'static str; 2], problems: &mut _| {
            read_given(section, names[0], names[1], folder, problems)
        };
        let global = Self {
            resolve_timeout: section.duration("resolve_timeout", problems),
            from: section.text("smtp_from", problems),
            hello: section.text("smtp_hello", problems),
            smarthost: section.parsed("smtp_smarthost", problems, smarthost),
            username: section.text("smtp_auth_username", problems),
            password: given(
                &mut section,
                ["smtp_auth_password", "smtp_auth_password_file"],
                problems,
            ),
            require_tls: section.flag("smtp_require_tls", problems),
            smtp_tls: section
                .has("smtp_tls_config")
                .then(|| read_tls(&mut section, "smtp_tls_config", folder, problems)),
            http: read_http_defaults(&mut section, &HttpDefaults::default(), folder, problems),
            slack_url: given(
                &mut section,
                ["slack_api_url", "slack_api_url_file"],
                problems,
            ),
            pagerduty_url: given(
                &mut section,
                ["pagerduty_url", "pagerduty_url_file"],
                problems,
            ),
            opsgenie_url: given(
                &mut section,
                ["opsgenie_api_url", "opsgenie_api_url_file"],
                problems,
            ),
            opsgenie_key: given(
                &mut section,
                ["opsgenie_api_key", "opsgenie_api_key_file"],
                problems,
            ),
            telegram_url: given(
                &mut section,
                ["telegram_api_url", "telegram_api_url_file"],
                problems,
            ),
        };
        section.finish(problems);
        global
    }
}

/// `host:port`; the port may be left out.
fn smarthost(text: &str) -> Result<Smarthost, String> {
    let wrong = || format!("{text:?} is no address of a mail server; write host:587");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, port.parse().map_err(|_| wrong())?),
        _ => (text, 25),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(['/', ' ']) {
        return Err(wrong());
    }
    Ok(Smarthost {
        host: host.to_owned(),
        port,
    })
}

fn read_http_defaults(
    section: &mut Section<'_>,
    above: &HttpDefaults,
    folder: &Path,
    problems: &mut Problems,
) -> HttpDefaults {
    let Some(node) = section.take("http_config") else {
        return above.clone();
    };
    let what = format!("http_config of {}", section.what());
    let Some(mut http) = Section::open(node, what, words::HTTP, problems) else {
        return above.clone();
    };
    let defaults = HttpDefaults {
        auth: read_auth(&mut http, folder, problems),
        tls: read_tls(&mut http, "tls_config", folder, problems),
    };
    http.finish(problems);
    defaults
}

pub(super) fn read_all(
    nodes: &[Node],
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Vec<Receiver> {
    let mut receivers: Vec<Receiver> = Vec::new();
    for node in nodes {
        let Some(mut section) = Section::open(node, "a receiver", words::RECEIVER, problems) else {
            continue;
        };
        let Some(name) = section.text("name", problems) else {
            problems.error(node.line, "a receiver needs a name");
            continue;
        };
        section.rename(format!("receiver {name:?}"));
        if receivers.iter().any(|receiver| receiver.name == name) {
            problems.error(node.line, format!("receiver {name:?} stands twice"));
        }
        let mut integrations = Vec::new();
        for (field, kind, unsupported, read) in KINDS {
            for (index, node) in section.list(field, problems).iter().enumerate() {
                let what = format!("{field} of receiver {name:?}");
                let Some(mut one) = Section::open(node, what, unsupported, problems) else {
                    continue;
                };
                // Alertmanager's default: what a person reads is not told of every end.
                let by_default = !matches!(*kind, "slack" | "email");
                let send_resolved = one.flag("send_resolved", problems).unwrap_or(by_default);
                let target = read(&mut one, global, folder, problems);
                one.finish(problems);
                integrations.extend(target.map(|target| Integration {
                    id: format!("{name}/{kind}[{index}]"),
                    receiver: name.clone(),
                    kind,
                    send_resolved,
                    target,
                }));
            }
        }
        section.finish(problems);
        receivers.push(Receiver { name, integrations });
    }
    receivers
}

type Unsupported = &'static [(&'static str, &'static str)];
type Read = fn(&mut Section<'_>, &Global, &Path, &mut Problems) -> Option<Target>;

const KINDS: &[(&str, &str, Unsupported, Read)] = &[
    (
        "webhook_configs",
        "webhook",
        words::WEBHOOK,
        kinds::read_webhook,
    ),
    ("email_configs", "email", words::EMAIL, kinds::read_email),
    ("slack_configs", "slack", words::SLACK, kinds::read_slack),
    (
        "pagerduty_configs",
        "pagerduty",
        words::PAGERDUTY,
        kinds::read_pagerduty,
    ),
    (
        "opsgenie_configs",
        "opsgenie",
        words::OPSGENIE,
        kinds::read_opsgenie,
    ),
    (
        "msteamsv2_configs",
        "msteamsv2",
        words::TEAMS,
        kinds::read_teams,
    ),
    (
        "telegram_configs",
        "telegram",
        words::TELEGRAM,
        kinds::read_telegram,
    ),
    (
        "discord_configs",
        "discord",
        words::DISCORD,
        kinds::read_discord,
    ),
];

/// Where to post: the integration's own address, else the default.
fn read_http(
    section: &mut Section<'_>,
    [here, file]: [&'static str; 2],
    default: Option<Given>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Http> {
    let defaults = read_http_defaults(section, &global.http, folder, problems);
    let Some(url) = read_given(section, here, file, folder, problems).or(default) else {
        problems.error(section.line(), format!("{} needs {here}", section.what()));
        return None;
    };
    if let Given::Here(text) = &url {
        let text = text.reveal();
        let is_url = text.parse::<hyper::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
        });
        if !is_url {
            let text = format!("{here} of {} is no http or https address", section.what());
            problems.error(section.line_of(here), text);
            return None;
        }
    }
    Some(Http {
        url,
        auth: defaults.auth,
        tls: defaults.tls,
    })
}
