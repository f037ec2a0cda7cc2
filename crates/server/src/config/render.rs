//! Writes a configuration back as YAML, with every secret masked.

use diagnosis::yaml::{Node, Value};

use super::secret::MASK;

/// The file as it was read, without comments and with `<secret>` for every secret, including
/// those in sections we do not use.
pub(crate) fn render_masked(root: &Node) -> String {
    render_masked_also(root, &[])
}

/// With further names of fields that hold a secret in this file.
pub(crate) fn render_masked_also(root: &Node, also: &[&str]) -> String {
    let mut out = String::new();
    write_node(&mut out, root, 0, false, also);
    out
}

/// Field names that hold a secret in any section of Prometheus's file.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let holds = [
        "password",
        "secret",
        "token",
        "credentials",
        "api_key",
        "apikey",
        "private_key",
    ]
    .iter()
    .any(|part| name.contains(part));
    holds && !name.ends_with("_file") && !name.ends_with("_url") && !name.ends_with("_ref")
}

fn write_node(out: &mut String, node: &Node, indent: usize, mask: bool, also: &[&str]) {
    match &node.value {
        Value::Null => out.push_str("null\n"),
        Value::Scalar(_) if mask => {
            out.push_str(MASK);
            out.push('\n');
        }
        Value::Scalar(text) => {
            write_scalar(out, &without_userinfo(text));
            out.push('\n');
        }
        Value::List(items) if items.is_empty() => out.push_str("[]\n"),
        Value::Map(fields) if fields.is_empty() => out.push_str("{}\n"),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    pad(out, indent);
                }
                out.push_str("- ");
                write_node(out, item, indent + 2, mask, also);
            }
        }
        Value::Map(fields) => {
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    pad(out, indent);
                }
                write_scalar(out, &field.name);
                out.push(':');
                let mask = mask || is_secret(&field.name) || also.contains(&field.name.as_str());
                let nested = match &field.value.value {
                    Value::List(items) => !items.is_empty(),
                    Value::Map(fields) => !fields.is_empty(),
                    Value::Null | Value::Scalar(_) => false,
                };
                if nested {
                    out.push('\n');
                    pad(out, indent + 2);
                    write_node(out, &field.value, indent + 2, mask, also);
                } else {
                    out.push(' ');
                    write_node(out, &field.value, indent + 2, mask, also);
                }
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Plain where that reads back the same, else double-quoted.
fn write_scalar(out: &mut String, text: &str) {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./$%=()+".contains(c))
        && !matches!(text, "null" | "Null" | "NULL");
    if plain {
        out.push_str(text);
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// `https://user:pass@host` without what stands before the `@`.
fn without_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{MASK}{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use diagnosis::yaml::{NODES_MAX, parse};

    use super::*;

    #[test]
    fn the_file_comes_back_without_its_secrets() {
        let text = "\
scrape_configs:
- job_name: api # who
  basic_auth: {username: me, password: canary1}
  authorization:
    credentials: canary2
    credentials_file: /run/token
  params: {}
  static_configs:
  - targets: ['h:1', \"a b\"]
remote_write:
- url: https://u:canary3@h/x
  headers: {X-Api-Key: null}
  sigv4: {secret_key: canary4}
";
        let expected = "\
scrape_configs:
  - job_name: api
    basic_auth:
      username: me
      password: <secret>
    authorization:
      credentials: <secret>
      credentials_file: /run/token
    params: {}
    static_configs:
      - targets:
          - \"h:1\"
          - \"a b\"
remote_write:
  - url: \"https://<secret>@h/x\"
    headers:
      X-Api-Key: null
    sigv4:
      secret_key: <secret>
";
        let rendered = render_masked(&parse(text, NODES_MAX).unwrap());
        assert_eq!(rendered, expected);
        // What was written reads back.
        assert!(parse(&rendered, NODES_MAX).is_ok());
    }
}
