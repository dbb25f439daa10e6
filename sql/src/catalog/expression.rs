//! Expressions as the catalog keeps them (defaults, generated columns, CHECK): which relations they name.
//!
//! **Rule.** A constant of type `regclass` is kept as `'schema.name'::regclass`, whatever the search path was, and nothing
//! else is written so. What names a relation depends on it, and who gives the relation another name writes that there. Shown,
//! the name is as short as the reader's search path allows.
//!
//! **Caveat.** Older volumes have names without a schema: those mean what the search path of who asks finds.

use std::ops::Range;
use std::sync::Arc;

use super::describe::relation_name;
use super::relation::Relation;
use super::snapshot::CatalogSnapshot;
use crate::bound::deparse::quote_literal;
use crate::functions::relation_named;
use crate::parse::ast::ExprKind;
use crate::parse::{self, Tok};

/// The oids of the relations that an expression names.
pub fn named_in(text: &str, catalog: &CatalogSnapshot, search_path: &[Arc<str>]) -> Vec<u32> {
    let named = |(_, name): &(Range<usize>, String)| relation_named(catalog, name, search_path).ok().map(Relation::oid);
    constants(text).iter().filter_map(named).collect()
}

/// An expression as it is shown to who has this search path.
pub fn shown(text: &str, catalog: &CatalogSnapshot, search_path: &[Arc<str>]) -> String {
    with_names(text, |name| {
        let relation = relation_named(catalog, name, search_path).ok()?;
        relation_name(catalog, relation.oid(), search_path)
    })
}

/// As [`shown`], in parentheses where it is an operator or a test, as PostgreSQL shows those when it is not to be pretty: behind
/// DEFAULT the grammar takes them no other way.
pub fn enclosed(text: &str, catalog: &CatalogSnapshot, search_path: &[Arc<str>]) -> String {
    let text = shown(text, catalog, search_path);
    let is_bare = parse::parse_expr(&text).is_ok_and(|parsed| {
        matches!(
            parsed.kind,
            ExprKind::Unary { .. }
                | ExprKind::Binary { .. }
                | ExprKind::And(_)
                | ExprKind::Or(_)
                | ExprKind::Not(_)
                | ExprKind::IsNull { .. }
                | ExprKind::IsBool { .. }
                | ExprKind::IsDistinct { .. }
                | ExprKind::Between { .. }
                | ExprKind::In { .. }
                | ExprKind::Like { .. }
                | ExprKind::AnyAll { .. }
        )
    });
    if is_bare { format!("({text})") } else { text }
}

/// An expression in which relations have other names, where there is another for the name that stands there.
pub fn with_names(text: &str, other: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (place, name) in constants(text) {
        if let Some(other) = other(&name) {
            out.push_str(&text[at..place.start]);
            out.push_str(&quote_literal(&other));
            at = place.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// The names in constants of type `regclass`, and where their literals stand.
fn constants(text: &str) -> Vec<(Range<usize>, String)> {
    // Most expressions have none.
    let tokens = if text.contains("::regclass") { parse::tokens(text).unwrap_or_default().0 } else { Vec::new() };
    let constant = tokens.windows(4).filter_map(|run| {
        let [literal, colons, ty, after] = run else { return None };
        let is_constant = colons.tok == Tok::Sym("::")
            && matches!(&ty.tok, Tok::Word(ty) if ty == "regclass")
            && after.tok != Tok::Sym("[");
        match &literal.tok {
            Tok::String(name) if is_constant && !is_number(name) => {
                Some((literal.start as usize..literal.end as usize, name.clone().into_owned()))
            }
            _ => None,
        }
    });
    constant.collect()
}

/// Whether a literal is an oid and no name: that of what is gone, or of nothing.
fn is_number(name: &str) -> bool {
    name == "-" || name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use types::SqlType;

    use super::*;
    use crate::catalog::codec::Object;
    use crate::catalog::{SequenceDef, build, well_known};

    /// With the sequence `public.s`, whose oid is 20000.
    fn catalog() -> CatalogSnapshot {
        let sequence = SequenceDef {
            oid: 20_000,
            name: Arc::from("s"),
            schema: well_known::PUBLIC,
            schema_name: Arc::from("public"),
            owner: well_known::POSTGRES_ROLE,
            acl: None,
            data_type: SqlType::INT8,
            start: 1,
            increment: 1,
            min: 1,
            max: i64::MAX,
            cache: 1,
            cycle: false,
            owned_by: None,
            generation: 0,
        };
        let schemas = build::initial_schemas().into_iter().map(Object::Schema);
        build::snapshot(1, well_known::POSTGRES_DATABASE, schemas.chain([Object::Sequence(sequence)]))
    }

    #[test]
    fn a_name_without_its_schema_means_what_the_path_finds() {
        let path = |schema: &str| -> [Arc<str>; 1] { [Arc::from(schema)] };
        let (catalog, public, other) = (catalog(), path("public"), path("other"));
        let (kept, old) = ("nextval('public.s'::regclass)", "nextval('s'::regclass)");
        for text in [kept, old] {
            assert_eq!(named_in(text, &catalog, &public), [20_000]);
            assert_eq!(shown(text, &catalog, &public), old);
        }
        assert_eq!(named_in(kept, &catalog, &other), [20_000]);
        assert_eq!(shown(kept, &catalog, &other), kept);
        assert!(named_in(old, &catalog, &other).is_empty());
    }

    #[test]
    fn only_constants_get_other_names() {
        let text =
            "nextval('one.s'::regclass) + length('one.s'::text) + ('{one.s}'::regclass[])[1]::int + '7'::regclass::int";
        let other = with_names(text, |name| (name == "one.s").then(|| "two.\"It's\"".to_owned()));
        assert_eq!(other, text.replacen("'one.s'::regclass", "'two.\"It''s\"'::regclass", 1));
        assert_eq!(with_names(text, |_| None), text);
        let names: Vec<String> = constants(&other).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["two.\"It's\""]);
    }
}
