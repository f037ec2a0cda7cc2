//! What Alertmanager's file may hold and this server does not do, each with what that means.

/// Said of everything that shapes the text of a message.
pub(super) const WORDS: &str = "messages are written by this server, with the right escaping for \
    each receiver; Go templates are not read";

/// Fields whose values are credentials although their names do not say so: an incoming webhook's
/// address is all one needs to post.
pub(super) const SECRETS: &[&str] = &[
    "api_url",
    "slack_api_url",
    "webhook_url",
    "url",
    "routing_key",
    "service_key",
    "http_headers",
];

pub(super) const FILE: &[(&str, &str)] = &[("tracing", "this server sends no traces")];

const NO_SUCH_RECEIVER: &str = "this server has no such receiver and cannot send there";

pub(super) const GLOBAL: &[(&str, &str)] = &[
    ("victorops_api_key", NO_SUCH_RECEIVER),
    ("victorops_api_key_file", NO_SUCH_RECEIVER),
    ("victorops_api_url", NO_SUCH_RECEIVER),
    ("wechat_api_url", NO_SUCH_RECEIVER),
    ("wechat_api_secret", NO_SUCH_RECEIVER),
    ("wechat_api_secret_file", NO_SUCH_RECEIVER),
    ("wechat_api_corp_id", NO_SUCH_RECEIVER),
    ("webex_api_url", NO_SUCH_RECEIVER),
    ("rocketchat_api_url", NO_SUCH_RECEIVER),
    ("rocketchat_token", NO_SUCH_RECEIVER),
    ("rocketchat_token_file", NO_SUCH_RECEIVER),
    ("rocketchat_token_id", NO_SUCH_RECEIVER),
    ("rocketchat_token_id_file", NO_SUCH_RECEIVER),
    ("jira_api_url", NO_SUCH_RECEIVER),
    ("mattermost_webhook_url", NO_SUCH_RECEIVER),
    ("mattermost_webhook_url_file", NO_SUCH_RECEIVER),
    ("slack_app_token", "set api_url to an incoming webhook"),
    ("slack_app_token_file", "set api_url to an incoming webhook"),
    ("slack_app_url", "set api_url to an incoming webhook"),
    ("telegram_bot_token", "set bot_token in telegram_configs"),
    (
        "telegram_bot_token_file",
        "set bot_token_file in telegram_configs",
    ),
    (
        "smtp_auth_secret",
        "CRAM-MD5 is not spoken; use smtp_auth_password",
    ),
    (
        "smtp_auth_secret_file",
        "CRAM-MD5 is not spoken; use smtp_auth_password",
    ),
    ("smtp_auth_identity", "the user name is the identity"),
    (
        "smtp_force_implicit_tls",
        "TLS from the first byte is used on port 465",
    ),
];

pub(super) const RECEIVER: &[(&str, &str)] = &[
    ("incidentio_configs", NO_SUCH_RECEIVER),
    ("jira_configs", NO_SUCH_RECEIVER),
    ("mattermost_configs", NO_SUCH_RECEIVER),
    (
        "msteams_configs",
        "Microsoft switched these connectors off; make a workflow and use msteamsv2_configs",
    ),
    ("pushover_configs", NO_SUCH_RECEIVER),
    ("rocketchat_configs", NO_SUCH_RECEIVER),
    ("sns_configs", NO_SUCH_RECEIVER),
    ("victorops_configs", NO_SUCH_RECEIVER),
    ("webex_configs", NO_SUCH_RECEIVER),
    ("wechat_configs", NO_SUCH_RECEIVER),
];

pub(super) const HTTP: &[(&str, &str)] = &[
    (
        "oauth2",
        "messages log in with basic_auth or authorization only",
    ),
    ("proxy_url", "messages go without a proxy"),
    ("no_proxy", "messages go without a proxy"),
    ("proxy_from_environment", "messages go without a proxy"),
    ("proxy_connect_header", "messages go without a proxy"),
    ("http_headers", "messages carry no further headers"),
    (
        "follow_redirects",
        "a redirect is shown as a failure, so that no secret follows it",
    ),
    ("enable_http2", "messages use HTTP/1.1"),
];

pub(super) const WEBHOOK: &[(&str, &str)] = &[
    ("timeout", "an attempt takes at most 10 s"),
    ("payload", WORDS),
];

pub(super) const EMAIL: &[(&str, &str)] = &[
    ("html", WORDS),
    ("text", WORDS),
    (
        "headers",
        "the subject and the addresses are set; no further headers",
    ),
    ("auth_secret", "CRAM-MD5 is not spoken; use auth_password"),
    (
        "auth_secret_file",
        "CRAM-MD5 is not spoken; use auth_password",
    ),
    ("auth_identity", "the user name is the identity"),
    (
        "force_implicit_tls",
        "TLS from the first byte is used on port 465",
    ),
    ("threading", "mails of a group share a thread anyway"),
];

pub(super) const SLACK: &[(&str, &str)] = &[
    ("app_token", "set api_url to an incoming webhook"),
    ("app_token_file", "set api_url to an incoming webhook"),
    ("app_url", "set api_url to an incoming webhook"),
    ("color", WORDS),
    ("title", WORDS),
    ("title_link", WORDS),
    ("pretext", WORDS),
    ("text", WORDS),
    ("fields", WORDS),
    ("short_fields", WORDS),
    ("footer", WORDS),
    ("fallback", WORDS),
    ("callback_id", WORDS),
    ("image_url", WORDS),
    ("thumb_url", WORDS),
    ("link_names", "names in labels never call anybody"),
    ("mrkdwn_in", "labels are shown as they are"),
    ("actions", WORDS),
    ("message_text", WORDS),
    ("update_message", "each message is a new one"),
    ("timeout", "an attempt takes at most 10 s"),
];

pub(super) const PAGERDUTY: &[(&str, &str)] = &[
    ("description", WORDS),
    ("images", WORDS),
    ("links", WORDS),
    ("timeout", "an attempt takes at most 10 s"),
];

pub(super) const OPSGENIE: &[(&str, &str)] = &[
    ("message", WORDS),
    ("description", WORDS),
    ("note", WORDS),
    ("actions", WORDS),
    ("entity", WORDS),
    (
        "update_alerts",
        "a repeat counts in the alert that is there",
    ),
    ("timeout", "an attempt takes at most 10 s"),
];

pub(super) const TEAMS: &[(&str, &str)] = &[
    ("title", WORDS),
    ("text", WORDS),
    ("timeout", "an attempt takes at most 10 s"),
];

pub(super) const TELEGRAM: &[(&str, &str)] = &[
    ("message", WORDS),
    ("parse_mode", "messages are HTML, with every label escaped"),
    ("chat_id_file", "set chat_id"),
    ("timeout", "an attempt takes at most 10 s"),
];

pub(super) const DISCORD: &[(&str, &str)] = &[
    ("title", WORDS),
    ("message", WORDS),
    ("content", WORDS),
    ("timeout", "an attempt takes at most 10 s"),
];
