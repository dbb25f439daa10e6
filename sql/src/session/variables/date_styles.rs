//! How a DateStyle is read: a list of a layout and an order, each of which keeps what it is where the list has none.

use types::datetime::{DateFormat, DateOrder, DateStyle};

use super::split_identifiers;

/// What a DateStyle is read over.
#[derive(Clone, Copy, Default)]
pub(super) struct DateStyles {
    /// What is in force.
    pub current: DateStyle,
    /// What the word DEFAULT stands for.
    pub default: DateStyle,
}

impl DateStyles {
    /// Reads a list of layouts and orders; the error is a detail.
    pub fn read(self, text: &str) -> std::result::Result<DateStyle, String> {
        let words = split_identifiers(text).ok_or("List syntax is invalid.")?;
        let mut style = self.current;
        let (mut has_format, mut has_order, mut conflicts) = (false, false, false);
        for word in words {
            let lower = word.to_ascii_lowercase();
            if let Some(format) = date_format(&lower) {
                conflicts |= has_format && style.format != format;
                style.format = format;
                has_format = true;
                if format == DateFormat::German && !has_order {
                    style.order = DateOrder::Dmy;
                }
            } else if let Some(order) = date_order(&lower) {
                conflicts |= has_order && style.order != order;
                style.order = order;
                has_order = true;
            } else if lower == "default" {
                style.format = if has_format { style.format } else { self.default.format };
                style.order = if has_order { style.order } else { self.default.order };
            } else {
                return Err(format!("Unrecognized key word: \"{word}\"."));
            }
        }
        if conflicts { Err("Conflicting \"datestyle\" specifications.".to_owned()) } else { Ok(style) }
    }
}

fn date_format(word: &str) -> Option<DateFormat> {
    match word {
        "iso" => Some(DateFormat::Iso),
        "sql" => Some(DateFormat::Sql),
        "german" => Some(DateFormat::German),
        _ if word.starts_with("postgres") => Some(DateFormat::Postgres),
        _ => None,
    }
}

fn date_order(word: &str) -> Option<DateOrder> {
    match word {
        "mdy" | "us" => Some(DateOrder::Mdy),
        "dmy" => Some(DateOrder::Dmy),
        "ymd" => Some(DateOrder::Ymd),
        _ if word.starts_with("euro") => Some(DateOrder::Dmy),
        _ if word.starts_with("noneuro") => Some(DateOrder::Mdy),
        _ => None,
    }
}
