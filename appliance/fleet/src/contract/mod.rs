//! The contract, version 1: `cr/v1`.

mod channel;
mod code;
mod command;
mod configuration;
mod enrolment;
mod envelope;
mod event;
mod fingerprint;
mod json;
mod log;
mod names;
mod notice;
mod order;
mod presence;
mod scope;
mod sealed;
pub mod settings;
mod signature;
mod state;
mod telemetry;
mod trust;
mod update;

pub use channel::{Channel, Direction, Rules, TopicError};
pub use code::Code;
pub use command::{Answer, AnswerStatus, Command, CommandName};
pub use configuration::{
    Apply, ApplyWhen, Configuration, ConfigurationError, ConfigurationReport, ConfigurationStatus, Secret,
};
pub use enrolment::{Decision, DenialReason, EnrolmentAnswer, EnrolmentRequest, EnrolmentTopic, Issued, Serial};
pub use envelope::{Clock, Envelope, Id, Message, VERSION};
pub use event::{Event, EventClass};
pub use fingerprint::fingerprint;
pub use json::{MAX_DEPTH, Refusal, parse};
pub use log::{LogLevel, Tail, TailedLines};
pub use names::{DeviceId, NameError, Room, Site, Tenant};
pub use notice::{Notice, Urgency};
pub use order::Order;
pub use presence::{Metadata, Offline, OfflineReason, Online, OnlineReason, Presence};
pub use scope::{Grant, GrantError, Verb};
pub use sealed::{Jwk, Label, MAX_SECRET, SealError, SecretName};
pub use settings::Settings;
pub use signature::{MAX_CHAIN, SignatureError, Signer, UncheckedDocument, is_p256, key_id, max_signed_bytes};
pub use state::{State, StatePart};
pub use telemetry::{Summary, Telemetry, TelemetryStream};
pub use trust::{TrustDocument, TrustDocumentError};
pub use update::{Phase, Update, UpdateReport, Window};
