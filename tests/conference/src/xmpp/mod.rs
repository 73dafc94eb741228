//! The two ways in which the conference itself speaks XMPP: as a component (focus) and as a guest (peers).

mod component;
mod guest;

pub use component::{Component, ComponentEvents};
pub use guest::{Guest, GuestEvents};

/// Namespaces.
pub mod ns {
    #![allow(missing_docs)]
    pub const CLIENT: &str = "jabber:client";
    pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
    pub const STREAM: &str = "http://etherx.jabber.org/streams";
    pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
    pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
    pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
    pub const SM: &str = "urn:xmpp:sm:3";
    pub const PING: &str = "urn:xmpp:ping";
    pub const MUC: &str = "http://jabber.org/protocol/muc";
    pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
    pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
    pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
    pub const DATA: &str = "jabber:x:data";
    pub const CAPS: &str = "http://jabber.org/protocol/caps";
    pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
    pub const FOCUS: &str = "http://jitsi.org/protocol/focus";
    pub const VISITORS: &str = "jitsi:visitors";
    pub const JITMEET: &str = "http://jitsi.org/jitmeet";
    pub const JINGLE: &str = "urn:xmpp:jingle:1";
    pub const JINGLE_ERRORS: &str = "urn:xmpp:jingle:errors:1";
    pub const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
    pub const SSMA: &str = "urn:xmpp:jingle:apps:rtp:ssma:0";
    pub const HDREXT: &str = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";
    pub const RTCP_FB: &str = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";
    pub const ICE_UDP: &str = "urn:xmpp:jingle:transports:ice-udp:1";
    pub const DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
    pub const SCTP: &str = "urn:xmpp:jingle:transports:dtls-sctp:1";
    pub const COLIBRI_TRANSPORT: &str = "http://jitsi.org/protocol/colibri";
    pub const MUTE_AUDIO: &str = "http://jitsi.org/jitmeet/audio";
    pub const MUTE_VIDEO: &str = "http://jitsi.org/jitmeet/video";
}

/// The resource of a JID.
pub fn resource(jid: &str) -> &str {
    jid.split_once('/').map_or("", |(_, r)| r)
}

/// The bare part of a JID.
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(b, _)| b)
}

/// The node of a JID.
pub fn node(jid: &str) -> &str {
    bare(jid).split_once('@').map_or("", |(n, _)| n)
}
