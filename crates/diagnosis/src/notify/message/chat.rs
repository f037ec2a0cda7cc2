//! Slack, Discord, Microsoft Teams, Telegram.

use serde_json::{Value, json};

use super::fit::{chars, fit, shortened};
use super::{Line, Writing, colour, set};

/// How a Slack message looks beyond its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlackLook {
    /// Empty: the webhook's own.
    pub channel: String,
    pub username: String,
    pub icon_emoji: String,
    pub icon_url: String,
}

/// Slack shortens an attachment's text behind a button from here on.
const SLACK_CHARS_MAX: usize = 3000;
/// Of an embed's description and title (Discord's limits).
const DISCORD_CHARS_MAX: usize = 4096;
const DISCORD_TITLE_CHARS_MAX: usize = 256;
/// A card of more than 28 KB is refused by Teams; the frame around the text takes the rest.
const TEAMS_BYTES_MAX: usize = 20_000;
/// Characters of a message after its HTML is read (Telegram's limit).
const TELEGRAM_CHARS_MAX: usize = 4096;

/// The body of a Slack webhook or of `chat.postMessage`.
pub fn slack(writing: &Writing<'_>, look: &SlackLook) -> Value {
    let heading = slack_escaped(&writing.heading());
    let remarks = writing.remarks().into_iter();
    let mut text: String = remarks
        .map(|remark| slack_escaped(&remark) + "\n")
        .collect();
    let links = format!("<{}|Silence>", writing.silence());
    let budget = SLACK_CHARS_MAX - chars(&text) - chars(&links).min(SLACK_CHARS_MAX / 2);
    let render = |line: &Line| slack_escaped(&plain_line(line)) + "\n";
    text.push_str(&fit(writing, budget, chars, render, |rest| {
        rest.to_owned() + "\n"
    }));
    text.push_str(&links);
    let mut body = json!({
        // What a phone shows before the message is opened.
        "text": heading,
        "mrkdwn": false,
        "attachments": [{
            "color": format!("#{:06x}", colour(writing.notification)),
            "fallback": heading,
            "title": heading,
            "title_link": writing.page(),
            "text": text,
            "mrkdwn_in": [],
        }],
    });
    set(&mut body, "channel", &look.channel);
    set(&mut body, "username", &look.username);
    set(&mut body, "icon_emoji", &look.icon_emoji);
    set(&mut body, "icon_url", &look.icon_url);
    body
}

/// The three characters that Slack reads as the beginning of something.
fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Two or three lines without any format.
fn plain_line(line: &Line) -> String {
    let mut text = format!(
        "{} {} ({}) {}",
        line.mark, line.name, line.severity, line.when
    );
    for part in [&line.summary, &line.hits] {
        if !part.is_empty() {
            text.push_str("\n    ");
            text.push_str(part);
        }
    }
    text
}

/// The body of a Discord webhook.
pub fn discord(writing: &Writing<'_>, username: &str, avatar_url: &str) -> Value {
    let remarks = writing.remarks().into_iter();
    let mut text: String = remarks
        .map(|remark| discord_escaped(&remark) + "\n")
        .collect();
    let links = format!("[Silence]({})", writing.silence());
    let budget = DISCORD_CHARS_MAX - chars(&text) - chars(&links).min(DISCORD_CHARS_MAX / 2);
    let render = |line: &Line| discord_escaped(&plain_line(line)) + "\n";
    text.push_str(&fit(writing, budget, chars, render, |rest| {
        rest.to_owned() + "\n"
    }));
    text.push_str(&links);
    let mut body = json!({
        "content": "",
        "embeds": [{
            "title": shortened(&discord_escaped(&writing.heading()), DISCORD_TITLE_CHARS_MAX),
            "url": writing.page(),
            "description": text,
            "color": colour(writing.notification),
        }],
        // Nobody is called by a label that holds @everyone.
        "allowed_mentions": { "parse": [] },
    });
    set(&mut body, "username", username);
    set(&mut body, "avatar_url", avatar_url);
    body
}

fn discord_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\*_~`|>#[]<@".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The body for a Teams workflow: a message with one adaptive card. Its texts stand in runs, in
/// which Teams reads no Markdown.
pub fn teams(writing: &Writing<'_>) -> Value {
    let heading = writing.heading();
    let style = if !writing.notification.is_firing() {
        "good"
    } else if writing.notification.severity() == crate::notify::Severity::Critical {
        "attention"
    } else {
        "warning"
    };
    let mut lines: Vec<String> = writing.remarks();
    // Each line stands in a block of its own, with some hundred bytes around it.
    let bytes = |text: &str| serde_json::to_string(text).map_or(0, |json| json.len()) + 120;
    let render = |line: &Line| plain_line(line) + "\u{1}";
    let fitted = fit(writing, TEAMS_BYTES_MAX, bytes, render, str::to_owned);
    lines.extend(
        fitted
            .split('\u{1}')
            .filter(|line| !line.is_empty())
            .map(str::to_owned),
    );
    let run = |text: &str, bold: bool| {
        let weight = if bold { "Bolder" } else { "Default" };
        json!({
            "type": "RichTextBlock",
            "inlines": [{ "type": "TextRun", "text": harmless(text), "weight": weight }],
        })
    };
    let mut items = vec![run(&heading, true)];
    items.extend(lines.iter().map(|line| run(line, false)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": harmless(&heading),
                "msteams": { "width": "Full" },
                "body": [{ "type": "Container", "style": style, "bleed": true, "items": items }],
                "actions": [
                    { "type": "Action.OpenUrl", "title": "Open", "url": writing.page() },
                    { "type": "Action.OpenUrl", "title": "Silence", "url": writing.silence() },
                ],
            },
        }],
    })
}

/// Cards expand `{{DATE(…)}}` and `${…}` wherever they stand.
fn harmless(text: &str) -> String {
    text.replace("{{", "{\u{200b}{").replace("${", "$\u{200b}{")
}

/// The body of Telegram's `sendMessage`. `chat` is a number, or `@name` of a channel.
pub fn telegram(writing: &Writing<'_>, chat: &str, thread: Option<i64>, quiet: bool) -> Value {
    let mut text = format!("<b>{}</b>\n", html_escaped(&writing.heading()));
    for remark in writing.remarks() {
        text.push_str(&(html_escaped(&remark) + "\n"));
    }
    let links = format!(
        "<a href=\"{}\">Open</a> · <a href=\"{}\">Silence</a>",
        html_escaped(&writing.page()),
        html_escaped(&writing.silence())
    );
    let budget = TELEGRAM_CHARS_MAX - chars(&text) - chars(&links).min(TELEGRAM_CHARS_MAX / 2);
    let render = |line: &Line| html_escaped(&plain_line(line)) + "\n";
    text.push_str(&fit(writing, budget, chars, render, |rest| {
        rest.to_owned() + "\n"
    }));
    text.push_str(&links);
    let mut body = json!({
        "chat_id": chat.parse::<i64>().map_or_else(|_| chat.into(), Value::from),
        "text": text,
        "parse_mode": "HTML",
        "disable_notification": quiet,
        "link_preview_options": { "is_disabled": true },
    });
    if let Some(thread) = thread {
        body["message_thread_id"] = thread.into();
    }
    body
}

pub(super) fn html_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
