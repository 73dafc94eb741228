//! Why a connection ended.

use std::io;

use rumqttc::v5::mqttbytes::Error as CodecError;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode};
use rumqttc::v5::{ConnectionError, StateError};
use rustls::{CertificateError, Error as TlsError, OtherError};

use crate::trust::KeyError;

/// Why a connection ended or did not come to be. Texts are for the log, none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// We said goodbye.
    #[error("closed")]
    Closed,
    /// No TCP connection.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// The broker's certificate is not of our authority, not for this host, or too old; or no common TLS 1.3.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Our own key cannot be used. The text says what to do.
    #[error("the key of this box: {0}")]
    Key(String),
    /// The broker does not want us now; somebody who returns should take more time than usual.
    #[error("the broker is busy: {0}")]
    Busy(String),
    /// The broker does not want us.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// Another connection with our client id is there.
    #[error("taken over by another connection")]
    TakenOver,
    /// The broker said goodbye.
    #[error("the broker ended it: {0}")]
    Ended(String),
    /// Nothing came any more.
    #[error("silence")]
    Silence,
    /// Nothing could be written any more.
    #[error("stuck")]
    Stuck,
    /// A publication waited too long.
    #[error("no acknowledgement")]
    Unacknowledged,
    /// What came is no MQTT 5 or above the limits.
    #[error("not MQTT: {0}")]
    Protocol(String),
    /// The connection was cut.
    #[error("cut: {0}")]
    Cut(String),
}

impl Reason {
    /// Of what reading, writing or the handshake said below MQTT.
    pub(super) fn of_tls(error: &io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<TlsError>());
        match cause {
            None => Self::Cut(error.to_string()),
            Some(TlsError::InvalidCertificate(CertificateError::Other(OtherError(verdict)))) => {
                Self::Tls(verdict.to_string())
            }
            Some(TlsError::Other(OtherError(own))) if own.is::<KeyError>() => Self::Key(own.to_string()),
            Some(cause) => Self::Tls(cause.to_string()),
        }
    }

    /// Of `rumqttc`'s error.
    pub(super) fn of(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionRefused(code) => match code {
                ConnectReturnCode::ServerBusy
                | ConnectReturnCode::ServerUnavailable
                | ConnectReturnCode::ServiceUnavailable
                | ConnectReturnCode::QuotaExceeded
                | ConnectReturnCode::ConnectionRateExceeded => Self::Busy(format!("{code:?}")),
                code => Self::Refused(format!("{code:?}")),
            },
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => match reason_code {
                DisconnectReasonCode::SessionTakenOver => Self::TakenOver,
                DisconnectReasonCode::ServerBusy
                | DisconnectReasonCode::QuotaExceeded
                | DisconnectReasonCode::MessageRateTooHigh
                | DisconnectReasonCode::ConnectionRateExceeded => Self::Busy(format!("{reason_code:?}")),
                code => Self::Ended(format!("{code:?}")),
            },
            ConnectionError::MqttState(StateError::AwaitPingResp) => Self::Silence,
            ConnectionError::MqttState(
                StateError::ConnectionAborted | StateError::Io(_) | StateError::Deserialization(CodecError::Io(_)),
            )
            | ConnectionError::Io(_) => Self::Cut("end of stream".into()),
            ConnectionError::Timeout(_) => Self::Silence,
            error => Self::Protocol(error.to_string()),
        }
    }
}
