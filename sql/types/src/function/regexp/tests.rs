use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::*;

/// What the groups match, or the whole expression if it has none, of the first match.
fn groups<'a>(expression: &Expression, text: &'a str) -> Result<Option<Vec<Option<&'a str>>>> {
    let found = expression.captures_at(text, 0, &Settings::default())?;
    Ok(found.map(|places| {
        let places = &places[usize::from(places.len() > 1)..];
        places.iter().map(|place| place.map(|(from, to)| &text[from..to])).collect()
    }))
}

fn expression(pattern: &str) -> Arc<Expression> {
    compile(pattern, Flags::default()).unwrap()
}

fn message(pattern: &str) -> Option<String> {
    compile(pattern, Flags::default()).err().map(|error| error.message.clone())
}

/// Expressions, texts, and what PostgreSQL 15 finds.
type Case = (&'static str, &'static str, Option<&'static [Option<&'static str>]>);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (r"|(?:|a{0,2}b{0,2})??", "ba", Some(&[Some("b")])),
    (r"(a??b?|b*a*b??|b?)", "bbbbaba", Some(&[Some("bbbbab")])),
    (r"|b{0}(?:b{2,}b{0,2}?){0,2}?", "bbb", Some(&[Some("bbb")])),
    (r"a{0,2}a{2,}(?:)+?", "baaa", Some(&[Some("aaa")])),
    (r"(?:){1,2}a{1,}?a{0,2}", "ba", Some(&[Some("a")])),
    (r"|b?(||a*?(?:aa{1,2}b)?){1,}?", "abbbb", Some(&[Some("a")])),
    (r"(?:a+?a+?|(b{0}a{2,}))+?|", "aa", Some(&[None])),
    (r"a+?|((b+?|a)?){0,2}?", "aabbab", Some(&[None, None])),
    (r"((?:|a{2})+a{2,3}?|)|", "aabbba", Some(&[Some("aa")])),
    (r"(|a{0,2}?a*){1,2}b*?", "bbbbaa", Some(&[Some("")])),
    (r"(b|){2,}a?", "abb", Some(&[Some("")])),
    (r"b{0}|a{0,2}?(?:)?", "abbb", Some(&[Some("a")])),
    (r"a(?:){0,2}?", "bbbaabb", Some(&[Some("a")])),
    (r"a*|(|b){0}b", "bab", Some(&[None])),
    (r"a{2,}(?:a{0,2}){1,}?", "bbbbaaba", Some(&[Some("aa")])),
    (r"b{2,3}?|(a)b*?|a(b{1,2})", "babbba", Some(&[Some("a"), None])),
    (r"(?:b{2})+|b{0}", "bbbaba", Some(&[Some("bb")])),
    (r"b|a{2}((?:a{0,2}){1,}?)*", "ba", Some(&[None])),
    (r"^(?:(b+|a{0,2}bb+?|)a*?)$", "abbbaa", Some(&[Some("abbb")])),
    (r"(a{2}|b*?){0}a??|b{2,3}?", "aaaaaaaa", Some(&[None])),
    (r"b(a{2}a{0,2})*|", "bbabba", Some(&[None])),
    (r"(a{0})a*b+|a", "baaaba", Some(&[Some("")])),
    (r"(?:b+?|a?(|b)+?){1,1}?|", "aba", Some(&[Some("b")])),
    (r"(?:b|(?:a??){1,}?)?a{1,}?", "bbbaabaa", Some(&[Some("baa")])),
    (r"a(b?a{0,2}){2,}", "bbabbaa", Some(&[Some("")])),
    (r"(?:(a{2,})?b|b{1,2})?(a?){2}", "abaa", Some(&[None, Some("")])),
    (r"(?:(?:a+a{1,1}?))?", "aabbaaba", Some(&[Some("aa")])),
    (r"|((?:b{2,}b+){0,2}?|){2}b*?", "bbbaaaaa", Some(&[Some("")])),
    (r"(?:b|b*?(a)?)a{0,2}?", "bbabaaab", Some(&[Some("a")])),
    (r"(a){0,2}?b{1,}?", "bbabaaaa", Some(&[None])),
    (r"(?:a{0}|a|a{1,1}?)a", "ab", Some(&[Some("a")])),
    (r"(a*)(b){0,2}?", "baaba", Some(&[Some(""), Some("b")])),
    (r"(?:(|)b+|a{2,}){2,}", "abaa", Some(&[None])),
    (r"b*(?:a{1,}?(b??)+?){1,2}", "baaaaa", Some(&[Some("")])),
    (r"b|b{2,}a*(|){1,2}", "ab", Some(&[None])),
    (r"^(?:(|(b*?){2,}a{2,}){0,2}?)$", "aa", Some(&[Some("aa"), Some("")])),
    (r"a{2}(b*?(|)?|)+a", "abaabb", None),
    (r"^(?:(){0,2}?|)$", "babaabb", None),
    (r"^(?:(b{0,2}?){0,2})$", "aab", None),
    (r"(?:|a{0,2}?)*?a*b{2}", "babaab", None),
    (r"(a*b?|)||a{1,2}\1{0}", "babaabb", Some(&[Some("b")])),
    (r".?|()*(b{2,}|(a+\1{2,3}?)?)?", "aaa", Some(&[Some(""), Some("aaa"), Some("aaa")])),
    (r"(){2,}\1??\1+?||a{1,1}?", "aabb", Some(&[None])),
    (r"()*a{1,2}(\1?)+?", "baaaaab", Some(&[Some(""), Some("")])),
    (r"(a{0,2})??|\1()", "abbabbba", Some(&[Some("a"), None])),
    (r"a()*?\1?", "ba", Some(&[Some("")])),
    (r"b()|(\1{1,}?(a{1,2}|)?|)", "bba", Some(&[Some(""), None, None])),
    (r"^(?:(.+?){2,3}?|\1{1,2}a{1,2})$", "bb", Some(&[Some("b")])),
    (r"((a{1,}?.){1,2}\2*?)+a{0,2}?", "ababbaab", Some(&[Some("abab"), Some("ab")])),
    (r"b.|b{2,}(b{1,}?b{0,2})\1{2,}", "aabbaa", Some(&[None])),
    (r"(?:()(\1?b{2}|.+){1,}?)", "baa", Some(&[Some(""), Some("b")])),
    (r"(a{1,}?){1,}?\1", "baaaab", Some(&[Some("a")])),
    (r"^(?:(?:(.?){1,}?)+\1*?)$", "ababbb", Some(&[Some("")])),
    (r".+|(.+|aa*)+\1|b{2,}", "ab", Some(&[None])),
    (r".|a{0}(b{0,2}?b|){1,}?\1", "aa", Some(&[None])),
    (r"(){1,2}.+.{1,}?|a{1,2}\1*?", "babaa", Some(&[Some("")])),
    (r"b{1,1}?(|b)\1?", "ba", Some(&[Some("")])),
    (r"a?((?:.{1,2}){1,}?){2,}|\1", "bbbbabba", Some(&[Some("a")])),
    (r"|((?:)*(a{0,2})?b+?){1,}?|\2", "ab", Some(&[Some("ab"), Some("a")])),
    (r"(b|a)+?|\1?", "bbbabb", Some(&[Some("b")])),
    (r".{1,}?((.b{1,1}?))?.{1,2}|\1", "abba", Some(&[Some("bb"), Some("bb")])),
    (r"(?:a{0}(b{0,2}?|){0}\1??)", "baaabb", None),
    (r"(a{2,}a*?){1,2}b*?\1{1,1}?", "babab", None),
    (r"(?!a+?(.+)??)|a{2,3}?a{2}b", "aaaaabb", Some(&[Some("aaaaab")])),
    (r"b+|(?<=).{2}", "bbbaabab", Some(&[Some("bbb")])),
    (r"^(?:.{1,}?(?=|))$", "abb", Some(&[Some("abb")])),
    (r"b??|(a*?.(?<!b{0,2}a?))??", "baabbb", Some(&[None])),
    (r"((?<=a?)b??|)+?.??|bb{2,3}?", "aabb", Some(&[Some("")])),
    (r"b??|(?<!(?:ba{1,}?b)*b|b??)", "bbaa", Some(&[Some("b")])),
    (r"(?<!b{2})a+?", "aabbbbaa", Some(&[Some("a")])),
    (r"a()+?|b(b{2,}|){1,2}|(?<!b?)", "babb", Some(&[None, Some("")])),
    (r"(?:)?((?<=a*?)a+?)?", "aabaaa", Some(&[Some("aa")])),
    (r"(?<!a{2,3}?)b{1,1}?", "abb", Some(&[Some("b")])),
    (r"a{2,3}?(?<=b*?b?)|b{2,}a??a*", "aabbb", Some(&[Some("aa")])),
    (r"((?<!a*?.).{2,3}?.)", "ababbaaa", Some(&[Some("aba")])),
    (r"^(?:.{1,}?|(?<=|))$", "babaab", Some(&[Some("babaab")])),
    (r"b??(a?)a+?|(?<=b?.+?)", "ab", Some(&[Some("")])),
    (r"^(?:(.{2,3}?)*(?<=.b+))$", "ab", Some(&[Some("ab")])),
    (r"(?:(?<!a??b))+a?(b?){0}", "abbba", Some(&[None])),
    (r".{1,1}?|(?!b{0,2})", "aaa", Some(&[Some("a")])),
    (r".*a{0}(?=(.??a+?|)+|b{2,3}?)", "aaa", Some(&[Some("aaa")])),
    (r"^(?:(?<=(.??){1,1}?.()+))$", "abab", None),
    (r"(a{2,}(?<!b{0,2}?))+b", "aabbabab", None),
];

#[test]
fn groups_match_what_they_do_in_postgresql() {
    for (pattern, text, expected) in CASES {
        let found = groups(&expression(pattern), text).unwrap();
        assert_eq!(found.as_deref(), *expected, "{pattern} on {text}");
    }
}

/// Texts of up to `length` characters.
fn texts(length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut from = 0;
    for _ in 0..length {
        let to = all.len();
        for i in from..to {
            all.extend(["a", "b", "c"].map(|c| format!("{}{c}", all[i])));
        }
        from = to;
    }
    all
}

#[test]
fn the_crate_is_asked_only_where_it_prefers_the_same() {
    let texts = texts(5);
    for pattern in [
        "a*b*",
        "(a?)(a?b?)",
        "([ab]?)a?(b*)c?",
        "(.*)b(.*)",
        "(.*?)b(.*?)c??",
        "^([ab]{1,2})([bc]{1,2})(.?)$",
        "(a{0,2})(a{2})(b?)",
        "(a{0,2}?)([ab]{2})(c??)",
        "(a+)(a*)$",
        "([^c]+?)(b+?)$",
    ] {
        let expression = expression(pattern);
        let Some(finder) = &expression.finder else { panic!("{pattern} is for the crate") };
        assert!(expression.agrees, "{pattern} is for the crate");
        let syntax = Syntax::new(pattern, Flags::default()).unwrap();
        let automaton = Automaton::new(&syntax).unwrap();
        let settings = Settings::default();
        for text in &texts {
            let mut matcher = Matcher::new(&automaton, text, &settings);
            let begin = matcher.leftmost(0).unwrap();
            assert_eq!(begin, finder.find(text).map(|found| found.start()), "{pattern} on {text}");
            let exact = match begin {
                Some(begin) => matcher.captures(begin).unwrap(),
                None => None,
            };
            assert_eq!(expression.captures_at(text, 0, &settings).unwrap(), exact, "{pattern} on {text}");
        }
    }
}

#[test]
fn what_the_crate_decides_by_itself_is_told_by_the_syntax() {
    let from_the_left = |pattern| Syntax::new(pattern, Flags::default()).unwrap().prefers_from_the_left();
    for pattern in ["", "abc", "a*b+", "^(a?)([bc]{1,2})$", "a*?b??", "(?:a)(b)", r"\m\w+\M", "a{2}b*?"] {
        assert!(from_the_left(pattern), "{pattern}");
    }
    for pattern in ["a|b", "(a)*", "(?:ab)?", "a*b*?", r"(a)\1", "a(?=b)", "(a|b)c", "a*?b{1,1}", "(ab){0}"] {
        assert!(!from_the_left(pattern), "{pattern}");
    }
}

#[test]
fn choices_are_counted() {
    for (pattern, choices) in [
        ("abc", 0),
        ("one|two|three", 1),
        (r"\m\w+\.(a|b)$", 2),
        ("a[bc]{255}.", 256),
        ("((a|b){10}x){20}", 200),
        ("(?:(?:[ab]{255}){255}){0,255}", 255 * 255 * 255),
    ] {
        assert_eq!(Syntax::new(pattern, Flags::default()).unwrap().choices(), choices, "{pattern}");
    }
}

#[test]
fn a_match_is_as_long_as_it_is_found() {
    let settings = Settings::default();
    for (pattern, text, expected) in CASES {
        let expression = expression(pattern);
        let whole = expression.captures_at(text, 0, &settings).unwrap().and_then(|places| places[0]);
        assert_eq!(expression.find_at(text, 0, &settings).unwrap(), whole, "{pattern} on {text}");
        assert_eq!(expression.is_match(text, &settings).unwrap(), expected.is_some(), "{pattern} on {text}");
    }
}

#[test]
fn words_and_lines_are_told_without_the_crate() {
    let settings = Settings::default();
    for (pattern, text, expected) in [
        (r"(?=.)\m", "  ab", Some(2)),
        (r"(?=.)\M", "ab  ", Some(2)),
        (r"(?=.)\y", "é b", Some(0)),
        (r"(?=.)\Y", "éa b", Some(2)),
        (r"(?<=x)\Z", "xax", Some(3)),
        ("(?n)(?<=\n)^b$", "a\nb\nc", Some(2)),
        ("(?n)(?!a).$", "a\nb", Some(2)),
        (r"\A(?=b)", "ab", None),
    ] {
        let found = expression(pattern).find_at(text, 0, &settings).unwrap();
        assert_eq!(found.map(|(from, _)| from), expected, "{pattern} on {text}");
    }
}

#[test]
fn hostile_expressions_are_refused() {
    let complex = Some("invalid regular expression: regular expression is too complex".to_string());
    let deep = format!("{}a{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(message(&deep), complex);
    let doubled: String = (1..40).map(|group| format!(r"(\{group}\{group})")).collect();
    assert_eq!(message(&format!("(ab){doubled}")), complex);
    assert_eq!(message(&format!(r"(a)\1{}", "(a|b)".repeat(2000))), complex);
    assert_eq!(message("(?=((((a{255}){255}){255}){255}))"), complex);
    assert_eq!(message("((((a{255}){255}){255}){255})"), complex);
    assert_eq!(message(&format!("[{}]", "a".repeat(300_000))), complex);
    let nested: String = (1..60).map(|group| format!(r"({}\{group}{})", "(?:".repeat(80), ")".repeat(80))).collect();
    assert_eq!(message(&format!("(a){nested}")), complex);
}

#[test]
fn what_is_too_large_for_the_crate_is_found_without_it() {
    let settings = Settings::default();
    for (pattern, text, expected) in [
        (r"^(\w{1,255})@(\w{1,255})$", "me@example", vec![Some((0, 10)), Some((0, 2)), Some((3, 10))]),
        (r"(\w{1,255}?)@(\w{1,255}?)", "to me@example", vec![Some((3, 7)), Some((3, 5)), Some((6, 7))]),
    ] {
        let expression = expression(pattern);
        assert!(expression.finder.is_none(), "{pattern} is too large");
        assert!(expression.is_match(text, &settings).unwrap());
        assert!(!expression.is_match("me@", &settings).unwrap());
        assert_eq!(expression.find_at(text, 0, &settings).unwrap(), expected[0]);
        assert_eq!(expression.captures_at(text, 0, &settings).unwrap(), Some(expected));
    }
}

#[test]
fn lookbehind_reads_a_text_once() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looks);
    let is_cancelled = move || counter.fetch_add(1, Relaxed) == usize::MAX;
    let settings = Settings { is_cancelled: Some(Arc::new(is_cancelled)), ..Settings::default() };
    let text = "b".repeat(50_000);
    for pattern in ["(?<=b+)c", "(?<!^b*)b", "(?<=b{0,40})c"] {
        assert!(!expression(pattern).is_match(&text, &settings).unwrap(), "{pattern}");
    }
    // It is asked at each thousandth step.
    assert!(looks.load(Relaxed) < 1000, "{looks:?}");
}

#[test]
fn many_groups_are_taken_apart() {
    let pattern = "(a|ab)(c|bcd)?".repeat(300);
    let text = "abcd".repeat(300);
    let found = groups(&expression(&pattern), &text).unwrap().unwrap();
    assert_eq!(found.len(), 600);
    assert_eq!((found[598], found[599]), (Some("a"), Some("bcd")));
}

#[test]
fn a_long_search_is_cancelled() {
    let settings = Settings { is_cancelled: Some(Arc::new(|| true)), ..Settings::default() };
    let text = "a".repeat(5000);
    for pattern in [r"(a*)(a*)\1b", "(a|aa)*", "(?=a*b)c", "(?<=b+)c"] {
        let error = expression(pattern).captures_at(&text, 0, &settings).err();
        assert_eq!(error.map(|error| error.sqlstate), Some(SqlState::QUERY_CANCELED), "{pattern}");
    }
    let long = "ab".repeat(8 << 20);
    let error = expression("[ab]*a[ab]{255}[ab]{255}c").is_match(&long, &settings).err();
    assert_eq!(error.map(|error| error.sqlstate), Some(SqlState::QUERY_CANCELED));
    // Each character is many steps.
    let error = expression("(?=.)((a{0,200}){100}b)").is_match(&text[..100], &settings).err();
    assert_eq!(error.map(|error| error.sqlstate), Some(SqlState::QUERY_CANCELED));
}
