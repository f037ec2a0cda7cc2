//! E-mail: a subject, a plain text, and the same as HTML.

use super::chat::html_escaped;
use super::fit::{fit, shortened};
use super::{Line, Writing, colour};

/// The parts of a mail; headers and encoding are the sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Some servers refuse longer subjects.
const SUBJECT_CHARS_MAX: usize = 200;
/// Bytes of each of the two bodies: what is longer nobody reads.
const BODY_BYTES_MAX: usize = 200_000;

pub fn mail(writing: &Writing<'_>) -> Mail {
    let heading = writing.heading();
    let remarks = writing.remarks();
    let mut text = heading.clone() + "\n\n";
    for remark in &remarks {
        text.push_str(&format!("{remark}\n\n"));
    }
    text.push_str(&fit(writing, BODY_BYTES_MAX, str::len, text_line, |rest| {
        format!("{rest}\n\n")
    }));
    text.push_str(&format!(
        "Open:    {}\nSilence: {}\n",
        writing.page(),
        writing.silence()
    ));
    Mail {
        subject: shortened(&heading, SUBJECT_CHARS_MAX),
        text,
        html: html(writing, &heading, &remarks),
    }
}

fn text_line(line: &Line) -> String {
    let mut text = format!("{} {} ({})\n", line.mark, line.name, line.severity);
    for part in [&line.summary, &line.when, &line.hits] {
        if !part.is_empty() {
            text.push_str(&format!("  {part}\n"));
        }
    }
    text.push('\n');
    text
}

/// Mail programs know no style sheets, so every style stands on its element.
fn html(writing: &Writing<'_>, heading: &str, remarks: &[String]) -> String {
    let rows = fit(writing, BODY_BYTES_MAX, str::len, html_row, |rest| {
        format!(
            "<tr><td style=\"padding:8px 0\">{}</td></tr>\n",
            html_escaped(rest)
        )
    });
    let remarks: String = remarks
        .iter()
        .map(|remark| format!("<p style=\"margin:8px 0\">{}</p>\n", html_escaped(remark)))
        .collect();
    format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font:14px sans-serif;color:#222\">\n\
         <h1 style=\"font-size:18px;border-left:6px solid #{:06x};padding-left:10px\">{}</h1>\n\
         {remarks}<table style=\"border-collapse:collapse;font-size:14px\">\n{rows}</table>\n\
         <p><a href=\"{}\">Open in Pyrometer</a> · <a href=\"{}\">Silence</a></p>\n\
         </body></html>\n",
        colour(writing.notification),
        html_escaped(heading),
        html_escaped(&writing.page()),
        html_escaped(&writing.silence()),
    )
}

fn html_row(line: &Line) -> String {
    let mut parts = format!(
        "<b>{} {}</b> ({})",
        line.mark,
        html_escaped(&line.name),
        line.severity
    );
    for part in [&line.summary, &line.when, &line.hits] {
        if !part.is_empty() {
            parts.push_str(&format!("<br>{}", html_escaped(part)));
        }
    }
    format!("<tr><td style=\"padding:8px 0;border-top:1px solid #ddd\">{parts}</td></tr>\n")
}
