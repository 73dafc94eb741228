//! RTP payloads of VP8 (RFC 7741), with PictureID and TL0PICIDX as a browser sends them.

/// Bytes of one payload at most.
const MOST: usize = 1100;

/// Cuts a frame into payloads; the last one has the marker.
pub fn vp8(frame: &[u8], picture_id: u16, tl0: u8) -> Vec<Vec<u8>> {
    let count = frame.len().div_ceil(MOST).max(1);
    (0..count)
        .map(|i| {
            let part = &frame[(i * MOST).min(frame.len())..((i + 1) * MOST).min(frame.len())];
            let start = if i == 0 { 0x10 } else { 0 };
            let mut payload = Vec::with_capacity(part.len() + 6);
            payload.push(0x80 | start);
            payload.push(0x80 | 0x40 | 0x20);
            payload.push(0x80 | ((picture_id >> 8) as u8 & 0x7f));
            payload.push(picture_id as u8);
            payload.push(tl0);
            payload.push(0x20);
            payload.extend_from_slice(part);
            payload
        })
        .collect()
}

/// A VP8 frame that can be decoded alone (RFC 6386 §9.1: the first bit is clear).
pub fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|b| b & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::far_side::vp8::Descriptor;

    #[test]
    fn payloads_carry_the_frame_and_its_ids() {
        let frame: Vec<u8> = (0..3000).map(|i| i as u8).collect();
        let payloads = vp8(&frame, 0x1234, 7);
        assert_eq!(payloads.len(), 3);
        let mut joined = Vec::new();
        for (i, payload) in payloads.iter().enumerate() {
            let descriptor = Descriptor::read(payload).unwrap();
            assert_eq!(descriptor.picture_id, Some(0x1234));
            assert_eq!(descriptor.tl0_pic_idx, Some(7));
            assert_eq!(descriptor.start_of_frame, i == 0);
            joined.extend_from_slice(&payload[descriptor.size..]);
        }
        assert_eq!(joined, frame);
    }
}
