use std::sync::Arc;

use model::{METRIC_NAME, MatchOp, Matcher, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::ast::{
    Aggregate, AggregateOp, At, Call, Grouping, RangeSelector, Selector, Shift, Subquery, ValueType,
};

/// What the text prints as, once parsed.
fn check(text: &str, expected: &str) {
    match parse(text) {
        Ok(expr) => {
            assert_eq!(expr.to_string(), expected, "{text}");
            assert_eq!(parse(expected).as_ref(), Ok(&expr), "{text}");
        }
        Err(error) => panic!("{text}: {error}"),
    }
}

fn check_error(text: &str, expected: &str) {
    match parse(text) {
        Ok(expr) => panic!("{text} parses as {expr}"),
        Err(error) => {
            assert_eq!(error.to_string(), expected, "{text}");
            assert!(
                error.start <= error.end && error.end <= text.len(),
                "{error:?}"
            );
        }
    }
}

#[test]
fn operators_bind_as_in_prometheus() {
    check("-2^---1*3", "-2 ^ -1 * 3");
    check("- - -a", "---a");
    check("1 - -1", "1 - -1");
    check("2 ^ 3 ^ 2", "2 ^ 3 ^ 2");
    check("a or b and c unless d", "a or b and c unless d");
    check("a AND b Or c", "a and b or c");
    check("10 atan2 20 % 3", "10 atan2 20 % 3");
    let tree = |text: &str| parse(text).unwrap();
    assert_eq!(tree("a - b - c"), tree("a - b - c"));
    assert_ne!(tree("a - b - c"), tree("a - (b - c)"));
    let shape = |text: &str| match tree(text).root.kind {
        NodeKind::Binary(binary) => (binary.lhs.to_string(), binary.rhs.to_string()),
        other => panic!("{other:?}"),
    };
    for (text, lhs, rhs) in [
        ("a - b - c", "a - b", "c"),
        ("a ^ b ^ c", "a", "b ^ c"),
        ("-a * b", "-a", "b"),
        ("a or b and c", "a", "b and c"),
        ("a == b + c * d", "a", "b + c * d"),
        ("2 ^ -1 * 3", "2 ^ -1", "3"),
    ] {
        assert_eq!(shape(text), (lhs.to_owned(), rhs.to_owned()), "{text}");
    }
    assert!(matches!(tree("-a ^ b").root.kind, NodeKind::Negate(_)));
}

#[test]
fn selectors_print_in_one_way() {
    check("x{}", "x");
    check("x{a='b',}", "x{a=\"b\"}");
    check("{__name__=\"x\", a!=\"\"}", "{__name__=\"x\",a!=\"\"}");
    check("{'x', a=~`b.*`}", "x{a=~\"b.*\"}");
    check(
        "{\"my.metric\", \"label.name\"!~\"x\"}",
        "{\"my.metric\",\"label.name\"!~\"x\"}",
    );
    check("a:b:c[5m]", "a:b:c[5m]");
    check("x[30]", "x[30s]");
    check("x[1h30m] offset 5", "x[1h30m] offset 5s");
    check("x offset -5m @ end()", "x @ end() offset -5m");
    check("x @ start() offset +1d", "x @ start() offset 1d");
    check("x @ 1609746000.25", "x @ 1609746000.250");
    check("x @ -1", "x @ -1.000");
    check("x[5m:]", "x[5m:]");
    check(
        "(x)[5m:30s] @ 0x10 offset 1",
        "(x)[5m:30s] @ 16.000 offset 1s",
    );
    check(
        "rate(x[5m])[1h:1m] offset 1h",
        "rate(x[5m])[1h:1m] offset 1h",
    );
}

#[test]
fn keywords_name_metrics_and_labels() {
    check("sum", "sum");
    check("sum{by=\"x\",on='y'}", "sum{by=\"x\",on=\"y\"}");
    check(
        "sum by (by, without, inf) (offset)",
        "sum by (by, without, inf) (offset)",
    );
    check("and and and", "and and and");
    check("rate", "rate");
    check("{\"inf\"}", "{\"inf\"}");
    check("start + end", "start + end");
}

#[test]
fn aggregations_and_matching_print_in_one_way() {
    check("sum(a)by(b,)", "sum by (b) (a)");
    check("SUM WITHOUT () (a)", "sum without () (a)");
    check("topk by (\"x.y\") (5, a)", "topk by (\"x.y\") (5, a)");
    check(
        "count_values(\"v\", a) without(b)",
        "count_values without (b) (\"v\", a)",
    );
    check("a and on(x,) b", "a and on (x) b");
    check(
        "a / ignoring(x) group_left b",
        "a / ignoring (x) group_left () b",
    );
    check(
        "a >bool on() group_right(y) b",
        "a > bool on () group_right (y) b",
    );
    check("a + ignoring() b", "a + b");
    check("((((a)))) # c", "(a)");
    check("1h30m * a", "1h30m * a");
    check("histogram_quantile(.9, a)", "histogram_quantile(0.9, a)");
    check("+Inf", "+Inf");
    check("-nan", "NaN");
}

#[test]
fn an_error_says_where_and_what() {
    for (text, expected) in [
        ("", "1:1: parse error: no expression found in input"),
        (
            "# only a comment",
            "1:17: parse error: no expression found in input",
        ),
        ("sum(", "1:5: parse error: unexpected end of input"),
        ("sum(a", "1:4: parse error: unclosed left parenthesis"),
        ("(a", "1:1: parse error: unclosed left parenthesis"),
        ("a)", "1:2: parse error: unexpected right parenthesis ')'"),
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        (
            "a\n  +\n  b c",
            "3:5: parse error: unexpected identifier \"c\"",
        ),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("* 1", "1:1: parse error: unexpected <op:*>"),
        (
            "foo(a)",
            "1:1: parse error: unknown function with name \"foo\"",
        ),
        (
            "rate(a)",
            "1:6: parse error: expected type range vector in call to function \"rate\", \
                     got instant vector",
        ),
        (
            "abs(a, b)",
            "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2",
        ),
        (
            "round()",
            "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0",
        ),
        (
            "round(a, 1, 2)",
            "1:1: parse error: expected at most 2 argument(s) in call to \
                            \"round\", got 3",
        ),
        (
            "sum(1)",
            "1:5: parse error: expected type instant vector in aggregation expression, \
                    got scalar",
        ),
        (
            "sum()",
            "1:1: parse error: no arguments for aggregate expression provided",
        ),
        (
            "topk(a)",
            "1:1: parse error: wrong number of arguments for aggregate expression \
                     provided, expected 2, got 1",
        ),
        (
            "abs(a,)",
            "1:7: parse error: trailing commas not allowed in function call args",
        ),
        (
            "{}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        (
            "{a=~\".*\"}",
            "1:1: parse error: vector selector must contain at least one non-empty \
                         matcher",
        ),
        (
            "x{a}",
            "1:4: parse error: unexpected \"}\" in label matching, expected label matching \
                  operator",
        ),
        (
            "x{a=b}",
            "1:5: parse error: unexpected identifier \"b\" in label matching, expected \
                    string",
        ),
        (
            "x{a=\"b\"",
            "1:1: parse error: unexpected end of input inside braces",
        ),
        (
            "x{\"y\"}",
            "1:3: parse error: metric name must not be set twice: \"x\" or \"y\"",
        ),
        (
            "x{__name__=\"y\"}",
            "1:3: parse error: metric name must not be set twice: \"x\" or \
                              \"y\"",
        ),
        (
            "1[5m]",
            "1:1: parse error: ranges only allowed for vector selectors",
        ),
        (
            "1[5m:]",
            "1:1: parse error: subquery is only allowed on instant vector, got scalar \
                    instead",
        ),
        ("x[5m", "1:2: parse error: unclosed left bracket"),
        ("x[0]", "1:3: parse error: duration must be greater than 0"),
        (
            "x offset 1m[5m]",
            "1:1: parse error: no offset modifiers allowed before range",
        ),
        (
            "x @ 1 [5m]",
            "1:1: parse error: no @ modifiers allowed before range",
        ),
        (
            "x offset 1m offset 1m",
            "1:1: parse error: offset may not be set multiple times",
        ),
        (
            "x @ 1 @ 2",
            "1:1: parse error: @ <timestamp> may not be set multiple times",
        ),
        (
            "1 offset 1m",
            "1:1: parse error: offset modifier must be preceded by an instant vector \
                         selector or range vector selector or a subquery",
        ),
        (
            "1 == 1",
            "1:1: parse error: comparisons between scalars must use BOOL modifier",
        ),
        (
            "a + bool b",
            "1:1: parse error: bool modifier can only be used on comparison operators",
        ),
        (
            "1 and a",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar \
                     expression",
        ),
        (
            "a + on(x) 1",
            "1:1: parse error: vector matching only allowed between instant vectors",
        ),
        (
            "a and on(x) group_left b",
            "1:1: parse error: no grouping allowed for \"and\" operation",
        ),
        (
            "a + on(x) group_left(x) b",
            "1:1: parse error: label \"x\" must not occur in ON and \
                                       GROUP clause at once",
        ),
        (
            "a + \"x\"",
            "1:5: parse error: binary expression must contain only scalar and instant \
                       vector types",
        ),
        (
            "-\"x\"",
            "1:2: parse error: unary expression only allowed on expressions of type scalar \
                    or instant vector, got \"string\"",
        ),
        (
            "a !b",
            "1:3: parse error: unexpected character after '!': 'b'",
        ),
        ("a $ b", "1:3: parse error: unexpected character: '$'"),
        ("\"abc", "1:1: parse error: unterminated quoted string"),
        (
            "5x",
            "1:1: parse error: bad number or duration syntax: \"5x\"",
        ),
    ] {
        check_error(text, expected);
    }
}

#[test]
fn experimental_syntax_is_refused_by_name() {
    for (text, name) in [
        ("x[5m + 1m]", "duration expressions are experimental"),
        ("x[step()]", "duration expressions are experimental"),
        ("x offset (1m)", "duration expressions are experimental"),
        ("x[5m] anchored", "\"anchored\" is experimental"),
        ("rate(x[5m] smoothed)", "\"smoothed\" is experimental"),
        ("info(x)", "\"info\" is experimental"),
        ("a + on(x) fill(0) b", "\"fill\" is experimental"),
        ("x </ 5", "\"</\" is experimental"),
    ] {
        let error = parse(text)
            .map(|expr| expr.to_string())
            .unwrap_err()
            .to_string();
        assert!(error.contains(name), "{text}: {error}");
    }
}

#[test]
fn deep_nesting_is_an_answer_or_an_error_but_no_crash() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        parse(&format!(
            "{}{inner}{}",
            open.repeat(depth),
            close.repeat(depth)
        ))
    };
    assert_eq!(
        nested("(", "1", ")", 3_000).map(|expr| expr.to_string()),
        Ok("(1)".into())
    );
    assert!(nested("abs(", "a", ")", NESTING_MAX - 1).is_ok());
    assert!(nested("(", "1 + 1", ")", 3_000).is_ok());
    for (open, close) in [
        ("(", ")"),
        ("abs(", ")"),
        ("(1+", ")"),
        ("-", ""),
        ("a^", ""),
        ("sum(", ""),
    ] {
        assert!(nested(open, "a", close, 100_000).is_err(), "{open}");
    }
    let chain = |length: usize| parse(&vec!["a"; length].join(" or "));
    assert!(chain(OPERATORS_MAX + 1).is_ok());
    assert!(chain(100_000).is_err());
    // Brackets and modifiers repeat in a loop, too.
    assert!(nested("a", "", "[5m:]", 100_000).is_err());
}

#[test]
fn the_selectors_of_an_expression_are_in_order() {
    let expr = parse("sum(rate(a{x=\"1\"}[5m])) / topk(2, {__name__=\"b\"}) + c[1h:] > {d=\"e\"}");
    assert!(expr.is_err(), "a subquery is no operand");
    let expr = parse("sum(rate(a{x=\"1\"}[5m])) / topk(2, {__name__=\"b\"}) > {d=\"e\"}").unwrap();
    let names: Vec<_> = expr
        .selectors()
        .map(|selector| selector.metric_name)
        .collect();
    assert_eq!(names, [Some("a"), Some("b"), None]);
    assert_eq!(expr.selectors().next().unwrap().matchers.len(), 2);
    assert_eq!(expr.value_type(), ValueType::Vector);
}

/// Names that need quotes, names that are keywords, plain names.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,5}",
        "[a-z]{1,3}:[a-z]{1,3}",
        "(sum|by|on|and|inf|offset|start|bool|rate)",
        "\\PC{1,6}",
    ]
}

fn shift() -> impl Strategy<Value = Shift> {
    let at = prop_oneof![
        Just(None),
        Just(Some(At::Start)),
        Just(Some(At::End)),
        (-1_000_000_i64..1_000_000_000_000)
            .prop_map(|millis| Some(At::Time(Timestamp::from_millis(millis)))),
    ];
    (-100_000_000_i64..100_000_000, at).prop_map(|(offset_ms, at)| Shift { offset_ms, at })
}

fn selector() -> impl Strategy<Value = Selector> {
    let op = prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Matches),
        Just(MatchOp::NotMatches),
    ];
    let matcher = (name(), op, "[a-z.*\"\\\\\n]{0,5}")
        .prop_filter("a name only once", |(name, _, _)| name != METRIC_NAME)
        .prop_filter_map("a valid pattern", |(name, op, value)| {
            Matcher::new(op, name, value).ok()
        });
    (name(), prop::collection::vec(matcher, 0..3)).prop_map(|(name, rest)| {
        let mut matchers = vec![Matcher::equal(METRIC_NAME, name.as_str())];
        matchers.extend(rest);
        Selector {
            name: Some(name.into()),
            matchers,
            shift: Shift::default(),
        }
    })
}

fn node(kind: NodeKind) -> Node {
    Node {
        kind,
        span: Span::default(),
    }
}

fn in_parens(inner: Node) -> Node {
    match inner.kind {
        NodeKind::Paren(_) => inner,
        _ => node(NodeKind::Paren(Box::new(inner))),
    }
}

fn labels() -> impl Strategy<Value = Vec<Box<str>>> {
    prop::collection::vec(name().prop_map(Box::from), 0..3)
}

fn scalar() -> impl Strategy<Value = Node> {
    prop_oneof![
        any::<f64>().prop_map(|value| Number {
            value: if value.is_nan() { f64::NAN } else { value },
            as_duration: false,
        }),
        (0_u32..1_000_000_000).prop_map(|millis| Number {
            value: f64::from(millis) / 1000.0,
            as_duration: true,
        }),
    ]
    .prop_map(|number| in_parens(node(NodeKind::Number(number))))
}

/// Vectors of every kind; operands of operators stand in parentheses.
fn vector() -> impl Strategy<Value = Node> {
    let leaf = (selector(), shift()).prop_map(|(mut selector, shift)| {
        selector.shift = shift;
        node(NodeKind::Selector(selector))
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let call = |name: &'static str| crate::functions::find(name).unwrap();
        prop_oneof![
            inner.clone().prop_map(in_parens),
            inner
                .clone()
                .prop_map(|inner| node(NodeKind::Negate(Box::new(in_parens(inner))))),
            inner.clone().prop_map(move |arg| node(NodeKind::Call(Call {
                function: call("abs"),
                args: vec![arg],
            }))),
            (selector(), shift(), 1_i64..1_000_000).prop_map(
                move |(mut selector, shift, range)| {
                    selector.shift = shift;
                    let range = node(NodeKind::Range(RangeSelector {
                        selector,
                        range_ms: range,
                    }));
                    node(NodeKind::Call(Call {
                        function: call("rate"),
                        args: vec![range],
                    }))
                }
            ),
            (
                inner.clone(),
                shift(),
                1_i64..1_000_000,
                prop::option::of(1_i64..1_000_000)
            )
                .prop_map(move |(inner, shift, range_ms, step_ms)| {
                    let subquery = node(NodeKind::Subquery(Box::new(Subquery {
                        inner: in_parens(inner),
                        range_ms,
                        step_ms,
                        shift,
                    })));
                    node(NodeKind::Call(Call {
                        function: call("sum_over_time"),
                        args: vec![subquery],
                    }))
                }),
            (inner.clone(), labels(), any::<bool>()).prop_map(|(inner, labels, by)| node(
                NodeKind::Aggregate(Box::new(Aggregate {
                    op: AggregateOp::Sum,
                    param: None,
                    inner,
                    grouping: if by {
                        Grouping::By(labels)
                    } else {
                        Grouping::Without(labels)
                    },
                }))
            )),
            (inner.clone(), "\\PC{0,5}").prop_map(|(inner, label)| node(NodeKind::Aggregate(
                Box::new(Aggregate {
                    op: AggregateOp::CountValues,
                    param: Some(node(NodeKind::String(Arc::from(label)))),
                    inner,
                    grouping: Grouping::By(Vec::new()),
                })
            ))),
            (inner.clone(), scalar(), any::<bool>()).prop_map(|(lhs, rhs, returns_bool)| {
                let op = if returns_bool {
                    BinaryOp::Less
                } else {
                    BinaryOp::Pow
                };
                check::binary(in_parens(lhs), op, returns_bool, None, rhs).unwrap()
            }),
            (inner.clone(), inner, labels(), any::<bool>()).prop_map(|(lhs, rhs, labels, on)| {
                let matching = Matching {
                    on,
                    labels,
                    group: if on {
                        Group::OneToOne
                    } else {
                        Group::Left(vec!["x".into()])
                    },
                };
                let (lhs, rhs) = (in_parens(lhs), in_parens(rhs));
                check::binary(lhs, BinaryOp::Add, false, Some(matching), rhs).unwrap()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_back_the_same(root in vector()) {
        let text = root.to_string();
        match parse(&text) {
            Ok(expr) => {
                prop_assert_eq!(&expr.root, &root, "{}", text);
                prop_assert_eq!(expr.to_string(), text);
            }
            Err(error) => prop_assert!(false, "{}: {}", text, error),
        }
    }

    #[test]
    fn any_text_parses_or_fails_inside_itself(text in "\\PC{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.start <= error.end && error.end <= text.len());
        }
    }

    #[test]
    fn any_soup_of_tokens_parses_or_fails_inside_itself(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "a", "sum", "by", "rate", "on", "bool", "offset", "@", "start", "(", ")", "{", "}",
                "[", "]", ",", ":", "=", "=~", "!~", "!=", "==", "<", "+", "-", "^", "and", "or",
                "5m", "1", "0x", "\"s\"", "'", "`", "#", "\n", "\u{e9}", "\\", "inf", "group_left",
            ]),
            0..30,
        ),
        spaced in any::<bool>(),
    ) {
        let text = tokens.join(if spaced { " " } else { "" });
        match parse(&text) {
            Ok(expr) => {
                let printed = expr.to_string();
                prop_assert_eq!(parse(&printed), Ok(expr), "{} -> {}", text, printed);
            }
            Err(error) => {
                prop_assert!(error.start <= error.end && error.end <= text.len());
                prop_assert!(text.get(error.range()).is_some());
            }
        }
    }
}
