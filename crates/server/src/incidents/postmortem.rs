//! A post-mortem to begin with: what is known, in Markdown, and questions for people.

use diagnosis::incident::{Incident, words};
use model::Timestamp;

use super::record::Record;
use crate::api::format_rfc3339;

/// Markdown. `now` is the end of one that lasts.
pub(crate) fn postmortem(incident: &Incident, record: &Record, now: Timestamp) -> String {
    let end = incident.end.unwrap_or(now);
    let mut text = format!(
        "# {}\n\n* Incident: {}\n* Severity: {}\n* From {} to {} ({})\n",
        line(&record.title),
        incident.id,
        incident.severity().name(),
        format_rfc3339(incident.start),
        incident
            .end
            .map_or_else(|| "now".to_owned(), format_rfc3339),
        words::span(end.since(incident.start)),
    );
    text += &format!(
        "* Hit: {} services, {} routes",
        record.impact.services, record.impact.routes
    );
    if let (Some(requests), Some(ratio)) = (record.impact.requests, record.impact.ratio) {
        text += &format!(", {requests:.0} requests ({:.2} % of all)", ratio * 100.0);
    }
    text += "\n\n## Suspects\n\n";
    for (idx, suspect) in record.suspects.iter().take(5).enumerate() {
        text += &format!(
            "{}. **{}** ({}), score {:.2}\n",
            idx + 1,
            line(&suspect.entity.name),
            suspect.entity.r#type,
            suspect.score
        );
        for term in &suspect.terms {
            text += &format!("   * {:+.2} {}\n", term.value, line(&term.sentence));
        }
        for evidence in suspect.evidence.iter().take(3) {
            text += &format!(
                "   * {} since {}\n",
                line(&evidence.sentence),
                evidence.onset
            );
        }
    }
    text += "\n## Timeline\n\n| time | what |\n| --- | --- |\n";
    let mut moments: Vec<(Timestamp, String)> = record
        .events
        .iter()
        .map(|event| (Timestamp::from_millis(event.at), event.text.clone()))
        .collect();
    for member in incident.members.values() {
        let name = &member.key.entity.name;
        moments.push((member.onset, format!("{name}: {}", member.sentence)));
        if let Some(end) = member.end {
            moments.push((end, format!("{name}: {} is over", member.key.name)));
        }
    }
    moments.sort();
    for (at, what) in moments {
        text += &format!("| {} | {} |\n", format_rfc3339(at), line(&what));
    }
    text += "\n## To write\n\n* What was the cause?\n";
    text += "* How was it noticed, and could it be sooner?\n* What helped, what did not?\n";
    text += "* What keeps it from coming back?\n";
    text
}

/// On one line, without what Markdown would read.
fn line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => escaped.push(' '),
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}
