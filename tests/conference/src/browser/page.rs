//! The page's files and its reports, under `/browser/` of the front.

use super::desk::{BrowserReport, Desk};

/// Longest report that is read, in bytes.
pub const LONGEST_REPORT: usize = 64 * 1024;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = include_str!("../../browser/room.html");
const PAINT: &str = include_str!("../../browser/paint.js");
const LOOK: &str = include_str!("../../browser/look.js");
const ROOM: &str = include_str!("../../browser/room.js");

/// Content type and body of a file of the page.
pub fn file(desk: &Desk, name: &str) -> Option<(&'static str, Vec<u8>)> {
    let script = |text: &str| Some((SCRIPT, text.as_bytes().to_vec()));
    match name {
        "room.html" => Some(("text/html; charset=utf-8", HTML.as_bytes().to_vec())),
        "paint.js" => script(PAINT),
        "look.js" => script(LOOK),
        "room.js" => script(ROOM),
        "jquery.min.js" => Some((SCRIPT, desk.bundle()?.jquery)),
        "lib-jitsi-meet.min.js" => Some((SCRIPT, desk.bundle()?.library)),
        "report.json" => Some(("application/json", serde_json::to_vec(&desk.report()).ok()?)),
        _ => None,
    }
}

/// Takes a report; the orders as JSON, none when it cannot be read.
pub fn report(desk: &Desk, body: &[u8]) -> Option<Vec<u8>> {
    let report: BrowserReport = serde_json::from_slice(body)
        .inspect_err(|error| tracing::warn!(%error, "a browser's report"))
        .ok()?;
    serde_json::to_vec(&desk.exchange(report)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::Stage;

    #[test]
    fn a_report_brings_back_the_orders_once() {
        let desk = Desk::default();
        desk.tell("mute audio".into());
        let body = br#"{"id":"ab","stage":"joined","problems":[],"shown":7,"others":[
            {"id":"cd","name":"Salle","audio_muted":false,"video_muted":true,"height":360,"counter":123456,"tones":[440,null,1002]}]}"#;
        assert_eq!(report(&desk, body).unwrap(), br#"["mute audio"]"#);
        assert_eq!(report(&desk, body).unwrap(), b"[]");
        let said = desk.report();
        assert_eq!((said.stage, said.shown), (Stage::Joined, 7));
        assert_eq!(said.other("cd").unwrap().heard(1000.0), 1);
        assert!(report(&desk, b"{").is_none());
    }
}
