//! Cuts texts so that what matters most fits.

use super::{Line, Writing};

/// Characters of a name, a summary or the labels of one alert.
const TEXT_MAX: usize = 400;
/// When not even one alert fits with that.
const TEXT_TIGHT_MAX: usize = 60;

/// A text of at most `max` characters, on one line; what is cut ends in `…`.
pub(super) fn shortened(text: &str, max: usize) -> String {
    let mut out = String::new();
    for (n, c) in text.trim().chars().enumerate() {
        if n + 1 >= max {
            // One more character fits only if it is the last.
            if n + 1 == max && text.trim().chars().count() == max {
                out.push(if c.is_control() { ' ' } else { c });
            } else {
                out.push('…');
            }
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// As many alerts as fit in `budget`, measured by `size`, the worst first, then how many more
/// there are.
pub(super) fn fit(
    writing: &Writing<'_>,
    budget: usize,
    size: impl Fn(&str) -> usize,
    render: impl Fn(&Line) -> String,
    render_rest: impl Fn(&str) -> String,
) -> String {
    let notification = writing.notification;
    let total = notification.firing + notification.resolved;
    // The longest this line can become.
    let reserve = size(&render_rest(&rest(total)));
    for text_max in [TEXT_MAX, TEXT_TIGHT_MAX] {
        let (mut out, mut used, mut shown) = (String::new(), 0, 0);
        for told in &notification.alerts {
            let line = render(&writing.line(told, text_max));
            let length = size(&line);
            let is_last = shown + 1 == total;
            if used + length + if is_last { 0 } else { reserve } > budget {
                break;
            }
            out.push_str(&line);
            used += length;
            shown += 1;
        }
        if shown > 0 || text_max == TEXT_TIGHT_MAX || notification.alerts.is_empty() {
            if shown < total {
                out.push_str(&render_rest(&rest(total - shown)));
            }
            return out;
        }
    }
    String::new()
}

fn rest(more: usize) -> String {
    format!("… and {more} more")
}

/// Characters, as most receivers count.
pub(super) fn chars(text: &str) -> usize {
    text.chars().count()
}
