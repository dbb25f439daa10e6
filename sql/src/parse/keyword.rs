//! Which words cannot be names where, as in PostgreSQL 15 (manual, appendix C; `kwlist.h`).

/// Cannot be the name of anything unless quoted. Sorted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// Can name a function or a type, but no column or table. Sorted.
const TYPE_OR_FUNCTION: &[&str] = &[
    "authorization",
    "binary",
    "collation",
    "concurrently",
    "cross",
    "current_schema",
    "freeze",
    "full",
    "ilike",
    "inner",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "natural",
    "notnull",
    "outer",
    "overlaps",
    "right",
    "similar",
    "tablesample",
    "verbose",
];

/// Can name a column or a table, but no function or type, since they have a syntax of their own. Sorted.
const COLUMN_NAME: &[&str] = &[
    "between",
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "dec",
    "decimal",
    "exists",
    "extract",
    "float",
    "greatest",
    "grouping",
    "inout",
    "int",
    "integer",
    "interval",
    "least",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "row",
    "setof",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "treat",
    "trim",
    "values",
    "varchar",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// Cannot be an output column's name without AS. Sorted.
const NEEDS_AS: &[&str] = &[
    "array",
    "as",
    "char",
    "character",
    "create",
    "day",
    "except",
    "fetch",
    "filter",
    "for",
    "from",
    "grant",
    "group",
    "having",
    "hour",
    "intersect",
    "into",
    "isnull",
    "limit",
    "minute",
    "month",
    "notnull",
    "offset",
    "on",
    "order",
    "over",
    "overlaps",
    "precision",
    "returning",
    "second",
    "to",
    "union",
    "varying",
    "where",
    "window",
    "with",
    "within",
    "without",
    "year",
];

fn among(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

/// A word that can name a column or table.
pub fn is_column_name(word: &str) -> bool {
    !among(RESERVED, word) && !among(TYPE_OR_FUNCTION, word)
}

/// A word that can name a function.
pub fn is_function_name(word: &str) -> bool {
    !among(RESERVED, word) && !among(COLUMN_NAME, word)
}

pub fn is_reserved(word: &str) -> bool {
    among(RESERVED, word)
}

/// A word that can name an output column without AS.
pub fn is_bare_label(word: &str) -> bool {
    !among(NEEDS_AS, word)
}

/// An identifier as `quote_ident` writes it: in quotes unless it reads back as itself without.
pub fn quote_identifier(name: &str) -> String {
    let plain = name.bytes().enumerate().all(|(at, byte)| match byte {
        b'a'..=b'z' | b'_' => true,
        b'0'..=b'9' => at > 0,
        _ => false,
    });
    let keyword = among(RESERVED, name) || among(TYPE_OR_FUNCTION, name) || among(COLUMN_NAME, name);
    if plain && !name.is_empty() && !keyword {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_for_the_search() {
        for list in [RESERVED, TYPE_OR_FUNCTION, COLUMN_NAME, NEEDS_AS] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn identifiers_are_quoted_when_they_must_be() {
        assert_eq!(quote_identifier("a_1"), "a_1");
        assert_eq!(quote_identifier("A"), "\"A\"");
        assert_eq!(quote_identifier("select"), "\"select\"");
        assert_eq!(quote_identifier("1a"), "\"1a\"");
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
    }
}
