//! What the grammar accepts, what it refuses, and that no text brings it down.

use proptest::prelude::*;

use super::ast::{ExprKind, SetExpr, Statement};
use super::{Parsed, parse, parse_expr};

fn one(text: &str) -> Statement {
    let mut all: Vec<Parsed> = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0).statement
}

fn error(text: &str) -> (String, String, Option<u32>) {
    let error = parse(text).expect_err(text);
    (error.sqlstate().to_string(), error.message.clone(), error.position)
}

/// An expression with every operator in parentheses.
fn shape(text: &str) -> String {
    fn show(expr: &super::ast::Expr) -> String {
        match &expr.kind {
            ExprKind::Column(parts) => parts.join("."),
            ExprKind::Integer(digits) | ExprKind::Decimal(digits) => digits.clone(),
            ExprKind::String(text) => format!("'{text}'"),
            ExprKind::Binary { op, left, right } => format!("({} {} {})", show(left), op.name, show(right)),
            ExprKind::Unary { op, arg } => format!("({}{})", op.name, show(arg)),
            ExprKind::And(terms) => format!("({})", terms.iter().map(show).collect::<Vec<_>>().join(" and ")),
            ExprKind::Or(terms) => format!("({})", terms.iter().map(show).collect::<Vec<_>>().join(" or ")),
            ExprKind::Not(arg) => format!("(not {})", show(arg)),
            ExprKind::IsNull { arg, negated } => {
                format!("({} is{} null)", show(arg), if *negated { " not" } else { "" })
            }
            ExprKind::Between { arg, low, high, .. } => format!("({} between {} {})", show(arg), show(low), show(high)),
            ExprKind::Cast { arg, ty } => format!("{}::{}", show(arg), ty.names.join(".")),
            ExprKind::Collate { arg, .. } => format!("{} collate", show(arg)),
            ExprKind::Subscript { base, .. } => format!("{}[]", show(base)),
            ExprKind::Function(call) => {
                let args: Vec<_> = call.args.iter().map(|arg| show(&arg.expr)).collect();
                format!("{}({})", call.name.object(), args.join(", "))
            }
            other => format!("{other:?}"),
        }
    }
    show(&parse_expr(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[test]
fn operators_bind_as_in_postgresql() {
    assert_eq!(shape("1 + 2 * 3 ^ 2"), "(1 + (2 * (3 ^ 2)))");
    assert_eq!(shape("a or b and not c = d"), "(a or (b and (not (c = d))))");
    assert_eq!(shape("- 2 ^ 2"), "((-2) ^ 2)");
    assert_eq!(shape("a || b + c"), "(a || (b + c))");
    assert_eq!(shape("a = b is null"), "((a = b) is null)");
    assert_eq!(shape("a + b between 1 and 2 and c"), "(((a + b) between 1 2) and c)");
    assert_eq!(shape("-a::int"), "(-a::int)");
    assert_eq!(shape("a[1] || 'x' collate \"C\""), "(a[] || 'x' collate)");
    assert_eq!(shape("a at time zone 'utc' + b"), "(timezone('utc', a) + b)");
    assert_eq!(shape("a operator(pg_catalog.~) 'x' and b"), "((a ~ 'x') and b)");
    assert_eq!(shape("a - b - c"), "((a - b) - c)");
    assert_eq!(shape("trim(leading 'x' from y)"), "ltrim(y, 'x')");
    assert_eq!(shape("position('a' in b)"), "position(b, 'a')");
    assert_eq!(shape("substring(a from 2 for 3)"), "substring(a, 2, 3)");
    assert_eq!(shape("date '2020-01-01' + 1"), "('2020-01-01'::date + 1)");
    assert_eq!(shape("double precision '1'"), "'1'::double precision");
    assert_eq!(error("select 1 < 2 < 3").1, "syntax error at or near \"<\"");
}

#[test]
fn what_is_whole_may_be_tested_and_cast() {
    assert_eq!(shape("a is null is not null"), "((a is null) is not null)");
    assert_eq!(shape("a isnull = b"), "((a is null) = b)");
    assert_eq!(shape("not a + 1 is null::text::bool"), "(not ((a + 1) is null)::text::bool)");
    assert_eq!(shape("a and b is null::bool"), "(a and (b is null)::bool)");
    assert_eq!(shape("a collate \"C\"::text || b"), "(a collate::text || b)");
    for text in
        ["1 in (1) in (true)", "1 = any (a) = true", "1 is true is unknown::text", "1 is null is distinct from true"]
    {
        one(&format!("select {text}"));
    }
    for (text, near) in [
        ("1 is distinct from 2 is null", "is"),
        ("1 is null is distinct from true is null", "is"),
        ("1 < 2 = any (a) = true", "="),
        ("1 = 1 is null::bool = true = true", "="),
        ("'a' like 'a' in (true)", "in"),
        ("1 between 0 and 1 in (true)", "in"),
        ("1 is null[1]", "["),
    ] {
        assert_eq!(error(&format!("select {text}")).1, format!("syntax error at or near \"{near}\""), "{text}");
    }
}

#[test]
fn errors_name_the_token_and_its_place() {
    assert_eq!(error("selec 1"), ("42601".into(), "syntax error at or near \"selec\"".into(), Some(1)));
    assert_eq!(error("select 1 from"), ("42601".into(), "syntax error at end of input".into(), Some(14)));
    assert_eq!(
        error("select '\u{e9}' from where"),
        ("42601".into(), "syntax error at or near \"where\"".into(), Some(17))
    );
    assert_eq!(error("select 'open").1, "unterminated quoted string at or near \"'open\"");
    assert_eq!(error("merge into t").0, "0A000");
    assert_eq!(error("select U&'wrong: \\061'").2, Some(18));
    assert_eq!(error("select U&'wrong: \\db99'").2, Some(23));
    assert_eq!(error("select U&'wrong: \\db99xy'").2, Some(23));
    assert_eq!(error("select U&'wrong: \\db99\\0061'").2, Some(23));
    assert_eq!(error("select U&'wrong: !+2FFFFF' uescape '!'").2, Some(18));
    assert_eq!(error("with w as (select 1) merge into t using w on true when matched then do nothing").0, "0A000");
    assert_eq!(error("insert into t values (1) on conflict (lower(a)) do nothing").0, "0A000");
    assert_eq!(error("insert into t values (1) on conflict (a collate \"C\") do nothing").0, "0A000");
    assert_eq!(error("create table t (a int unique nulls not distinct)").0, "0A000");
    assert_eq!(error("alter table t alter constraint c not valid").0, "0A000");
    assert_eq!(error("create function f() returns int").1, "CREATE FUNCTION is not supported");
    assert_eq!(error("select (with x as (delete from t) select 1)").0, "0A000");
    assert_eq!(error("(with x as (delete from t) select 1) union select 2").2, Some(7));
    assert_eq!(error("with x as (select 1) ((with y as (select 2) table y))").2, Some(1));
    assert_eq!(
        error("(select 1 limit 1) limit 2"),
        ("42601".into(), "multiple LIMIT clauses not allowed".into(), Some(26))
    );
    assert_eq!(error("select 1 limit 1 limit 2").1, "syntax error at or near \"limit\"");
}

#[test]
fn parentheses_open_queries_or_expressions() {
    for text in [
        "select ((select 1) + 1)",
        "select ((select 1))",
        "((select 1) union (select 2)) order by 1 limit 1",
        "select 1 where 1 in ((select 1), 2)",
        "select 1 where 1 in (((select 1)))",
        "select * from ((select 1) union all select 2) x",
        "select * from (a join b on true) join c using (x)",
        "select * from a join b join c on a.x = c.x on b.y = c.y",
        "(select 1 limit 1) offset 2",
        "select array(select 1), array[[1,2],[3,4]], array[]::int[], (row(1,2)).f1, (t).*, ('{1}'::int[])[1:2] from t",
    ] {
        one(text);
    }
}

#[test]
fn a_statement_knows_its_text() {
    let text = " select 1 ; ; values (2) ;";
    let all = parse(text).expect("two statements");
    let texts: Vec<_> = all.iter().map(|parsed| &text[parsed.start..parsed.end]).collect();
    assert_eq!(texts, ["select 1", "values (2)"]);
    assert!(parse(" ; -- nothing\n").expect("blanks").is_empty());
}

#[test]
fn the_forms_that_clients_send_are_known() {
    for script in [include_str!("../../scripts/accepted.sql"), include_str!("../../scripts/psql.sql")] {
        for text in script.split(";\n").map(str::trim).filter(|text| !text.is_empty()) {
            parse(text).unwrap_or_else(|error| panic!("{text}\n{error:?}"));
        }
    }
}

/// Runs in a thread with the stack a server's worker has. Without optimization frames are several times as large.
pub(crate) fn in_small_stack(body: impl FnOnce() + Send + 'static) {
    let megabytes = if cfg!(debug_assertions) { 16 } else { 2 };
    std::thread::Builder::new()
        .stack_size(megabytes << 20)
        .spawn(body)
        .expect("a thread")
        .join()
        .expect("it must not overflow its stack");
}

#[test]
fn depth_is_refused_before_the_stack_ends() {
    in_small_stack(|| {
        let nested = |open: &str, middle: &str, close: &str, n: usize| {
            format!("select {}{middle}{}", open.repeat(n), close.repeat(n))
        };
        for text in [
            nested("(", "1", ")", 10_000),
            nested("- ", "1", "", 50_000),
            nested("not ", "true", "", 50_000),
            nested("(select ", "1", ")", 10_000),
            nested("case when true then ", "1", " end", 10_000),
            nested("array[", "1", "]", 10_000),
            nested("f(", "1", ")", 10_000),
            nested("a[", "1", "]", 10_000),
            nested("1 + (1", "", ")", 10_000),
            format!("select 1{}", " + 1".repeat(50_000)),
            format!("select 1{}", "::int".repeat(50_000)),
            format!("select true{}", " or true".repeat(50_000)),
            format!("select 1{}", " union select 1".repeat(50_000)),
            format!("select * from t{}", " cross join t".repeat(50_000)),
            format!("select * from {}t{}", "(".repeat(10_000), " cross join t)".repeat(10_000)),
        ] {
            let error = parse(&text).expect_err("too deep");
            assert_eq!(error.sqlstate().to_string(), "54001", "{}", &text[..60]);
        }
        // What is allowed must fit too, parsing and dropping.
        for text in [
            nested("(", "1", ")", 90),
            format!("select 1{}", " + 1".repeat(990)),
            format!("select true{}", " or true".repeat(10_000)),
            format!("select {}1{}", "(1 + ".repeat(90), ")".repeat(90)),
        ] {
            parse(&text).unwrap_or_else(|error| panic!("{}: {error}", &text[..40]));
        }
    });
}

proptest! {
    #[test]
    fn no_text_brings_the_parser_down(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_sequence_of_words_brings_the_parser_down(words in prop::collection::vec(prop::sample::select(WORDS), 0..25)) {
        let _ = parse(&words.join(" "));
    }
}

const WORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "(",
    ")",
    ",",
    "a",
    "b.c",
    "*",
    "1",
    "'x'",
    "=",
    "and",
    "or",
    "not",
    "in",
    "between",
    "case",
    "when",
    "then",
    "end",
    "::",
    "int",
    "[",
    "]",
    "array",
    "join",
    "on",
    "using",
    "left",
    "union",
    "values",
    "insert",
    "into",
    "update",
    "set",
    "delete",
    "create",
    "table",
    "primary",
    "key",
    "alter",
    "add",
    "column",
    "drop",
    "index",
    "with",
    "as",
    "order",
    "by",
    "limit",
    "group",
    "over",
    "partition",
    "rows",
    "interval",
    "timestamp",
    "is",
    "null",
    "any",
    "exists",
    "-",
    "+",
    "$1",
    ";",
    "grant",
    "copy",
    "to",
    "stdin",
    "for",
    "like",
    "escape",
    "collate",
    ".",
    ":",
];

#[test]
fn chains_of_and_are_wide() {
    let Statement::Query(query) = one("select a and b and c and d") else { panic!("a query") };
    let SetExpr::Select(select) = query.body else { panic!("a select") };
    let ExprKind::And(terms) = &select.targets[0].expr.kind else { panic!("a conjunction") };
    assert_eq!(terms.len(), 4);
}
