//! session-initiate, read whole and within limits.

use media_protocol::RemoteTransport;
use minidom::Element;
use room::conference::Muted;

use crate::ns;

use super::content::{Content, DataContent};
use super::sources::{OwnerSources, SourceError};
use super::transport::Transport;
use super::{JingleIq, identifier, source_change};

/// Most contents read of one offer.
const MAX_CONTENTS: usize = 16;

/// Why an offer cannot be used. The IQ was acknowledged already; the session is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// No audio or no video content.
    #[error("the offer has no {0} content")]
    MissingContent(&'static str),
    /// No content has a transport with ICE credentials and a fingerprint.
    #[error("the offer has no usable transport")]
    MissingTransport,
    /// No Opus.
    #[error("the offer has no Opus")]
    NoAudioCodec,
    /// None of the codecs we can send.
    #[error("the offer has no video codec of ours")]
    NoVideoCodec,
    /// Its sources cannot be read.
    #[error(transparent)]
    Sources(#[from] SourceError),
}

/// Which bridge session an offer belongs to; named again when we ask for a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeSession {
    /// Id.
    pub id: String,
    /// Region of the bridge.
    pub region: Option<String>,
}

/// The focus's offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Session id.
    pub sid: String,
    /// The focus's occupant JID, for the answer. (The offer's own attribute shows its real JID; browsers answer with this.)
    pub initiator: String,
    /// Names of the contents in the order of the offer.
    pub contents: Vec<String>,
    /// The audio content.
    pub audio: Content,
    /// The video content.
    pub video: Content,
    /// The data channel content, if offered.
    pub data: Option<DataContent>,
    /// ICE and DTLS of the bridge.
    pub transport: RemoteTransport,
    /// Bridge channel over WebSocket, where offered.
    pub web_sockets: Vec<String>,
    /// Which bridge session.
    pub bridge_session: Option<BridgeSession>,
    /// Begin with these devices off.
    pub start_muted: Muted,
    /// Sources that exist already.
    pub sources: Vec<OwnerSources>,
}

impl Offer {
    /// Reads a session-initiate.
    ///
    /// # Errors
    /// [`OfferError`] where it cannot be answered; what is merely unknown is passed over.
    pub fn parse(iq: &JingleIq<'_>) -> Result<Self, OfferError> {
        let jingle = iq.jingle;
        let (mut audio, mut video, mut data) = (None, None, None);
        let mut contents = Vec::new();
        let mut transports = Vec::new();
        for content in jingle
            .children()
            .filter(|child| child.is("content", ns::JINGLE))
            .take(MAX_CONTENTS)
        {
            let Some(name) = identifier(content.attr("name")) else {
                continue;
            };
            let description = content.children().find(|child| child.name() == "description");
            let media = description
                .and_then(|description| description.attr("media"))
                .unwrap_or(&name);
            let transport = Transport::parse(content);
            match (media, description) {
                ("audio", Some(description)) if audio.is_none() => audio = Some(Content::parse(&name, description)),
                ("video", Some(description)) if video.is_none() => video = Some(Content::parse(&name, description)),
                ("application" | "data", _) if data.is_none() => {
                    let port = transport.as_ref().and_then(|transport| transport.sctp_port);
                    data = port.map(|port| DataContent {
                        name: name.clone(),
                        port,
                    });
                    if data.is_none() {
                        continue;
                    }
                }
                _ => continue,
            }
            contents.push(name);
            transports.extend(transport);
        }
        let audio = audio.ok_or(OfferError::MissingContent("audio"))?;
        let video = video.ok_or(OfferError::MissingContent("video"))?;
        let web_sockets = transports
            .iter()
            .flat_map(|transport| transport.web_sockets.clone())
            .fold(Vec::new(), |mut unique, url| {
                if !unique.contains(&url) {
                    unique.push(url);
                }
                unique
            });
        let usable = |transport: &Transport| {
            !transport.ufrag.is_empty() && !transport.pwd.is_empty() && !transport.fingerprints.is_empty()
        };
        let transport = transports
            .into_iter()
            .find(usable)
            .ok_or(OfferError::MissingTransport)?;
        Ok(Self {
            sid: iq.sid.clone(),
            initiator: iq.from.to_owned(),
            contents,
            transport: RemoteTransport {
                ufrag: transport.ufrag,
                pwd: transport.pwd,
                candidates: transport.candidates,
                fingerprints: transport.fingerprints,
                sctp_port: data.as_ref().map(|data| data.port),
            },
            audio,
            video,
            data,
            web_sockets,
            bridge_session: bridge_session(jingle),
            start_muted: start_muted(jingle),
            sources: source_change::parse_source_change(jingle)?,
        })
    }
}

fn bridge_session(jingle: &Element) -> Option<BridgeSession> {
    let element = jingle.get_child("bridge-session", ns::FOCUS)?;
    Some(BridgeSession {
        id: identifier(element.attr("id"))?,
        region: identifier(element.attr("region")),
    })
}

fn start_muted(jingle: &Element) -> Muted {
    let element = jingle.get_child("startmuted", ns::START_MUTED);
    let on = |name: &str| element.and_then(|element| element.attr(name)) == Some("true");
    Muted {
        audio: on("audio"),
        video: on("video"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::xml::parse;

    fn offer(text: &str) -> Result<Offer, OfferError> {
        Offer::parse(&JingleIq::parse(&parse(text).unwrap()).unwrap())
    }

    #[test]
    fn the_whole_offer_is_read() {
        let read = offer(sample::OFFER).unwrap();
        assert_eq!(
            (read.sid.as_str(), read.initiator.as_str()),
            ("S1", "room@muc.meet.example/focus")
        );
        assert_eq!(read.contents, ["audio", "video", "data"]);
        assert_eq!(
            read.data,
            Some(DataContent {
                name: "data".into(),
                port: 5000
            })
        );
        assert_eq!(read.transport.candidates.len(), 1);
        assert_eq!(read.transport.sctp_port, Some(5000));
        assert_eq!(
            read.bridge_session,
            Some(BridgeSession {
                id: "B1".into(),
                region: Some("eu".into())
            })
        );
        assert_eq!(
            read.start_muted,
            Muted {
                audio: true,
                video: false
            }
        );
        assert_eq!(
            read.sources
                .iter()
                .map(|entry| entry.owner.as_str())
                .collect::<Vec<_>>(),
            ["cd34ef56", "jvb"]
        );
    }

    #[test]
    fn without_data_the_offer_still_stands() {
        let read = offer(&sample::OFFER.replace("number='5000'", "number='x'")).unwrap();
        assert_eq!((read.data, read.transport.sctp_port), (None, None));
        assert_eq!(read.contents, ["audio", "video"]);
    }

    #[test]
    fn what_cannot_be_answered_is_refused_by_name() {
        let refused = |from: &str, to: &str| offer(&sample::OFFER.replace(from, to)).unwrap_err();
        assert_eq!(
            refused("media='video'", "media='smell'"),
            OfferError::MissingContent("video")
        );
        assert_eq!(refused("ufrag='u1'", ""), OfferError::MissingTransport);
        assert_eq!(refused("hash='sha-256'", "hash='rot13'"), OfferError::MissingTransport);
        assert_eq!(
            refused("{\"sources\":{", "{\"sources\":["),
            OfferError::Sources(SourceError::Malformed)
        );
    }
}
