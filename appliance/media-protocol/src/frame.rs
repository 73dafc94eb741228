//! Framing on the Unix socket: a 32-bit big-endian length, then that many bytes of JSON.

use serde::{Serialize, de::DeserializeOwned};

/// Largest JSON document either side accepts. JSON depth is limited to 128 by `serde_json`.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Bytes of the length field.
pub const HEADER_BYTES: usize = 4;

/// Why a frame was refused.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length field is above [`MAX_MESSAGE_BYTES`].
    #[error("a message of {0} bytes is above the limit of {MAX_MESSAGE_BYTES}")]
    TooLarge(usize),
    /// Not the JSON of a known message.
    #[error("not a message of this contract: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Encodes one message with its length.
///
/// # Errors
/// [`FrameError::TooLarge`] when the JSON is above the limit.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER_BYTES];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - HEADER_BYTES;
    let header = u32::try_from(length).ok().filter(|_| length <= MAX_MESSAGE_BYTES);
    let header = header.ok_or(FrameError::TooLarge(length))?;
    bytes[..HEADER_BYTES].copy_from_slice(&header.to_be_bytes());
    Ok(bytes)
}

/// Collects bytes from a stream and gives the messages in it.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Adds bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or none until more bytes come.
    ///
    /// # Errors
    /// [`FrameError`]; the stream cannot be read on after it.
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_MESSAGE_BYTES {
            return Err(FrameError::TooLarge(length));
        }
        let end = HEADER_BYTES + length;
        let Some(body) = self.buffer.get(HEADER_BYTES..end) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(body)?;
        self.buffer.drain(..end);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Envelope, MediaPlan, ToWorker};

    fn envelope(revision: u64) -> Envelope<ToWorker> {
        Envelope {
            epoch: 7,
            message: ToWorker::Plan(Box::new(MediaPlan {
                revision,
                ..MediaPlan::default()
            })),
        }
    }

    #[test]
    fn messages_survive_a_stream_cut_at_any_byte() {
        let mut stream = encode(&envelope(1)).unwrap();
        stream.extend(encode(&envelope(2)).unwrap());
        for cut in 0..stream.len() {
            let mut decoder = Decoder::default();
            let mut got: Vec<Envelope<ToWorker>> = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                decoder.push(part);
                while let Some(message) = decoder.next_message().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, [envelope(1), envelope(2)]);
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_the_body_arrives() {
        let mut decoder = Decoder::default();
        decoder.push(&(MAX_MESSAGE_BYTES as u32 + 1).to_be_bytes());
        assert!(matches!(
            decoder.next_message::<Envelope<ToWorker>>(),
            Err(FrameError::TooLarge(_))
        ));
    }

    #[test]
    fn deep_json_is_refused_and_does_not_overflow_the_stack() {
        let body = "[".repeat(100_000);
        let mut decoder = Decoder::default();
        decoder.push(&(body.len() as u32).to_be_bytes());
        decoder.push(body.as_bytes());
        assert!(matches!(
            decoder.next_message::<serde_json::Value>(),
            Err(FrameError::Malformed(_))
        ));
    }

    #[test]
    fn a_message_above_the_limit_is_not_sent() {
        let text = "x".repeat(MAX_MESSAGE_BYTES);
        assert!(matches!(encode(&text), Err(FrameError::TooLarge(_))));
    }
}
