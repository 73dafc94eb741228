//! XML namespaces of the protocol, by the short names the specification uses.

/// Stanzas of a client stream (RFC 6120 §4.8.2).
pub const CLIENT: &str = "jabber:client";
/// Stanza error conditions (RFC 6120 §8.3.3).
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// XEP-0199.
pub const PING: &str = "urn:xmpp:ping";
/// XEP-0030.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0115.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// XEP-0215.
pub const EXTDISCO_2: &str = "urn:xmpp:extdisco:2";
/// XEP-0215, older.
pub const EXTDISCO_1: &str = "urn:xmpp:extdisco:1";
/// XEP-0004.
pub const DATA_FORMS: &str = "jabber:x:data";
/// XEP-0045, in our own join presence.
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// XEP-0045, in presences of occupants.
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// XEP-0172.
pub const NICK: &str = "http://jabber.org/protocol/nick";
/// XEP-0203; a message that has it is history.
pub const DELAY: &str = "urn:xmpp:delay";
/// Jitsi Meet's own elements.
pub const JITMEET: &str = "http://jitsi.org/jitmeet";
/// Mute IQs for the microphone.
pub const MUTE_AUDIO: &str = "http://jitsi.org/jitmeet/audio";
/// Mute IQs for the camera.
pub const MUTE_VIDEO: &str = "http://jitsi.org/jitmeet/video";
/// Mute IQs for a shared screen.
pub const MUTE_DESKTOP: &str = "http://jitsi.org/jitmeet/desktop";
/// `<startmuted/>` in session-initiate.
pub const START_MUTED: &str = "http://jitsi.org/jitmeet/start-muted";
/// Refusals of the visitors component.
pub const VISITORS: &str = "jitsi:visitors";
/// The conference focus.
pub const FOCUS: &str = "http://jitsi.org/protocol/focus";
/// `<web-socket/>` in the transport.
pub const COLIBRI: &str = "http://jitsi.org/protocol/colibri";
/// `<initial-last-n/>`.
pub const COLIBRI2: &str = "jitsi:colibri2";
/// XEP-0166.
pub const JINGLE: &str = "urn:xmpp:jingle:1";
/// XEP-0166 §10, error conditions.
pub const JINGLE_ERRORS: &str = "urn:xmpp:jingle:errors:1";
/// XEP-0167.
pub const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
/// XEP-0293.
pub const RTCP_FB: &str = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";
/// XEP-0294.
pub const HDREXT: &str = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";
/// XEP-0339.
pub const SSMA: &str = "urn:xmpp:jingle:apps:rtp:ssma:0";
/// XEP-0338.
pub const GROUPING: &str = "urn:xmpp:jingle:apps:grouping:0";
/// XEP-0320.
pub const DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
/// XEP-0176.
pub const ICE_UDP: &str = "urn:xmpp:jingle:transports:ice-udp:1";
/// XEP-0343.
pub const DTLS_SCTP: &str = "urn:xmpp:jingle:transports:dtls-sctp:1";
