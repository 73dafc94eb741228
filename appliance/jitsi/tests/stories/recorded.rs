//! Everything a real deployment was heard to say, said to a box in a meeting.

use std::path::Path;

use crate::script::*;

#[test]
fn each_recorded_request_is_answered_exactly_once_and_nothing_disturbs_the_core() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recorded");
    let mut requests = 0;
    for entry in std::fs::read_dir(recorded).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("s2c-") || name.contains("features") || name == "s2c-failure.xml" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let stanza = jitsi::xml::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        // As it was, and as if it were said in our room to us.
        let room = stanza
            .attr("from")
            .and_then(|from| from.split_once('/'))
            .map(|(room, _)| room.to_owned());
        let ours = room.map_or_else(|| text.clone(), |room| text.replace(&room, ROOM));
        for text in [text, ours] {
            let (mut script, _) = Script::in_session();
            let before = script.log.len();
            script.text(&text);
            let is_request = stanza.name() == "iq" && matches!(stanza.attr("type"), Some("get" | "set"));
            if is_request {
                requests += 1;
                let id = stanza.attr("id").unwrap();
                let answers = script.log[before..].iter().filter(|answer| {
                    let answer = jitsi::xml::parse(answer).unwrap();
                    answer.attr("id") == Some(id) && matches!(answer.attr("type"), Some("result" | "error"))
                });
                assert_eq!(answers.count(), 1, "{name}");
            }
            script.seconds(40);
        }
    }
    assert!(requests > 20, "{requests}");
}
