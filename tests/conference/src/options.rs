//! How a conference is set up.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::focus::{ConferenceReply, JoinRefusal, Lobby};

/// The shape of `config.js`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfigStyle {
    /// A run of assignments with string expressions, as docker-jitsi-meet emits it.
    #[default]
    Docker,
    /// One object literal with comments and trailing commas, as the Debian package has it.
    Literal,
    /// 404: a client falls back to defaults.
    Absent,
}

/// A TURN server that clients are told of, over TCP.
#[derive(Debug, Clone)]
pub struct Relay {
    /// `turns` (TLS), not `turn`.
    pub secure: bool,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name of the client.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// All the choices; the default is a fair-weather room with three peers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Domain of the guests.
    pub domain: String,
    /// Tenant in the URL, mapped as `mod_muc_domain_mapper` does.
    pub tenant: Option<String>,
    /// Room that exists from the start, with its peers in it. None: rooms come with conference requests only.
    pub room: Option<String>,
    /// Port of the front, 0 for a free one.
    pub port: u16,
    /// Address of the bridge's socket, also in its candidates.
    pub bridge_address: IpAddr,
    /// `host:port` under which clients reach the front by TLS, which somebody before it ends; `config.js` then says https
    /// and wss. None: plain HTTP on loopback.
    pub secure_authority: Option<String>,
    /// Told by external service discovery (XEP-0215).
    pub discovered_relays: Vec<Relay>,
    /// Told by the room metadata.
    pub metadata_relays: Vec<Relay>,
    /// Built-in participants per room.
    pub peers: usize,
    /// Their names, repeated when they run out.
    pub peer_names: Vec<String>,
    /// Codecs of pictures that they say they decode.
    pub peer_codecs: String,
    /// Password of each room.
    pub password: Option<String>,
    /// User names and passwords; with any, `hosts.domain` wants a login and guests have a domain of their own.
    pub accounts: Vec<(String, String)>,
    /// How the server keeps the passwords: `SHA-1` or `SHA-256`.
    pub password_hash: &'static str,
    /// SASL mechanisms that the login does not offer.
    pub disabled_mechanisms: Vec<&'static str>,
    /// The XMPP WebSocket is there; else there is only BOSH.
    pub websocket: bool,
    /// `config.js` names the WebSocket.
    pub websocket_named: bool,
    /// Tokens must be signed with this (HS256).
    pub token_secret: Option<String>,
    /// Where encoded media of the peers is kept between runs.
    pub media_cache: PathBuf,
    /// Shape of `config.js`.
    pub config_style: ConfigStyle,
    /// Members needed for a session-initiate.
    pub min_participants: usize,
    /// Sources as JSON to clients that can read it.
    pub json_sources: bool,
    /// SSRC rewriting for clients that can.
    pub ssrc_rewriting: bool,
    /// A content `data` in the offer.
    pub data_channel: bool,
    /// A colibri WebSocket in the offer.
    pub colibri_websocket: bool,
    /// Strange candidates and unknown elements in the offer.
    pub weird_offer: bool,
    /// `startmuted`.
    pub start_audio_muted: bool,
    /// `startmuted`.
    pub start_video_muted: bool,
    /// Answers to the first conference requests.
    pub conference_replies: Vec<ConferenceReply>,
    /// A lobby before each room from the start; peers need not wait.
    pub lobby: Option<Lobby>,
    /// How the first joins of others than peers are refused.
    pub join_refusals: Vec<JoinRefusal>,
    /// `config.js` names an address for conference requests by HTTP.
    pub conference_request_by_http: bool,
    /// `websocketKeepAlive`; none: not said.
    pub keep_alive_ms: Option<u64>,
    /// The first `<resume/>` is answered with `<failed/>`.
    pub refuse_resume_once: bool,
    /// Region of the bridge, in the session-initiate.
    pub region: Option<String>,
    /// What the bridge asks of senders, SenderSourceConstraints after the channel opened.
    pub wanted_height: i32,
    /// After a source shows something again, JVB took 4.5 s to ask for it; the default does not wait.
    pub demand_after_unmute_ms: u64,
    /// Factor on the times within which a client must react. One is the rule; on a machine that has other work to do a
    /// late answer says more about the machine than about the client.
    pub patience: u32,
    /// Seed of loss and delay.
    pub seed: u64,
    /// The frequency that the box's microphone is expected to carry, Hz.
    pub expected_tone_hz: f64,
    /// The dominant speaker changes by itself after so many seconds; 0: only by command.
    pub dominant_every_s: u64,
    /// Round trip between client and front, for each connection of its own, and between client and bridge.
    pub round_trip: Duration,
    /// Each PLI and FIR must be answered in time.
    pub judge_key_frames: bool,
    /// Decode what arrives from the box (pictures, sound, JPEG). Off saves processor time.
    pub decode: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            domain: "meet.local".into(),
            tenant: None,
            room: Some("hemicycle".into()),
            port: 0,
            bridge_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_authority: None,
            discovered_relays: Vec::new(),
            metadata_relays: Vec::new(),
            peers: 3,
            peer_codecs: "vp8,h264".into(),
            peer_names: ["Amandine", "Bilal", "Chloé", "Driss", "Élodie", "Farid"]
                .map(String::from)
                .to_vec(),
            password: None,
            accounts: Vec::new(),
            password_hash: "SHA-1",
            disabled_mechanisms: Vec::new(),
            websocket: true,
            websocket_named: true,
            token_secret: None,
            media_cache: PathBuf::from("target/lab/media"),
            config_style: ConfigStyle::default(),
            min_participants: 2,
            json_sources: true,
            ssrc_rewriting: true,
            data_channel: true,
            colibri_websocket: false,
            weird_offer: false,
            start_audio_muted: false,
            start_video_muted: false,
            conference_replies: Vec::new(),
            lobby: None,
            join_refusals: Vec::new(),
            conference_request_by_http: false,
            keep_alive_ms: None,
            refuse_resume_once: false,
            region: None,
            wanted_height: 720,
            demand_after_unmute_ms: 0,
            patience: 1,
            seed: 1,
            expected_tone_hz: 1000.0,
            judge_key_frames: true,
            dominant_every_s: 0,
            round_trip: Duration::ZERO,
            decode: true,
        }
    }
}

impl Options {
    /// The name of the peer number `index`.
    pub fn peer_name(&self, index: usize) -> String {
        if self.peer_names.is_empty() {
            return format!("Peer {}", index + 1);
        }
        let name = &self.peer_names[index % self.peer_names.len()];
        match index / self.peer_names.len() {
            0 => name.clone(),
            round => format!("{name} {}", round + 1),
        }
    }
}
