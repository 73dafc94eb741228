//! VP8 on the wire: the payload descriptor (RFC 7741 §4.2) and the key-frame header (RFC 6386 §9.1).

/// A payload descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Bytes before the VP8 payload.
    pub size: usize,
    /// S bit with partition 0.
    pub start_of_frame: bool,
    /// PictureID, 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// TL0PICIDX.
    pub tl0_pic_idx: Option<u8>,
    /// TID.
    pub temporal_layer: Option<u8>,
}

impl Descriptor {
    /// Reads the descriptor of an RTP payload; None when it is cut.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut at = 1;
        let mut take = || {
            let byte = payload.get(at).copied();
            at += 1;
            byte
        };
        let (mut picture_id, mut tl0_pic_idx, mut temporal_layer) = (None, None, None);
        if first & 0x80 != 0 {
            let flags = take()?;
            if flags & 0x80 != 0 {
                let high = take()?;
                picture_id = Some(if high & 0x80 != 0 {
                    u16::from(high & 0x7f) << 8 | u16::from(take()?)
                } else {
                    u16::from(high)
                });
            }
            if flags & 0x40 != 0 {
                tl0_pic_idx = Some(take()?);
            }
            if flags & 0x30 != 0 {
                let byte = take()?;
                if flags & 0x20 != 0 {
                    temporal_layer = Some(byte >> 6);
                }
            }
        }
        let start_of_frame = first & 0x10 != 0 && first & 0x0f == 0;
        (at <= payload.len()).then_some(Self {
            size: at,
            start_of_frame,
            picture_id,
            tl0_pic_idx,
            temporal_layer,
        })
    }
}

/// Width and height in a key frame's header.
pub fn dimensions(frame: &[u8]) -> Option<(u16, u16)> {
    if frame.len() < 10 || frame[0] & 1 != 0 || frame[3..6] != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let word = |at: usize| u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff;
    Some((word(6), word(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_all_lengths() {
        let read = |bytes: &[u8]| Descriptor::read(bytes).unwrap();
        assert_eq!(read(&[0x10, 0]).size, 1);
        assert_eq!(read(&[0x90, 0x80, 0x05, 0]).picture_id, Some(5));
        let long = read(&[0x90, 0xe0, 0x81, 0x02, 9, 0x40, 0]);
        assert_eq!(
            (long.size, long.picture_id, long.tl0_pic_idx, long.temporal_layer),
            (6, Some(0x102), Some(9), Some(1))
        );
        assert!(!read(&[0x11, 0]).start_of_frame, "partition 1 does not start a frame");
        assert_eq!(Descriptor::read(&[0x90, 0xe0, 0x81]), None);
        assert_eq!(Descriptor::read(&[]), None);
    }

    #[test]
    fn a_key_frame_tells_its_size() {
        let frame = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];
        assert_eq!(dimensions(&frame), Some((1280, 720)));
        assert_eq!(dimensions(&[0x11, 0, 0, 0x9d, 0x01, 0x2a, 0, 5, 0xd0, 2]), None);
        assert_eq!(dimensions(&frame[..9]), None);
    }
}
