//! Golden files of every message, and the schemas under `provisioning/schemas`. `HEMICYCLE_WRITE_PAGES=1 cargo test -p fleet
//! --test contract` writes the schemas.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fleet::contract::{
    Answer, Channel, Code, Command, Configuration, ConfigurationReport, EnrolmentAnswer, EnrolmentRequest, Event,
    Message, Metadata, Notice, Presence, Refusal, Settings, State, Telemetry, Update, UpdateReport,
};
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Reads a golden file as this type, within the limits of its channel, and writes it again.
fn same<T: DeserializeOwned + Serialize>(text: &[u8], channel: &Channel) -> Result<Value, Refusal> {
    let message = Message::<T>::parse(text, channel.rules().max_bytes)?;
    Ok(serde_json::to_value(message).unwrap())
}

/// What a channel carries.
fn read(channel: &Channel, text: &[u8]) -> Result<Value, Refusal> {
    match channel {
        Channel::Online => {
            Presence::parse(text, channel.rules().max_bytes).map(|presence| serde_json::to_value(presence).unwrap())
        }
        Channel::Meta => same::<Metadata>(text, channel),
        Channel::State(_) => same::<State>(text, channel),
        Channel::ConfigDesired => {
            let document = Message::<Configuration>::parse(text, channel.rules().max_bytes)?;
            assert!(Settings::parse(&document.body.cfg).is_ok(), "settings that a box takes");
            same::<Configuration>(text, channel)
        }
        Channel::ConfigReported => same::<ConfigurationReport>(text, channel),
        Channel::UpdateDesired => same::<Update>(text, channel),
        Channel::UpdateReported => same::<UpdateReport>(text, channel),
        Channel::Command(_) => same::<Command>(text, channel),
        Channel::Answer(_) => same::<Answer>(text, channel),
        Channel::Event(_) => same::<Event>(text, channel),
        Channel::Telemetry(_) => same::<Telemetry>(text, channel),
        Channel::Notice => same::<Notice>(text, channel),
    }
}

/// `cmd-call.join.json` is a message of `cmd/call.join`; what follows another hyphen tells messages of one topic apart.
fn channel_of(file: &str) -> Channel {
    let stem = file.strip_suffix(".json").expect("JSON");
    let words: Vec<&str> = stem.split('-').collect();
    let topic = |path: &str| Channel::parse(&format!("cr/v1/etat/lyon-412/{path}")).ok();
    let (_, _, channel) = words
        .get(1)
        .and_then(|second| topic(&format!("{}/{second}", words[0])))
        .or_else(|| topic(words[0]))
        .unwrap_or_else(|| panic!("{file} is named after no topic"));
    channel
}

fn files() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(golden()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.is_file())
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_golden_message_is_read_and_written_again_as_it_was() {
    for (file, text) in files() {
        let written = read(&channel_of(&file), &text).unwrap_or_else(|refusal| panic!("{file}: {refusal}"));
        let original: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(written, original, "{file}");
    }
}

#[test]
fn every_kind_of_message_has_a_golden_file() {
    let kind = |channel: &Channel| format!("{channel:?}").split('(').next().unwrap().to_owned();
    let there: BTreeSet<String> = files().iter().map(|(file, _)| kind(&channel_of(file))).collect();
    let all = [
        "Answer",
        "Command",
        "ConfigDesired",
        "ConfigReported",
        "Event",
        "Meta",
        "Notice",
        "Online",
        "State",
        "Telemetry",
        "UpdateDesired",
        "UpdateReported",
    ];
    assert_eq!(there, all.map(str::to_owned).into());
}

#[test]
fn a_reader_of_today_passes_over_the_fields_of_tomorrow_and_refuses_another_version() {
    for (file, text) in files() {
        let channel = channel_of(&file);
        let mut message: Value = serde_json::from_slice(&text).unwrap();
        message["of_tomorrow"] = Value::from(vec![1, 2]);
        assert!(read(&channel, message.to_string().as_bytes()).is_ok(), "{file}");
        message["v"] = 2.into();
        let refusal = read(&channel, message.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.pointer.as_str()),
            (Code::BadVersion, "/v"),
            "{file}"
        );
    }
}

#[test]
fn whatever_is_wrong_is_pointed_at() {
    let cases = [
        ("update-desired.json", "104857600", "\"large\"", "/size"),
        (
            "config-reported.json",
            "unsupported_on_hw",
            "bad luck",
            "/errors/0/code",
        ),
        ("config-desired.json", "\"idle\"", "\"later\"", "/apply/when"),
        ("cmd-call.join.json", "2026-11-21T19:40:56Z", "soon", "/exp"),
        (
            "res-call.join.json",
            "\"re\": \"01KAN8Q6T4X5Z7B9C1D3F5G7HA\"",
            "\"re\": \"x\"",
            "/re",
        ),
        ("tele-sys.json", "0.37", "\"much\"", "/values/load_ratio"),
        ("evt-alert.json", "\"sync\"", "\"perhaps\"", "/clk"),
    ];
    for (file, from, to, pointer) in cases {
        let text = fs::read_to_string(golden().join(file)).unwrap();
        assert!(text.contains(from), "{file}");
        let refusal = read(&channel_of(file), text.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.pointer.as_str()),
            (Code::InvalidParams, pointer),
            "{file}: {refusal}"
        );
    }
}

fn schema<T: JsonSchema>() -> String {
    let mut schema = schema_for!(T).to_value();
    // Whether objects keep their order is up to whoever else uses the library in this build.
    schema.sort_all_objects();
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../provisioning/schemas");
    let schemas = [
        ("answer", schema::<Message<Answer>>()),
        ("command", schema::<Message<Command>>()),
        ("configuration", schema::<Message<Configuration>>()),
        ("configuration-report", schema::<Message<ConfigurationReport>>()),
        ("enrolment-answer", schema::<Message<EnrolmentAnswer>>()),
        ("enrolment-request", schema::<Message<EnrolmentRequest>>()),
        ("event", schema::<Message<Event>>()),
        ("metadata", schema::<Message<Metadata>>()),
        ("notice", schema::<Message<Notice>>()),
        ("presence", schema::<Presence>()),
        ("settings", schema::<Settings>()),
        ("state", schema::<Message<State>>()),
        ("telemetry", schema::<Message<Telemetry>>()),
        ("update", schema::<Message<Update>>()),
        ("update-report", schema::<Message<UpdateReport>>()),
    ];
    for (name, schema) in &schemas {
        let path = folder.join(format!("{name}.json"));
        if std::env::var_os("HEMICYCLE_WRITE_PAGES").is_some() {
            fs::write(&path, schema).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == *schema,
            "{name}.json is not what the code says; HEMICYCLE_WRITE_PAGES=1 writes it"
        );
    }
    let there = fs::read_dir(&folder).unwrap().filter(|entry| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
    });
    assert_eq!(there.count(), schemas.len(), "a schema of nothing");
}
