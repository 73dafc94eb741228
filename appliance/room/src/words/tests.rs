use super::*;
use crate::remote::RemoteAct;
use crate::snapshot::Countdown;

/// Every pair of a title and a sentence, the same in every language in the same order.
fn catalogue(language: Language) -> Vec<Words> {
    let faults = [
        DeviceFault::NotFound,
        DeviceFault::Unstable,
        DeviceFault::Shut,
        DeviceFault::TooFewChannels { found: 2 },
        DeviceFault::Busy,
        DeviceFault::Forbidden,
        DeviceFault::Silent,
        DeviceFault::MissingElement {
            element: "v4l2src".into(),
        },
        DeviceFault::Other {
            detail: "Internal data stream error.".into(),
        },
    ];
    let steps = [
        JoinStep::Configuration,
        JoinStep::Connecting,
        JoinStep::Authenticating,
        JoinStep::Requesting,
        JoinStep::Entering,
    ];
    let waits = [
        WaitingFor::Service(WaitReason::NotOpenYet),
        WaitingFor::Service(WaitReason::ServiceBusy),
        WaitingFor::Service(WaitReason::Lobby),
        WaitingFor::Service(WaitReason::Host),
        WaitingFor::Password { wrong: false },
        WaitingFor::Password { wrong: true },
    ];
    let mut notices = vec![
        Notice::DevicesOffAfterRejoin,
        Notice::SelfTest,
        Notice::JoinedFromOutside,
        Notice::NoMeeting,
        Notice::Occupied,
        Notice::MediaRestarting,
        Notice::MediaWorkerFailed,
        Notice::PlaybackFailed(DeviceFault::Busy),
        Notice::MediaStalled,
        Notice::Alone,
        Notice::NotModerator,
        Notice::Moderator,
        Notice::Knocking,
        Notice::PasswordSet(true),
        Notice::PasswordSet(false),
        Notice::PasswordRefused,
        Notice::MovedToRoom { side: true },
        Notice::MovedToRoom { side: false },
    ];
    notices.extend(RemoteAct::ALL.map(Notice::FromOutside));
    notices.extend(Countdown::ALL.map(Notice::LeavingAlone));
    let mut all = vec![
        joining(language),
        reconnecting(language),
        moving(language),
        leaving(language),
        located(language),
    ];
    all.extend(Outcome::ALL.map(|value| outcome(language, value)));
    all.extend(steps.map(|step| join_step(language, step)));
    all.extend(waits.map(|wait| waiting(language, wait)));
    for device in [Device::Microphone, Device::Camera] {
        notices.push(Notice::MutedByModerator(device));
        notices.push(Notice::Moderated(device));
        notices.push(Notice::AskFirst(device));
        notices.push(Notice::Allowed(device));
        notices.push(Notice::ModerationOver(device));
        notices.push(Notice::MutedFromOutside(device));
        notices.push(Notice::OnlyInRoom(device));
        notices.push(Notice::NoDevice(device));
        notices.extend(faults.iter().map(|fault| Notice::DeviceFailed(device, fault.clone())));
        all.extend(faults.iter().map(|fault| device_fault(language, device, fault)));
    }
    all.extend(notices.iter().map(|value| notice(language, value)));
    all
}

fn labels(language: Language) -> Vec<&'static str> {
    let devices = [Device::Microphone, Device::Camera];
    let words = devices.map(|device| DeviceWord::ALL.map(|word| device_state(language, device, word)));
    let marks = Mark::ALL.map(|value| mark(language, value));
    words
        .into_iter()
        .flatten()
        .chain(marks)
        .chain([unnamed(language)])
        .collect()
}

fn every_text(language: Language) -> Vec<String> {
    let words = catalogue(language)
        .into_iter()
        .flat_map(|words| [words.title, words.sentence]);
    words
        .chain(labels(language))
        .map(str::to_owned)
        .chain([
            screen_of(language, "Ada"),
            hand_of(language, "Ada"),
            encrypted(language, "Ada"),
            written_by(language, "Ada", "42", true),
            side_room(language, "Ada"),
            service_says(language, "no"),
            unclaimed(language, "HC24-000123"),
            unwanted(language, "HC24-000123"),
            undelivered(language),
        ])
        .chain(StickRefusal::ALL.map(|reason| stick_refused(language, reason)))
        .collect()
}

#[test]
fn titles_are_short_and_sentences_end_with_a_full_stop() {
    for language in Language::ALL {
        for Words { title, sentence } in catalogue(language) {
            assert!((4..=42).contains(&title.chars().count()), "{title}");
            assert!(!title.ends_with('.'), "{title}");
            assert!(
                sentence.ends_with('.') && sentence.matches('.').count() == 1,
                "{sentence}"
            );
            assert!(
                (20..=140).contains(&sentence.chars().count()),
                "{} characters: {sentence}",
                sentence.chars().count()
            );
            for text in [title, sentence] {
                assert!(text.chars().next().is_some_and(char::is_uppercase), "{text}");
                assert_eq!(text.trim(), text);
                assert!(!text.contains("  "), "{text}");
            }
        }
    }
}

#[test]
fn languages_differ_in_every_text() {
    let [french, english] = Language::ALL.map(every_text);
    assert_eq!(french.len(), english.len());
    for (french, english) in french.iter().zip(&english) {
        assert_ne!(french, english);
    }
}

#[test]
fn no_text_speaks_of_code() {
    let forbidden = [
        "xmpp",
        "jingle",
        "jitsi",
        "ice",
        "dtls",
        "rtp",
        "websocket",
        "muc",
        "jwt",
        "token",
        "url",
        "gstreamer",
        "udp",
        "timeout",
        "worker",
        "null",
        "error",
        "v4l2src",
        "prosody",
        "jid",
        "tls",
    ];
    for text in Language::ALL.into_iter().flat_map(every_text) {
        assert!(!text.contains(['_', '{', '}', '<', '>', '/', '`', '=']), "{text}");
        let lower = text.to_lowercase();
        let words: Vec<_> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        for code in forbidden {
            assert!(!words.contains(&code), "{code} in: {text}");
        }
        for outcome in Outcome::ALL.iter().filter(|outcome| outcome.code().contains('-')) {
            assert!(!lower.contains(outcome.code()), "{text}");
        }
    }
}

#[test]
fn french_punctuation_keeps_to_its_word() {
    for text in every_text(Language::French) {
        let characters: Vec<char> = text.chars().collect();
        for pair in characters.windows(2) {
            if matches!(pair[1], ':' | ';' | '?' | '!' | '»') {
                assert!(matches!(pair[0], '\u{a0}' | '\u{202f}'), "{text}");
            }
        }
        assert!(
            !text.contains(['\'', '"', '“', '”']),
            "typographic apostrophes and guillemets: {text}"
        );
        assert!(!text.starts_with([':', ';', '?', '!']), "{text}");
    }
}

#[test]
fn english_has_no_french_spaces() {
    for text in every_text(Language::English) {
        assert!(text.is_ascii(), "{text}");
        assert!(!text.contains(" ;") && !text.contains(" :"), "{text}");
    }
}

#[test]
fn what_people_must_tell_apart_is_told_apart() {
    for language in Language::ALL {
        let mut titles: Vec<_> = Outcome::ALL.map(|value| outcome(language, value).title).to_vec();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), Outcome::ALL.len());
        let mut labels = labels(language);
        labels.sort_unstable();
        let before = labels.len();
        labels.dedup();
        assert_eq!(labels.len(), before);
    }
}

#[test]
fn languages_are_read_as_people_and_systems_write_them() {
    for (text, language) in [
        ("fr", Language::French),
        ("fr_FR.UTF-8", Language::French),
        ("EN", Language::English),
        ("en-GB", Language::English),
    ] {
        assert_eq!(text.parse(), Ok(language));
    }
    assert_eq!("C".parse::<Language>(), Err(UnknownLanguage));
}
