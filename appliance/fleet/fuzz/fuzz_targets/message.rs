//! A topic, and what was published on it.
#![no_main]

use fleet::contract::{
    Answer, Channel, Command, Configuration, ConfigurationReport, Event, Message, Metadata, Notice, Presence, Refusal,
    State, Telemetry, Update, UpdateReport,
};

libfuzzer_sys::fuzz_target!(|input: (&str, &[u8])| {
    let (topic, payload) = input;
    let Ok((tenant, device, channel)) = Channel::parse(topic) else { return };
    assert_eq!(channel.topic(&tenant, &device), topic);
    let most = channel.rules().max_bytes;
    let refused = |refusal: Refusal| assert!(refusal.message.chars().count() <= 200 && refusal.pointer.len() < 4096);
    match channel {
        Channel::Online => drop(Presence::parse(payload, most).map_err(refused)),
        Channel::Meta => drop(Message::<Metadata>::parse(payload, most).map_err(refused)),
        Channel::State(_) => drop(Message::<State>::parse(payload, most).map_err(refused)),
        Channel::ConfigDesired => drop(Message::<Configuration>::parse(payload, most).map_err(refused)),
        Channel::ConfigReported => drop(Message::<ConfigurationReport>::parse(payload, most).map_err(refused)),
        Channel::UpdateDesired => drop(Message::<Update>::parse(payload, most).map_err(refused)),
        Channel::UpdateReported => drop(Message::<UpdateReport>::parse(payload, most).map_err(refused)),
        Channel::Command(_) => drop(Message::<Command>::parse(payload, most).map_err(refused)),
        Channel::Answer(_) => drop(Message::<Answer>::parse(payload, most).map_err(refused)),
        Channel::Event(_) => drop(Message::<Event>::parse(payload, most).map_err(refused)),
        Channel::Telemetry(_) => drop(Message::<Telemetry>::parse(payload, most).map_err(refused)),
        Channel::Notice => drop(Message::<Notice>::parse(payload, most).map_err(refused)),
    }
});
