use super::*;

fn set(variables: &Variables, name: &str, value: &str) -> Result<()> {
    variables.set(name, value, false)
}

#[test]
fn units_are_read_and_shown() {
    let variables = Variables::default();
    set(&variables, "statement_timeout", "5s").expect("a time");
    assert_eq!(variables.get("STATEMENT_TIMEOUT").expect("set"), "5000");
    assert_eq!(variables.show("statement_timeout").expect("set"), "5s");
    assert_eq!(variables.timeout("statement_timeout"), Some(Duration::from_secs(5)));
    assert_eq!(variables.show("work_mem").expect("default"), "4MB");
    assert!(set(&variables, "statement_timeout", "5 parsecs").is_err());
}

#[test]
fn an_encoding_is_known_by_its_letters_and_digits() {
    let variables = Variables::default();
    for spelled in ["utf8", "UTF-8", "'utf-8'", "Unicode"] {
        set(&variables, "client_encoding", spelled).expect(spelled);
        assert_eq!(variables.get("client_encoding").expect("set"), "UTF8");
    }
    assert!(set(&variables, "client_encoding", "latin1").is_err());
}

#[test]
fn rollback_and_local_are_undone() {
    let variables = Variables::default();
    let saved = variables.save();
    assert!(!variables.have_changed_since(&saved));
    variables.set("application_name", "a", true).expect("text");
    assert!(variables.have_changed_since(&saved));
    assert_eq!(variables.get("application_name").expect("set"), "a");
    variables.end_local();
    assert_eq!(variables.get("application_name").expect("default"), "");
    set(&variables, "application_name", "b").expect("text");
    variables.restore(&saved);
    assert_eq!(variables.get("application_name").expect("default"), "");
    assert_eq!(variables.take_changed(), vec![("application_name".into(), String::new())]);
}

#[test]
fn a_forwarding_server_hears_of_every_setting() {
    let variables = Variables::default();
    let saved = variables.save();
    set(&variables, "work_mem", "8MB").expect("a size");
    assert!(!variables.has_changed(), "clients are not told of this one");
    variables.report_all();
    set(&variables, "my.Own", "x").expect("a dotted name");
    set(&variables, "lock_timeout", "5s").expect("a time");
    let told = variables.take_changed();
    assert_eq!(told, [("lock_timeout".into(), "5000".into()), ("my.own".into(), "x".into())]);
    variables.restore(&saved);
    let told = variables.take_changed();
    let names: Vec<_> = told.iter().map(|(name, value)| (&**name, value.as_str())).collect();
    assert_eq!(names, [("lock_timeout", "0"), ("my.own", ""), ("work_mem", "4096")]);
}

#[test]
fn search_path_names_are_quoted_and_folded() {
    let variables = Variables::default();
    assert_eq!(variables.search_path(Some("me")).iter().map(|name| &**name).collect::<Vec<_>>(), ["me", "public"]);
    set(&variables, "search_path", "Foo, \"Bar\"\"s\"").expect("names");
    assert_eq!(variables.get("search_path").expect("set"), "foo, \"Bar\"\"s\"");
    for broken in ["a b", "a,,b", "a,", ",", "\"a", "\"a\"b", "a; select 1"] {
        assert!(set(&variables, "search_path", broken).is_err(), "{broken}");
    }
    let text_of = |name: &str, values: &[String]| Variables::text_of(name, values).expect("a list");
    assert_eq!(text_of("Search_Path", &["a, b".into(), String::new()]), "\"a, b\", \"\"");
    assert_eq!(text_of("datestyle", &["ISO".into(), "MDY".into()]), "ISO, MDY");
}

#[test]
fn a_date_style_keeps_what_it_leaves_out() {
    let variables = Variables::default();
    let shown = |value: &str| {
        set(&variables, "DateStyle", value).expect(value);
        variables.get("datestyle").expect("set")
    };
    assert_eq!(shown("sql, dmy, european"), "SQL, DMY");
    assert_eq!(shown("Postgres"), "Postgres, DMY");
    assert_eq!(shown("US"), "Postgres, MDY");
    assert_eq!(shown("german"), "German, DMY");
    assert_eq!(shown("german, ymd"), "German, YMD");
    assert_eq!(shown("default, sql"), "SQL, MDY");
    assert_eq!(shown(""), "SQL, MDY");
    let told = variables.take_changed();
    assert_eq!(told, [("DateStyle".into(), "SQL, MDY".into())]);
    assert_eq!(variables.styles().date.to_string(), "SQL, MDY");
    variables.set_default("datestyle", "ISO, YMD").expect("a style");
    assert_eq!(shown("default"), "ISO, YMD");
    set(&variables, "intervalstyle", "ISO_8601").expect("a style");
    set(&variables, "bytea_output", "escape").expect("a style");
    assert_eq!(variables.styles().interval, IntervalStyle::Iso8601);
    assert_eq!(variables.styles().bytea, ByteaOutput::Escape);
}

#[test]
fn who_the_session_is_comes_and_goes_with_its_settings() {
    let variables = Variables::default();
    let actor = |oid, superuser| Actor::Known { oid, superuser };
    let who = || {
        let names = [ROLE, SESSION_AUTHORIZATION, IS_SUPERUSER].map(|name| variables.get(name).expect(name));
        (variables.session_actor(), variables.actor(), names.join(" "))
    };
    variables.authenticate("me", &actor(1, true));
    let mine = (Some(actor(1, true)), Some(actor(1, true)), "none me on".to_owned());
    assert_eq!(who(), mine);
    let saved = variables.save();
    variables.set_actor(ROLE, "a", Some(actor(2, false)), false);
    let as_a = (Some(actor(1, true)), Some(actor(2, false)), "a me off".to_owned());
    assert_eq!(who(), as_a);
    assert_eq!(variables.take_changed(), [("is_superuser".into(), "off".into())]);
    variables.set_actor(SESSION_AUTHORIZATION, "b", Some(actor(3, false)), true);
    assert_eq!(who(), (Some(actor(3, false)), Some(actor(3, false)), "none b off".to_owned()));
    variables.end_local();
    assert_eq!(who(), as_a);
    variables.reset_all();
    assert_eq!(who(), as_a);
    variables.take_changed();
    variables.restore(&saved);
    assert_eq!(who(), mine);
    assert_eq!(variables.take_changed(), [("is_superuser".into(), "on".into())]);
    variables.set_actor(SESSION_AUTHORIZATION, "b", Some(actor(3, false)), false);
    variables.reset(SESSION_AUTHORIZATION, false).expect("a setting");
    assert_eq!(who(), mine);
    variables.set_default_role("a", Some(actor(2, false)));
    assert_eq!(who(), as_a);
    variables.set_actor(ROLE, NO_ROLE, None, false);
    assert_eq!(who(), mine);
    variables.reset(ROLE, false).expect("a setting");
    assert_eq!(who(), as_a);
    // None but the session sets them.
    assert!(set(&variables, ROLE, "a").is_err() && variables.set_default(SESSION_AUTHORIZATION, "b").is_err());
}

#[test]
fn what_cannot_be_is_refused() {
    let variables = Variables::default();
    let state = |result: Result<()>| result.expect_err("refused").sqlstate().to_string();
    assert_eq!(state(set(&variables, "nosuch", "1")), "42704");
    assert_eq!(state(set(&variables, "server_version", "1")), "55P02");
    assert_eq!(state(set(&variables, "datestyle", "iso mdy")), "22023");
    assert_eq!(state(set(&variables, "datestyle", "sql, iso")), "22023");
    assert_eq!(state(set(&variables, "intervalstyle", "german")), "22023");
    assert_eq!(state(set(&variables, "standard_conforming_strings", "off")), "0A000");
    assert_eq!(state(set(&variables, "jit", "maybe")), "22023");
    assert_eq!(state(set(&variables, "default_transaction_isolation", "serializable")), "0A000");
    set(&variables, "my.own", "x").expect("a dotted name");
}
