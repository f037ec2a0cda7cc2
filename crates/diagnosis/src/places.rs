//! Texts with places to fill: `$name`.

/// Puts a value into each place whose name is known. An unknown name stays as it is: the parser of
/// the text then points at it.
pub(crate) fn fill<'a>(text: &str, mut value_of: impl FnMut(&str) -> Option<&'a str>) -> String {
    let mut rest = text;
    let mut filled = String::with_capacity(text.len());
    while let Some(start) = rest.find('$') {
        filled.push_str(&rest[..start]);
        let (name, after) = split_name(&rest[start + 1..]);
        match value_of(name) {
            Some(value) => filled.push_str(value),
            None => filled.extend(["$", name]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The names of all places, as often as they stand there.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(|rest| split_name(rest).0)
}

fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    text.split_at(end.unwrap_or(text.len()))
}
