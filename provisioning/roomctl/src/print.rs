//! Tables for people, documents for scripts.

use serde::Serialize;

use crate::arguments::Format;
use crate::failure::Failure;

/// What boxes say, for a terminal: characters that move its cursor, change its colours or turn the direction of writing are shown,
/// not obeyed.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_order(character) {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// A control character (Unicode's Cc), or one of those that separate lines or direct the writing (UAX #9).
fn is_order(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line for people.
pub fn line(text: &str) {
    println!("{}", plain(text));
}

/// A line for people beside what is asked for.
pub fn aside(text: &str) {
    eprintln!("{}", plain(text));
}

/// Columns, as wide as what is in them.
pub fn table(heads: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", padded.join("   ").trim_end());
    };
    line(&mut heads.iter().copied());
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// A document, as JSON or YAML. Nothing as a table: whoever calls does that.
pub fn document<T: Serialize>(format: Format, document: &T) -> Result<bool, Failure> {
    let wrong = |error: String| Failure::Wrong(error);
    match format {
        Format::Table => return Ok(false),
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(document).map_err(|error| wrong(error.to_string()))?
        ),
        Format::Yaml => print!(
            "{}",
            serde_saphyr::to_string(document).map_err(|error| wrong(error.to_string()))?
        ),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_box_says_gives_a_terminal_no_orders() {
        assert_eq!(plain("red \u{1b}[31m"), "red \\u{1b}[31m");
        assert_eq!(
            plain("a\r\nb\u{9b}2J\u{202e}c\u{2066}"),
            "a\\u{d}\\u{a}b\\u{9b}2J\\u{202e}c\\u{2066}"
        );
        for ordinary in ["Salle «Été» 4.12", "会议室", "קומה 2", "50 % 🎉"] {
            assert_eq!(plain(ordinary), ordinary);
        }
    }
}
