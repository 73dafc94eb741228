//! Tables for people, documents for scripts.

use serde::Serialize;

use crate::arguments::Format;
use crate::failure::Failure;

/// Columns, as wide as what is in them.
pub fn table(heads: &[&str], rows: &[Vec<String>]) {
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
    for row in rows {
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
