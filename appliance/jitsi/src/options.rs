//! What a participant is told at birth.

use std::path::PathBuf;

use media_protocol::{NetworkSettings, SessionId, VideoCodec};

use crate::stream::Account;

/// One simulcast layer the box can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Picture height in pixels. The bridge assumes 180, 360, 720 in this order (`specs/jitsi-client.md §5`).
    pub height: u32,
    /// Target bit rate in bit/s.
    pub bitrate: u32,
}

/// An account of the box on one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Host of the room addresses that it is for. No other service ever sees the password.
    pub host: String,
    /// Who.
    pub account: Account,
}

impl ServiceAccount {
    /// The account, if it is for this host.
    #[must_use]
    pub fn on(&self, host: &str) -> Option<&Account> {
        self.host.eq_ignore_ascii_case(host).then_some(&self.account)
    }
}

/// What a participant is told at birth; the same for all meetings it joins.
#[derive(Debug, Clone)]
pub struct Options {
    /// 32 lower-case hexadecimal digits, stable for the box: the focus binds its session ids to it
    /// (`specs/jitsi-client.md §2`).
    pub machine_uid: String,
    /// Codecs the box decodes, the one it encodes first. Announced as `jitsi_participant_codecList`, which alone keeps
    /// AV1 and VP9 away (`specs/jitsi-client.md §4`).
    pub video_codecs: Vec<VideoCodec>,
    /// The layers of the camera, lowest first, at most three.
    pub layers: Vec<Layer>,
    /// Ask the bridge to rewrite SSRCs into few slots (`specs/jitsi-client.md §5`); few decoders need it.
    pub ssrc_rewriting: bool,
    /// Where the box stands, in the deployment's words, for the choice of the bridge.
    pub region: Option<String>,
    /// How hosts are reached, by signalling and media alike.
    pub network: NetworkSettings,
    /// Id of the first media session of this participant; each further one has the next. Whoever starts several
    /// participants one after the other gives each a first id above all earlier ones, so that no id comes twice.
    pub first_session: SessionId,
    /// Time of day at birth, in ms since 1970.
    pub epoch_ms: u64,
    /// Seed of all chance (ids, SSRCs, jitter); none: from the operating system.
    pub seed: Option<[u8; 32]>,
    /// With which account the box logs in; none: as a guest or with a token.
    pub account: Option<ServiceAccount>,
    /// Where a file says what a restarted process must know to leave in the place of one that was killed
    /// ([`crate::leave_left_behind`]); none: then the server keeps a ghost for a minute.
    pub state_directory: Option<PathBuf>,
}

impl Default for Options {
    /// VP8 in three layers, SSRC rewriting, and a machine uid of chance, which a box replaces by its stable one.
    fn default() -> Self {
        Self {
            machine_uid: String::new(),
            video_codecs: vec![VideoCodec::Vp8],
            layers: vec![
                Layer {
                    height: 180,
                    bitrate: 200_000,
                },
                Layer {
                    height: 360,
                    bitrate: 500_000,
                },
                Layer {
                    height: 720,
                    bitrate: 1_500_000,
                },
            ],
            ssrc_rewriting: true,
            region: None,
            network: NetworkSettings::default(),
            first_session: SessionId(1),
            epoch_ms: 0,
            seed: None,
            account: None,
            state_directory: None,
        }
    }
}
