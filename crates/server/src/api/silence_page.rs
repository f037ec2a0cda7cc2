//! `/silences/new`: the page that a link in a message opens.
//!
//! A plain form that works in any browser, also on a phone at night: what would be silenced, for
//! how long, and one button. No script, so the policy of the whole server holds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use diagnosis::notify::{SilenceWish, matches_all, parse_matchers, show_matchers};
use model::{Matcher, Timestamp};

use super::alertmanager::{Refusal, blocking};
use super::params::Params;
use super::status::is_cross_origin;
use super::time::format_rfc3339;
use crate::app::App;
use crate::scrape::error_chain;

/// Alerts named on the page; the rest is a number.
const SHOWN_MAX: usize = 20;

/// What the form offers: as it is sent, and in words.
const SPANS: [(&str, &str); 6] = [
    ("30m", "30 minutes"),
    ("2h", "2 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("3d", "3 days"),
    ("1w", "1 week"),
];
const SPAN_DEFAULT: &str = "2h";

/// `GET /silences/new?filter=…`.
pub(super) async fn form(State(app): State<Arc<App>>, params: Params) -> Response {
    let filter = params.get("filter").unwrap_or_default().to_owned();
    let now = app.clock.now();
    let found = blocking(move || {
        let matchers = match parse_matchers(&filter) {
            Ok(matchers) if matchers.is_empty() => {
                Err("Which alerts? The link names none.".to_owned())
            }
            Ok(matchers) => Ok(matchers),
            Err(error) => Err(error.to_string()),
        };
        match matchers {
            Ok(matchers) => page(StatusCode::OK, &form_body(&app, &matchers, now)),
            Err(reason) => page(
                StatusCode::BAD_REQUEST,
                &format!("<p>{}</p>", escaped(&reason)),
            ),
        }
    });
    found.await.unwrap_or_else(Refusal::into_response)
}

fn form_body(app: &App, matchers: &[Matcher], now: Timestamp) -> String {
    let states = app.notifier.alerts(now);
    let found: Vec<_> = states
        .iter()
        .filter(|state| matches_all(matchers, &state.alert.labels))
        .collect();
    let rows = found.iter().take(SHOWN_MAX).map(|state| {
        let quiet = if state.quiet.is_quiet() {
            " (quiet already)"
        } else {
            ""
        };
        format!(
            "<li>{}{quiet}</li>\n",
            escaped(&state.alert.labels.to_string())
        )
    });
    let rows: String = rows.collect();
    let more = match found.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!("<li>… and {more} more</li>\n"),
    };
    let count = match found.len() {
        0 => "No alert that fires now matches.".to_owned(),
        1 => "One alert that fires now matches:".to_owned(),
        n => format!("{n} alerts that fire now match:"),
    };
    let options: String = SPANS
        .iter()
        .map(|(value, words)| {
            let chosen = if *value == SPAN_DEFAULT {
                " selected"
            } else {
                ""
            };
            format!("<option value=\"{value}\"{chosen}>{words}</option>")
        })
        .collect();
    let shown = escaped(&show_matchers(matchers));
    format!(
        "<p>Alerts with these labels will be shown but nobody will be told of them.</p>\n\
         <form method=\"post\" action=\"/silences/new\">\n\
         <p><label>Which alerts<br><input name=\"filter\" value=\"{shown}\" size=\"80\" required>\
         </label></p>\n\
         <p><label>For how long<br><select name=\"span\">{options}</select></label></p>\n\
         <p><label>Your name<br><input name=\"createdBy\" required></label></p>\n\
         <p><label>Why<br><input name=\"comment\" size=\"60\" required></label></p>\n\
         <p><button>Silence</button></p>\n</form>\n<p>{count}</p>\n<ul>\n{rows}{more}</ul>\n"
    )
}

/// `POST /silences/new`: makes the silence of the form.
pub(super) async fn make(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Response {
    if is_cross_origin(&headers) {
        let text = "<p>Requests from other sites are refused.</p>";
        return page(StatusCode::FORBIDDEN, text);
    }
    let now = app.clock.now();
    let wish = match wish(&params, now) {
        Ok(wish) => wish,
        Err(reason) => {
            return page(
                StatusCode::BAD_REQUEST,
                &format!("<p>{}</p>", escaped(&reason)),
            );
        }
    };
    let made = blocking(move || match app.notifier.silence(wish.clone(), now) {
        Ok(id) => page(
            StatusCode::OK,
            &format!(
                "<p>Silenced {} until {}.</p>\n<p>Its id is {id}. \
                 <a href=\"/alerts\">To the alerts</a></p>\n",
                escaped(&show_matchers(&wish.matchers)),
                format_rfc3339(wish.ends_at)
            ),
        ),
        Err(error) => page(
            StatusCode::BAD_REQUEST,
            &format!("<p>{}</p>", escaped(&error_chain(&error))),
        ),
    });
    made.await.unwrap_or_else(Refusal::into_response)
}

fn wish(params: &Params, now: Timestamp) -> Result<SilenceWish, String> {
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let matchers = parse_matchers(&text("filter")).map_err(|error| error.to_string())?;
    let span: Duration = model::parse_duration(&text("span")).map_err(|error| error.to_string())?;
    if span.is_zero() {
        return Err("a silence must be longer than 0s".to_owned());
    }
    for name in ["createdBy", "comment"] {
        if text(name).is_empty() {
            return Err(format!("{name} is missing"));
        }
    }
    Ok(SilenceWish {
        id: None,
        matchers,
        starts_at: now,
        ends_at: now.plus(span),
        created_by: text("createdBy"),
        comment: text("comment"),
    })
}

/// Our referrer policy would have browsers post the form with the origin "null"; the page's own
/// policy has them name it.
fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"referrer\" content=\"same-origin\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Silence · Pyrometer</title></head>\n\
         <body><h1>Silence alerts</h1>\n{body}</body></html>\n"
    );
    (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        html,
    )
        .into_response()
}

fn escaped(text: &str) -> String {
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
