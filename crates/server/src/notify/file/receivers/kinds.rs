//! What each kind of receiver needs.

use std::path::Path;

use diagnosis::notify::message::{OpsgenieLook, PagerDutyLook, SlackLook};
use diagnosis::yaml::Value;

use super::super::unsupported as words;
use super::{Email, Global, Target, Wire, read_http, smarthost};
use crate::config::{Given, Problems, Secret, Section, read_given, read_tls};

fn fixed(url: &str) -> Option<Given> {
    Some(Given::Here(Secret::new(url)))
}

pub(super) fn read_webhook(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let alerts_max = section.count("max_alerts", problems).unwrap_or(0);
    let http = read_http(section, ["url", "url_file"], None, global, folder, problems)?;
    let wire = Wire::Webhook {
        alerts_max: usize::try_from(alerts_max).unwrap_or(0),
    };
    Some(Target::Http { wire, http })
}

pub(super) fn read_email(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let mut required = |name: &'static str, default: Option<&String>, problems: &mut Problems| {
        let text = section.text(name, problems).or_else(|| default.cloned());
        if text.is_none() {
            problems.error(section.line(), format!("{} needs {name}", section.what()));
        }
        text
    };
    let to = required("to", None, problems);
    let from = required("from", global.from.as_ref(), problems);
    for (name, text) in [("to", &to), ("from", &from)] {
        let bad = text
            .as_ref()
            .and_then(|text| crate::notify::mail::addresses(text).err());
        if let Some(reason) = bad {
            let text = format!("{name} of {}: {reason}", section.what());
            problems.error(section.line_of(name), text);
        }
    }
    let own = section.parsed("smarthost", problems, smarthost);
    let Some(smarthost) = own.or_else(|| global.smarthost.clone()) else {
        let text = format!(
            "{} needs smarthost, or smtp_smarthost in global",
            section.what()
        );
        problems.error(section.line(), text);
        return None;
    };
    let username = section
        .text("auth_username", problems)
        .or_else(|| global.username.clone());
    let names = ["auth_password", "auth_password_file"];
    let password = read_given(section, names[0], names[1], folder, problems);
    let password = password.or_else(|| global.password.clone());
    let hello = section
        .text("hello", problems)
        .or_else(|| global.hello.clone());
    let require_tls = section.flag("require_tls", problems).or(global.require_tls);
    let tls = if section.has("tls_config") {
        read_tls(section, "tls_config", folder, problems)
    } else {
        global.smtp_tls.clone().unwrap_or_default()
    };
    Some(Target::Email(Email {
        to: to?,
        from: from?,
        smarthost,
        hello,
        login: username.zip(password),
        require_tls: require_tls.unwrap_or(true),
        tls,
    }))
}

pub(super) fn read_slack(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let look = SlackLook {
        channel: plain(section, "channel", problems),
        username: plain(section, "username", problems),
        icon_emoji: plain(section, "icon_emoji", problems),
        icon_url: plain(section, "icon_url", problems),
    };
    let names = ["api_url", "api_url_file"];
    let http = read_http(
        section,
        names,
        global.slack_url.clone(),
        global,
        folder,
        problems,
    )?;
    let wire = Wire::Slack(look);
    Some(Target::Http { wire, http })
}

pub(super) fn read_discord(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let wire = Wire::Discord {
        username: plain(section, "username", problems),
        avatar_url: plain(section, "avatar_url", problems),
    };
    let names = ["webhook_url", "webhook_url_file"];
    let http = read_http(section, names, None, global, folder, problems)?;
    Some(Target::Http { wire, http })
}

pub(super) fn read_teams(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let names = ["webhook_url", "webhook_url_file"];
    let http = read_http(section, names, None, global, folder, problems)?;
    let wire = Wire::Teams;
    Some(Target::Http { wire, http })
}

pub(super) fn read_telegram(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let token = read_given(section, "bot_token", "bot_token_file", folder, problems);
    let chat = section.text("chat_id", problems);
    for (name, missing) in [("bot_token", token.is_none()), ("chat_id", chat.is_none())] {
        if missing {
            problems.error(section.line(), format!("{} needs {name}", section.what()));
        }
    }
    let thread = section.parsed("message_thread_id", problems, |text| {
        text.parse().map_err(|_| format!("{text:?} is no number"))
    });
    let quiet = section
        .flag("disable_notifications", problems)
        .unwrap_or(false);
    let own = section
        .text("api_url", problems)
        .map(|url| Given::Here(Secret::new(url)));
    let default = own.or_else(|| global.telegram_url.clone());
    let default = default.or_else(|| fixed("https://api.telegram.org"));
    let names = ["api_url", "api_url_file"];
    let http = read_http(section, names, default, global, folder, problems)?;
    let wire = Wire::Telegram {
        token: token?,
        chat: chat?,
        thread,
        quiet,
    };
    Some(Target::Http { wire, http })
}

pub(super) fn read_pagerduty(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    if section.has("service_key") || section.has("service_key_file") {
        section.take("service_key");
        section.take("service_key_file");
        let text = "service_key is for PagerDuty's first API, which is not spoken; make an \
            integration \"Events API v2\" and set routing_key";
        problems.error(section.line(), text);
        return None;
    }
    let key = read_given(section, "routing_key", "routing_key_file", folder, problems);
    if key.is_none() {
        problems.error(
            section.line(),
            format!("{} needs routing_key", section.what()),
        );
    }
    let look = PagerDutyLook {
        client: plain(section, "client", problems),
        client_url: plain(section, "client_url", problems),
        component: plain(section, "component", problems),
        group: plain(section, "group", problems),
        class: plain(section, "class", problems),
        severity: plain(section, "severity", problems),
        source: plain(section, "source", problems),
        details: details(section, problems),
    };
    let default = global.pagerduty_url.clone();
    let default = default.or_else(|| fixed("https://events.pagerduty.com/v2/enqueue"));
    let http = read_http(
        section,
        ["url", "url_file"],
        default,
        global,
        folder,
        problems,
    )?;
    let wire = Wire::PagerDuty { key: key?, look };
    Some(Target::Http { wire, http })
}

pub(super) fn read_opsgenie(
    section: &mut Section<'_>,
    global: &Global,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let key = read_given(section, "api_key", "api_key_file", folder, problems);
    let key = key.or_else(|| global.opsgenie_key.clone());
    if key.is_none() {
        problems.error(section.line(), format!("{} needs api_key", section.what()));
    }
    let tags = plain(section, "tags", problems);
    let priority = section.parsed("priority", problems, |text| match text {
        "P1" | "P2" | "P3" | "P4" | "P5" => Ok(text.to_owned()),
        _ if text.contains("{{") => Ok(String::new()),
        _ => Err(format!("{text:?} is none of P1 to P5")),
    });
    let look = OpsgenieLook {
        source: plain(section, "source", problems),
        priority: priority.unwrap_or_default(),
        tags: tags
            .split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
            .collect(),
        teams: teams(section, problems),
        details: details(section, problems),
    };
    let default = global.opsgenie_url.clone();
    let default = default.or_else(|| fixed("https://api.opsgenie.com/"));
    let names = ["api_url", "api_url_file"];
    let http = read_http(section, names, default, global, folder, problems)?;
    let wire = Wire::Opsgenie { key: key?, look };
    Some(Target::Http { wire, http })
}

/// A text as it is. One that is a Go template is ignored aloud.
fn plain(section: &mut Section<'_>, name: &'static str, problems: &mut Problems) -> String {
    let text = section.text(name, problems).unwrap_or_default();
    if text.contains("{{") {
        let what = format!("{name} of {}: {}", section.what(), words::WORDS);
        problems.ignored(section.line_of(name), what);
        return String::new();
    }
    text
}

/// `details`: names and texts; templates are left out aloud.
fn details(section: &mut Section<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(node) = section.take("details") else {
        return Vec::new();
    };
    let mut details = Vec::new();
    for field in node.fields().unwrap_or_default() {
        match &field.value.value {
            Value::Scalar(text) if text.contains("{{") => {
                let what = format!("{:?} in details: {}", field.name, words::WORDS);
                problems.ignored(field.line, what);
            }
            Value::Scalar(text) => details.push((field.name.clone(), text.clone())),
            Value::Null => {}
            Value::List(_) | Value::Map(_) => {
                problems.error(
                    field.line,
                    format!("{:?} in details must be a text", field.name),
                );
            }
        }
    }
    details
}

/// `responders` of Opsgenie: teams by name.
fn teams(section: &mut Section<'_>, problems: &mut Problems) -> Vec<String> {
    let mut names = Vec::new();
    for node in section.list("responders", problems) {
        let only: &[(&str, &str)] = &[
            ("id", "responders are teams by name"),
            ("username", "responders are teams by name"),
        ];
        let Some(mut one) = Section::open(node, "a responder", only, problems) else {
            continue;
        };
        names.extend(one.text("name", problems));
        if one
            .text("type", problems)
            .is_some_and(|kind| kind != "team" && kind != "teams")
        {
            problems.ignored(
                node.line,
                "a responder that is no team: responders are teams",
            );
            names.pop();
        }
        one.finish(problems);
    }
    names
}
