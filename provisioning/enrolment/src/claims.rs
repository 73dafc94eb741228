//! Lists of boxes: CSV with the columns `serial`, `site` and `room`; the last may be empty or missing.

use std::collections::BTreeSet;
use std::io::Read;

use fleet::contract::{Room, Serial, Site, Tenant};
use serde::Deserialize;

use crate::registry::Claim;

/// Longest list.
const MOST: usize = 100_000;

#[derive(Deserialize)]
struct Typed {
    serial: String,
    site: String,
    #[serde(default)]
    room: String,
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which box.
    pub serial: Serial,
    /// Where it stands.
    pub site: Site,
    /// In which room; none: a spare.
    pub room: Option<Room>,
}

/// What is wrong with a list, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ListError {
    /// Counted from 1; the first says what the columns are.
    pub line: u64,
    /// In a sentence.
    pub message: String,
}

/// Reads a list of boxes of this tenant.
///
/// # Errors
/// The first line that is wrong.
pub fn read(tenant: &Tenant, list: impl Read) -> Result<Vec<Claim>, ListError> {
    let claim = |line: Line| Claim {
        serial: line.serial,
        tenant: tenant.clone(),
        site: line.site,
        room: line.room,
    };
    Ok(lines(list)?.into_iter().map(claim).collect())
}

/// Reads a list of boxes, whosever they are.
///
/// # Errors
/// The first line that is wrong.
pub fn lines(list: impl Read) -> Result<Vec<Line>, ListError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(list);
    let mut lines: Vec<Line> = Vec::new();
    let mut seen = BTreeSet::new();
    let headers = reader.headers().cloned().map_err(|error| wrong(1, &error))?;
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let read: Typed = record
            .deserialize(Some(&headers))
            .map_err(|error| wrong(line, &error))?;
        let serial = Serial::try_from(read.serial).map_err(|error| wrong(line, &error))?;
        let site = Site::try_from(read.site).map_err(|error| wrong(line, &error))?;
        let room = match read.room.as_str() {
            "" => None,
            room => Some(Room::try_from(room).map_err(|error| wrong(line, &error))?),
        };
        if !seen.insert(serial.clone()) {
            return Err(wrong(line, &format!("{serial} stands twice")));
        }
        if lines.len() == MOST {
            return Err(wrong(line, &format!("more than {MOST} boxes")));
        }
        lines.push(Line { serial, site, room });
    }
    Ok(lines)
}

fn wrong(line: u64, message: &impl ToString) -> ListError {
    ListError {
        line,
        message: message.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<Claim>, ListError> {
        read(&"etat".try_into().unwrap(), text.as_bytes())
    }

    #[test]
    fn a_list_of_serial_numbers_sites_and_rooms_is_read() {
        let claims =
            list("serial, site, room\n# delivered in May\nhc24-000123, lyon, lyon-412\nHC24-000124,lyon,\n").unwrap();
        let read: Vec<_> = claims
            .iter()
            .map(|claim| (claim.serial.as_str(), claim.room.as_ref().map(Room::as_str)))
            .collect();
        assert_eq!(read, [("HC24-000123", Some("lyon-412")), ("HC24-000124", None)]);
        assert_eq!(
            list("site,serial\nlyon,HC24-1\n").unwrap()[0].room,
            None,
            "in any order"
        );
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said_with_its_line() {
        for (text, line, word) in [
            ("serial,site,room\nHC24-1,lyon,a\nHC24-2,Lyon,b\n", 3, "site"),
            ("serial,site,room\n1,lyon,a\n", 2, "serial"),
            ("serial,site,room\nHC24-1,lyon,Salle 1\n", 2, "room"),
            ("serial,site,room\nHC24-1,lyon,a\nhc24-1,lyon,b\n", 3, "twice"),
            ("serial,room\nHC24-1,a\n", 2, "site"),
            ("serial,site,room\nHC24-1\n", 2, "fields"),
        ] {
            let error = list(text).unwrap_err();
            assert!(error.line == line && error.message.contains(word), "{text}: {error}");
        }
    }
}
