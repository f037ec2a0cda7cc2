//! Files and functions stay short enough to be read in one go.
//!
//! Functions are found by indentation, which rustfmt, Prettier and Python guarantee; a parser a
//! language would find no more and be three parsers.

use super::ratchet::{self, Sizes};
use super::{File, Tree};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const ENDINGS: [&str; 5] = ["mjs", "py", "rs", "ts", "tsx"];

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut sizes = Sizes::new();
    for file in tree.with_ending(&ENDINGS).filter(|file| !file.is_test()) {
        let lines = code_lines(file);
        if lines.len() > FILE_LINES_MAX {
            sizes.insert(format!("file {}", file.path), lines.len());
        }
        for (name, length) in functions(file.ending(), &lines) {
            if length > FUNCTION_LINES_MAX {
                let longest = sizes
                    .entry(format!("function {} {name}", file.path))
                    .or_default();
                *longest = length.max(*longest);
            }
        }
    }
    ratchet::compare(
        &sizes,
        limit_of,
        tree.get(ratchet::PATH).unwrap_or_default(),
    )
}

fn limit_of(what: &str) -> usize {
    if what.starts_with("file ") {
        FILE_LINES_MAX
    } else {
        FUNCTION_LINES_MAX
    }
}

/// The lines before a Rust file's inline test module, all lines of any other file.
pub(super) fn code_lines(file: &File) -> Vec<&str> {
    let lines: Vec<&str> = file.text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    lines[..tests.unwrap_or(lines.len())].to_vec()
}

/// Names and lengths of the functions, nested ones too.
fn functions<'a>(ending: &str, lines: &[&'a str]) -> Vec<(&'a str, usize)> {
    let name_of: fn(&str) -> Option<&str> = match ending {
        "rs" => rust_function,
        "py" => python_function,
        _ => script_function,
    };
    let is_python = ending == "py";
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = name_of(line.trim_start()) else {
            continue;
        };
        let indent = indent_of(line);
        let length = if is_python {
            python_length(&lines[start..], indent)
        } else {
            braces_length(&lines[start..], indent)
        };
        found.push((name, length));
    }
    found
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Up to the line that closes at the indentation where it began.
fn braces_length(lines: &[&str], indent: usize) -> usize {
    if lines[0].ends_with(['}', ';']) {
        return 1;
    }
    let closes = |line: &&str| {
        let text = line.trim_start();
        let ends_body = text.starts_with('}');
        let ends_declaration = text.starts_with(')') && text.ends_with(';');
        indent_of(line) == indent && (ends_body || ends_declaration)
    };
    lines
        .iter()
        .skip(1)
        .position(closes)
        .map_or(lines.len(), |closing| closing + 2)
}

/// Up to the last line that is indented deeper than its `def`.
fn python_length(lines: &[&str], indent: usize) -> usize {
    let is_body = |line: &str| {
        let text = line.trim_start();
        text.is_empty() || indent_of(line) > indent || text.starts_with(')')
    };
    let body = lines.iter().skip(1).take_while(|line| is_body(line));
    let lines: Vec<_> = body.collect();
    let blank_at_end = lines
        .iter()
        .rev()
        .take_while(|line| line.trim().is_empty())
        .count();
    1 + lines.len() - blank_at_end
}

fn rust_function(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let is_modifier = |word: &str| {
        word.starts_with("pub") || matches!(word, "const" | "async" | "unsafe" | "default")
    };
    let first = words.by_ref().find(|word| !is_modifier(word))?;
    if first != "fn" {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

fn python_function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("def ")?.split('(').next()
}

fn script_function(line: &str) -> Option<&str> {
    let mut rest = line;
    for modifier in ["export ", "default ", "async "] {
        rest = rest.strip_prefix(modifier).unwrap_or(rest);
    }
    if let Some(rest) = rest.strip_prefix("function ") {
        return rest.split(['(', '<']).next();
    }
    let (name, value) = rest.strip_prefix("const ")?.split_once(" = ")?;
    let is_function = value.ends_with("=> {") || value == "(" || value == "async (";
    is_function.then(|| name.split(':').next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn long(head: &str, line: &str, lines: usize, tail: &str) -> String {
        format!("{head}\n{}{tail}\n", format!("{line}\n").repeat(lines))
    }

    #[test]
    fn a_long_function_is_found_in_each_language() {
        let rust = long(
            "impl A {\n    pub(crate) fn slow<T>(",
            "        a();",
            70,
            "    }\n}",
        );
        let python = long("async def slow(\n    a,\n):", "    a()", 70, "\nb = 1");
        let script = long("export function slow(", "  a();", 70, "}");
        let arrow = long("const slow = (a) => {", "  a();", 70, "};");
        check(
            complaints,
            &[
                ("a.rs", &rust),
                ("b.py", &python),
                ("c.ts", &script),
                ("d.tsx", &arrow),
            ],
            &[
                "function a.rs slow: 72 lines, 70 are allowed",
                "function b.py slow: 73 lines, 70 are allowed",
                "function c.ts slow: 72 lines, 70 are allowed",
                "function d.tsx slow: 72 lines, 70 are allowed",
            ],
        );
    }

    #[test]
    fn a_function_of_seventy_lines_is_good() {
        let rust = long("fn slow() {", "    a();", 68, "}\nfn b();\nfn c() {}");
        let python = long("def slow():", "    a()", 69, "");
        check(complaints, &[("a.rs", &rust), ("b.py", &python)], &[]);
    }

    #[test]
    fn a_declaration_has_no_body() {
        let rust = long(
            "trait A {\n    fn a(\n        b: u8,\n    );",
            "    // x",
            90,
            "    }\n}",
        );
        check(complaints, &[("a.rs", &rust)], &[]);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let code = "// x\n".repeat(500);
        let tests = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let longer = format!("{code}// one more\n");
        check(
            complaints,
            &[
                ("a.rs", &tests),
                ("b.rs", &longer),
                ("a/tests.rs", &longer),
                ("tests/t.py", &longer),
            ],
            &["file b.rs: 501 lines, 500 are allowed"],
        );
    }
}
