//! The pages under `docs/` that are made from the code; a test keeps them equal. `HEMICYCLE_WRITE_PAGES=1 cargo test -p
//! roomd pages` writes them anew.

use std::path::PathBuf;

use room::{Language, Outcome, words};

fn outcomes() -> String {
    let mut page = String::from(
        "# Outcomes\n\nHow a meeting or a try to join ends: the word (in reports and logs), the exit code of `roomd join`, \
         and what the room reads.\n\nMade from `appliance/room/src/outcome.rs` and `appliance/room/src/words`.\n\n\
         | word | exit code | français | English |\n|---|---|---|---|\n",
    );
    for outcome in Outcome::ALL {
        let french = words::outcome(Language::French, outcome).line();
        let english = words::outcome(Language::English, outcome).line();
        page.push_str(&format!(
            "| `{}` | {} | {french} | {english} |\n",
            outcome.code(),
            outcome.exit_code()
        ));
    }
    page
}

fn check(name: &str, wanted: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("HEMICYCLE_WRITE_PAGES").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/{name} is not what the code says; write it with HEMICYCLE_WRITE_PAGES=1"
    );
}

#[test]
fn the_page_of_outcomes_is_what_the_code_says() {
    check("outcomes.md", &outcomes());
}

#[test]
fn the_schema_of_the_report_is_what_the_code_says() {
    check("report.schema.json", &format!("{}\n", crate::report::schema().unwrap()));
}
