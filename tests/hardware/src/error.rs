//! What can go wrong before a story is told.

use std::path::PathBuf;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A cause, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a process of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// A program that is not built.
    #[error("{} is not built: cargo build --workspace --bins", .0.display())]
    NotBuilt(PathBuf),
    /// What the image is made of could not be fetched.
    #[error("the guest's disk cannot be made, for Debian's packages cannot be fetched from here: {0}")]
    Unreachable(String),
    /// The image, or what belongs to it, was not made.
    #[error("{what} did not make its part of the guest ({how}); the last words, all in {}:\n{words}", log.display())]
    Image {
        /// Which maker.
        what: String,
        /// How the maker ended.
        how: String,
        /// The end of what it said.
        words: String,
        /// Everything it said.
        log: PathBuf,
    },
    /// The guest did not say in time that it is there, or ended.
    #[error("{what}; the last words of its console:\n{console}")]
    Guest {
        /// What happened.
        what: String,
        /// The end of the console.
        console: String,
    },
    /// A job of the guest ended with another code than 0.
    #[error("in the guest, `{script}` ended with {code}:\n{output}")]
    Job {
        /// The beginning of its script.
        script: String,
        /// Its exit code.
        code: i32,
        /// What it said.
        output: String,
    },
}

impl Error {
    /// For `map_err`: the system's words with what was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}
