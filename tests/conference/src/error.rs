//! What can go wrong with the conference itself (never the client's fault: that is a [`crate::BrokenRule`]).

/// Why the conference does not start or went away.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket or file.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// Prosody is not installed or does not come up.
    #[error("prosody: {0}; install the Debian package `prosody`")]
    Prosody(String),
    /// The stream to Prosody.
    #[error("XMPP stream: {0}")]
    Xmpp(String),
    /// A WebSocket.
    #[error("WebSocket: {0}")]
    WebSocket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// Encoding the peers' media.
    #[error("media of the peers: {0}")]
    Media(String),
    /// The bridge.
    #[error("bridge: {0}")]
    Bridge(String),
    /// The real browser.
    #[error("browser: {0}")]
    Browser(String),
    /// A thread of the conference ended early.
    #[error("the conference has ended")]
    Ended,
}

impl Error {
    /// For `map_err` on sockets and files.
    pub fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { what, source }
    }
}

impl From<tokio_tungstenite::tungstenite::Error> for Error {
    fn from(source: tokio_tungstenite::tungstenite::Error) -> Self {
        Error::WebSocket(Box::new(source))
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
