use super::*;

fn check(text: &str, expected: &[TokenKind]) {
    let kinds: Vec<_> = lex(text).into_iter().map(|token| token.kind).collect();
    assert_eq!(kinds, expected, "{text}");
}

#[test]
fn numbers_and_durations_are_told_apart() {
    for text in [
        "1", "1.5", ".5", "2.", "1e3", "1e-3", "1E+3", "0x1F", "017", "1_000", "5e1",
    ] {
        check(text, &[TokenKind::Number, TokenKind::End]);
    }
    for text in ["5m", "1h30m", "1y2w3d4h5m6s7ms"] {
        check(text, &[TokenKind::Duration, TokenKind::End]);
    }
    for text in [
        "5x",
        "1m1h",
        "0x",
        "1.5m",
        "1__0",
        "5m3",
        "1e",
        "999999999y",
    ] {
        let tokens = lex(text);
        assert!(
            matches!(tokens[0].kind, TokenKind::Invalid(_)),
            "{text}: {tokens:?}"
        );
    }
}

#[test]
fn numbers_read_as_go_reads_them() {
    for (text, value) in [
        ("0x1F", 31.0),
        ("0x_1f", 31.0),
        ("017", 15.0),
        ("08", 8.0),
        ("1_000", 1000.0),
        ("1e3", 1000.0),
        ("2.", 2.0),
    ] {
        assert_eq!(number(text), Some(value), "{text}");
    }
}

#[test]
fn strings_resolve_the_escapes_of_go() {
    for (text, expected) in [
        (r#""a\n\t\\\"'""#, "a\n\t\\\"'"),
        (r#"'it\'s "x"'"#, "it's \"x\""),
        (r"`raw \n`", r"raw \n"),
        (r#""\x41\101\u00e9\U0001F600""#, "AA\u{e9}\u{1f600}"),
        (r#""\xc3\xa9""#, "\u{e9}"),
        ("\"\u{e9}\"", "\u{e9}"),
    ] {
        check(
            text,
            &[TokenKind::String(expected.to_owned()), TokenKind::End],
        );
    }
    for text in [
        r#""a"#,
        "'a\nb'",
        "`a",
        r#""\q""#,
        r#""\xg1""#,
        r#""\u12""#,
        r#""\xff""#,
        "\"\\",
    ] {
        let tokens = lex(text);
        assert!(
            matches!(tokens[0].kind, TokenKind::Invalid(_)),
            "{text}: {tokens:?}"
        );
    }
}

#[test]
fn a_colon_parts_only_inside_brackets() {
    check("a:b", &[TokenKind::Word, TokenKind::End]);
    check(
        "a[5m:1m]",
        &[
            TokenKind::Word,
            TokenKind::LeftBracket,
            TokenKind::Duration,
            TokenKind::Colon,
            TokenKind::Duration,
            TokenKind::RightBracket,
            TokenKind::End,
        ],
    );
}

#[test]
fn comments_and_blanks_leave_no_token() {
    check(
        " a # b \n\t+ # c",
        &[TokenKind::Word, TokenKind::Plus, TokenKind::End],
    );
}
