//! JSON (RFC 8259): the types json and jsonb.
//!
//! **json** keeps its text as it was written, checked; two json values have no equality. **jsonb** is a value: blanks do
//! not count, the members of an object are ordered by length of key, then by its bytes, of several members with one key
//! the last stays, and numbers are numerics (`1e2` is 100, `1.10` keeps its zero, 1.0 equals 1.00).
//!
//! A jsonb is held, stored and sent as its canonical text ([`Jsonb`]), because most values are read only to be sent. So a
//! part of a jsonb is a part of its text, and what merely looks into a value ([`scan`]) is one code for both types: it
//! reads one level and steps over the rest. What compares or changes a jsonb makes a tree of it first ([`Json`]).
//!
//! [`lexer`] has PostgreSQL's tokens, errors and their contexts; [`write`] makes JSON of other SQL values.
//!
//! Values nest at most [`DEPTH_MAX`] deep (54001), where PostgreSQL goes by the depth of its stack. Absent: jsonpath.
//!
//! Sources: PostgreSQL manual, section 8.14; its `src/common/jsonapi.c`, `jsonb_util.c`, `jsonfuncs.c`.

pub(crate) mod lexer;
mod parse;
pub(crate) mod path;
pub(crate) mod scan;
mod value;
pub(crate) mod write;

pub(crate) use parse::check;
pub(crate) use value::Json;
pub use value::Jsonb;

/// Deepest nesting of a value.
pub(crate) const DEPTH_MAX: usize = 1_000;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::numeric::Numeric;

    /// Small trees, so that equal and nearly equal ones meet.
    pub(crate) fn trees() -> impl Strategy<Value = Json> + Clone + 'static {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            (-20i64..20, 0u16..3).prop_map(|(units, scale)| Json::Number(Numeric::from_parts(units, scale))),
            "[ab\"\\\\é\n]{0,3}".prop_map(Json::String),
        ];
        leaf.prop_recursive(4, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                proptest::collection::vec(("[ab]{0,2}", inner), 0..3).prop_map(Json::object),
            ]
        })
    }

    fn jsonb(tree: &Json) -> Jsonb {
        Jsonb::try_from(tree).expect("short")
    }

    fn canonical(text: &str) -> String {
        Jsonb::parse(text).expect("JSON").as_str().to_owned()
    }

    #[test]
    fn canonical_text_is_that_of_postgresql() {
        for (given, expected) in [
            (" { \"bb\" : 1 , \"a\":[ ], \"b\" : {\"x\":null} } ", "{\"a\": [], \"b\": {\"x\": null}, \"bb\": 1}"),
            (
                "[1e2, 1.10, -0, 1E-3, 100000000000000000000000000000]",
                "[100, 1.10, 0, 0.001, 100000000000000000000000000000]",
            ),
            ("{\"a\": 1, \"a\": 2}", "{\"a\": 2}"),
            ("\"\\u00e9\\ud83d\\ude00\\/\\u0001\"", "\"é😀/\\u0001\""),
        ] {
            assert_eq!(canonical(given), expected);
        }
    }

    #[test]
    fn errors_are_those_of_postgresql() {
        for (given, detail, context) in [
            ("", "The input string ended unexpectedly.", "JSON data, line 1: "),
            ("{\"a\" 1}", "Expected \":\", but found \"1\".", "JSON data, line 1: {\"a\" 1..."),
            ("[1,]", "Expected JSON value, but found \"]\".", "JSON data, line 1: [1,]"),
            ("{\"a\":1,}", "Expected string, but found \"}\".", "JSON data, line 1: {\"a\":1,}"),
            ("{1}", "Expected string or \"}\", but found \"1\".", "JSON data, line 1: {1..."),
            ("[1 2]", "Expected \",\" or \"]\", but found \"2\".", "JSON data, line 1: [1 2..."),
            (
                "{\"a\":1 \"b\"}",
                "Expected \",\" or \"}\", but found \"\"b\"\".",
                "JSON data, line 1: {\"a\":1 \"b\"...",
            ),
            ("1 2", "Expected end of input, but found \"2\".", "JSON data, line 1: 1 2"),
            ("nul", "Token \"nul\" is invalid.", "JSON data, line 1: nul"),
            ("01", "Token \"01\" is invalid.", "JSON data, line 1: 01"),
            ("'x'", "Token \"'\" is invalid.", "JSON data, line 1: '..."),
            ("\"a", "Token \"\"a\" is invalid.", "JSON data, line 1: \"a"),
            ("\"a\n\"", "Character with value 0x0a must be escaped.", "JSON data, line 1: \"a"),
            ("\"\\x\"", "Escape sequence \"\\x\" is invalid.", "JSON data, line 1: \"\\x..."),
            ("\"\\u12g4\"", "\"\\u\" must be followed by four hexadecimal digits.", "JSON data, line 1: \"\\u12g..."),
            ("{\n  \"a\": tru\n}", "Token \"tru\" is invalid.", "JSON data, line 2:   \"a\": tru"),
        ] {
            let error = check(given).expect_err(given);
            assert_eq!(error.message, "invalid input syntax for type json");
            assert_eq!((error.detail.as_deref(), error.where_.as_deref()), (Some(detail), Some(context)), "{given}");
        }
    }

    #[test]
    fn deep_values_are_refused() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Jsonb::parse(&nested(DEPTH_MAX)).is_ok());
        let error = Jsonb::parse(&nested(100_000)).expect_err("too deep");
        assert_eq!(error.sqlstate, crate::SqlState::STATEMENT_TOO_COMPLEX);
    }

    proptest! {
        #[test]
        fn canonical_text_reads_back(tree in trees()) {
            let value = jsonb(&tree);
            prop_assert_eq!(value.tree().expect("own text"), tree.clone());
            prop_assert_eq!(canonical(value.as_str()), value.as_str());
            let pretty = tree.to_text(true).expect("short");
            prop_assert_eq!(canonical(&pretty), value.as_str());
            prop_assert!(tree.least_length(None) <= value.as_str().len());
            prop_assert!(tree.least_length(Some(0)) <= pretty.len());
        }

        #[test]
        fn parts_of_a_text_are_its_parts(tree in trees()) {
            let value = jsonb(&tree);
            match &tree {
                Json::Array(elements) => {
                    let mut walk = scan::Walk::array(value.as_str()).expect("JSON").expect("an array");
                    for element in elements {
                        let expected = jsonb(element);
                        prop_assert_eq!(walk.element(value.as_str()).expect("JSON"), Some(expected.as_str()));
                    }
                    prop_assert_eq!(walk.element(value.as_str()).expect("JSON"), None);
                    prop_assert_eq!(scan::length(value.as_str()).expect("JSON"), Some(elements.len()));
                    let last = elements.last().map(jsonb);
                    let found = scan::element(value.as_str(), -1).expect("JSON");
                    prop_assert_eq!(found, last.as_ref().map(Jsonb::as_str));
                }
                Json::Object(members) => {
                    for (key, member) in members {
                        let found = scan::member(value.as_str(), key).expect("JSON").expect("a member");
                        let expected = jsonb(member);
                        prop_assert_eq!(found, expected.as_str());
                    }
                }
                _ => prop_assert_eq!(scan::length(value.as_str()).expect("JSON"), None),
            }
            prop_assert!(tree.contains(&tree));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in "[\\[\\]{}:,\"\\\\u0-9a-fnultrse. -]{0,24}") {
            let checked = check(&text).is_ok();
            let _ = Jsonb::parse(&text);
            if checked {
                scan::kind(&text).expect("JSON has a kind");
            }
        }
    }
}
