use super::*;

#[test]
fn a_sign_binds_like_a_product() {
    for (text, expected) in [
        ("-2^---1*3", "-2 ^ -1 * 3"),
        ("- - -a", "---a"),
        ("+Inf", "+Inf"),
        ("((((x))))", "(x)"),
        ("sum(a)by(b,)", "sum by (b) (a)"),
        (
            "{\"my.metric\", \"x.y\"=~'a'}[1h30m] offset -5m @ end()",
            "{\"my.metric\",\"x.y\"=~\"a\"}[1h30m] @ end() offset -5m",
        ),
        ("a and on(x,) b", "a and on (x) b"),
        (
            "a / ignoring(x) group_left b",
            "a / ignoring (x) group_left () b",
        ),
        ("sum + by * on / rate", ""),
        ("x[30]", "x[30s]"),
        ("x[5m:]", "x[5m:]"),
    ] {
        let printed = parse(text).map(|expr| expr.to_string());
        if expected.is_empty() {
            assert!(printed.is_err(), "{printed:?}");
        } else {
            assert_eq!(printed.unwrap(), expected, "{text}");
        }
    }
}
