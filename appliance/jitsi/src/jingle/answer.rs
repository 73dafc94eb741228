//! session-accept within the fatal rules of `specs/jitsi-client.md §4`.

use media_protocol::{LocalDescription, PayloadType, SessionOffer};
use minidom::Element;
use room::conference::Sources;

use crate::ns;
use crate::xml::{Builder, element};

use super::session_offer::{AUDIO_LEVEL, TRANSPORT_CC};
use super::sources::OwnerSources;
use super::xml_sources::{write_group, write_source};
use super::{LocalStreams, Offer};

/// The `<jingle/>` of a session-accept. `accepted` is what [`Offer::session_offer`] gave, `description` the worker's half
/// of ICE and DTLS, `sources` says which of the `local` ones are announced, `responder` is our occupant JID. No candidates: the bridge learns them.
pub fn session_accept(
    offer: &Offer,
    accepted: &SessionOffer,
    local: &LocalStreams,
    sources: Sources,
    description: &LocalDescription,
    responder: &str,
) -> Element {
    let contents = offer.contents.iter().filter_map(|name| {
        let content = element("content", ns::JINGLE)
            .attr("name", name.as_str())
            .attr("creator", "initiator")
            .attr("senders", "both");
        let sctp = match &offer.data {
            Some(data) if *name == data.name => Some(data.port),
            _ => None,
        };
        let content = if *name == offer.audio.name {
            content.child(audio(accepted, &own(sources.audio, local, local.audio())))
        } else if *name == offer.video.name {
            // nothing is forwarded before the bridge channel carries our constraints
            let last_n = element("initial-last-n", ns::COLIBRI2).attr("value", "0");
            content
                .child(video(accepted, &own(sources.video, local, local.video())))
                .child(last_n)
        } else if sctp.is_some() {
            content
        } else {
            return None;
        };
        Some(content.child(transport(description, sctp)))
    });
    let bundle = offer
        .contents
        .iter()
        .map(|name| element("content", ns::GROUPING).attr("name", name.as_str()));
    element("jingle", ns::JINGLE)
        .attr("action", "session-accept")
        .attr("sid", offer.sid.as_str())
        .attr("initiator", offer.initiator.as_str())
        .attr("responder", responder)
        .children(contents)
        .child(
            element("group", ns::GROUPING)
                .attr("semantics", "BUNDLE")
                .children(bundle),
        )
        .build()
}

/// The sources of a device, if it is there.
fn own(there: bool, local: &LocalStreams, sources: OwnerSources) -> OwnerSources {
    if there { sources } else { OwnerSources::of(&local.id) }
}

fn audio(accepted: &SessionOffer, sources: &OwnerSources) -> Builder {
    let extensions = [
        (accepted.audio.audio_level_extension, AUDIO_LEVEL),
        (accepted.audio.transport_cc_extension, TRANSPORT_CC),
    ];
    description("audio", &accepted.audio.payload_types, &extensions, sources)
}

fn video(accepted: &SessionOffer, sources: &OwnerSources) -> Builder {
    // no abs-send-time: the media worker does not write it
    let extensions = [(accepted.video.transport_cc_extension, TRANSPORT_CC)];
    description("video", &accepted.video.payload_types, &extensions, sources)
}

fn description(
    media: &'static str,
    payloads: &[PayloadType],
    extensions: &[(Option<u8>, &'static str)],
    sources: &OwnerSources,
) -> Builder {
    let rtx = payloads.iter().filter_map(|payload| Some((payload, payload.rtx?)));
    let rtx = rtx.map(|(payload, number)| {
        let apt = element("parameter", ns::RTP)
            .attr("name", "apt")
            .attr("value", payload.number.to_string());
        payload_type(number, "rtx", payload.clock_rate, None).child(apt)
    });
    let extensions = extensions.iter().filter_map(|(id, uri)| {
        Some(
            element("rtp-hdrext", ns::HDREXT)
                .attr("id", (*id)?.to_string())
                .attr("uri", *uri),
        )
    });
    element("description", ns::RTP)
        .attr("media", media)
        .children(payloads.iter().map(accepted_payload))
        .children(rtx)
        .children(extensions)
        .child(element("rtcp-mux", ns::RTP))
        .children(sources.sources.iter().map(write_source))
        .children(sources.groups.iter().map(write_group))
}

fn accepted_payload(payload: &PayloadType) -> Builder {
    let parameters = payload.parameters.iter().map(|(name, value)| {
        element("parameter", ns::RTP)
            .attr("name", name.as_str())
            .attr("value", value.as_str())
    });
    let feedback = payload.feedback.iter().map(|text| {
        let (kind, subtype) = text
            .split_once(' ')
            .map_or((text.as_str(), None), |(kind, sub)| (kind, Some(sub)));
        element("rtcp-fb", ns::RTCP_FB)
            .attr("type", kind)
            .attr_if("subtype", subtype)
    });
    payload_type(
        payload.number,
        &payload.encoding_name,
        payload.clock_rate,
        payload.channels,
    )
    .children(parameters)
    .children(feedback)
}

fn payload_type(number: u8, name: &str, clock_rate: u32, channels: Option<u8>) -> Builder {
    element("payload-type", ns::RTP)
        .attr("id", number.to_string())
        .attr("name", name)
        .attr("clockrate", clock_rate.to_string())
        .attr_if("channels", channels.map(|channels| channels.to_string()))
}

fn transport(description: &LocalDescription, sctp: Option<u16>) -> Builder {
    // the bridge compares fingerprints as exact strings, in upper case
    let setup = if description.fingerprint.setup == "passive" {
        "passive"
    } else {
        "active"
    };
    let fingerprint = element("fingerprint", ns::DTLS)
        .attr("hash", description.fingerprint.hash.to_ascii_lowercase())
        .attr("setup", setup)
        .text(description.fingerprint.value.to_ascii_uppercase());
    let map = sctp.map(|port| {
        element("sctpmap", ns::DTLS_SCTP)
            .attr("number", port.to_string())
            .attr("protocol", "webrtc-datachannel")
            .attr("streams", "1024")
    });
    element("transport", ns::ICE_UDP)
        .attr("ufrag", description.ufrag.as_str())
        .attr("pwd", description.pwd.as_str())
        .child(element("rtcp-mux", ns::ICE_UDP))
        .child(fingerprint)
        .children(map)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
