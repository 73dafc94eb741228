//! Every parser on thousands of damaged recordings: nothing panics, nothing overflows, and what is accepted keeps the
//! promises written in `parsers`. The same seed gives the same inputs; a failure prints the input.

#![allow(clippy::unwrap_used, clippy::panic)]

mod parsers;

use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn golden() -> Vec<String> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<_> = ["recorded", "written"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(golden.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 150, "the golden files are there");
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// Flips bits, cuts, repeats, moves, or splices in a piece of another document.
fn damage(text: &str, other: &str, chance: &mut StdRng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..chance.random_range(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = chance.random_range(0..bytes.len());
        let end = (at + chance.random_range(1..=64)).min(bytes.len());
        match chance.random_range(0..7) {
            0 => bytes[at] ^= 1 << chance.random_range(0..8),
            1 => bytes.truncate(at),
            2 => {
                bytes.drain(at..end);
            }
            3 => {
                let piece = bytes[at..end].repeat(chance.random_range(1..=40));
                bytes.splice(at..at, piece);
            }
            4 => {
                let from = chance.random_range(0..other.len());
                let piece = other.as_bytes()[from..(from + 200).min(other.len())].to_vec();
                bytes.splice(at..end, piece);
            }
            5 => bytes[at] = *b"0123456789<>'\"&;:-{}[],/".get(chance.random_range(0..24)).unwrap(),
            _ => {
                let number = ["0", "-1", "4294967296", "1e999", "99999999999999999999"][chance.random_range(0..5)];
                bytes.splice(at..at, number.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_parser_panics_on_damaged_recordings() {
    let golden = golden();
    let mut chance = StdRng::seed_from_u64(0x6865_6d69);
    let mut well_formed = 0;
    for round in 0..25 {
        for text in &golden {
            let other = &golden[chance.random_range(0..golden.len())];
            let damaged = damage(text, other, &mut chance);
            let outcome = std::panic::catch_unwind(|| parsers::all(&damaged));
            assert!(outcome.is_ok(), "round {round}: {damaged}");
            well_formed += u32::from(jitsi::xml::parse(&damaged).is_ok());
        }
    }
    assert!(well_formed > 500, "enough of it is still XML: {well_formed}");
}

/// The same damage inside a document that stays well-formed reaches deeper than damage to its brackets.
#[test]
fn no_parser_panics_on_damaged_values() {
    let golden = golden();
    let mut chance = StdRng::seed_from_u64(0x6379_636c);
    let values = [
        "",
        "0",
        "-1",
        "4294967295",
        "4294967296",
        "\u{202e}",
        "jvb",
        "a/b@c",
        "[]",
        "{}",
        "null",
        "true",
        "É\u{300}",
        "::1",
        "localhost",
    ];
    for _ in 0..25 {
        for text in golden.iter().filter(|text| text.starts_with('<')) {
            let quotes: Vec<_> = text.match_indices(['\'', '"']).map(|(at, _)| at).collect();
            if quotes.len() < 2 {
                continue;
            }
            let pick = chance.random_range(0..quotes.len() / 2) * 2;
            let value = values[chance.random_range(0..values.len())];
            let changed = format!("{}{value}{}", &text[..=quotes[pick]], &text[quotes[pick + 1]..]);
            let outcome = std::panic::catch_unwind(|| parsers::all(&changed));
            assert!(outcome.is_ok(), "{changed}");
        }
    }
}
