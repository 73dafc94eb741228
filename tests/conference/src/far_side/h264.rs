//! H.264 on the wire: payloads (RFC 6184 §5) into a byte stream, and what a sequence parameter set says of the size
//! (ITU-T H.264 §7.3.2.1.1).

use super::assemble::Part;

/// Before each unit of a byte stream.
const START: [u8; 4] = [0, 0, 0, 1];
/// Types of units.
const IDR: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const AGGREGATION: u8 = 24;
const FRAGMENT: u8 = 28;

/// Reads an RTP payload; none when it is cut, or of a kind that nobody sends.
pub fn read(payload: &[u8]) -> Option<Part> {
    let (head, body) = payload.split_first()?;
    match head & 0x1f {
        AGGREGATION => {
            let mut part = Part {
                begins: true,
                ..Part::default()
            };
            let mut rest = body;
            while let [high, low, behind @ ..] = rest {
                let size = usize::from(u16::from_be_bytes([*high, *low]));
                let unit = behind.get(..size)?;
                part.key |= kind(unit) == SEQUENCE_PARAMETERS;
                part.bytes.extend([&START[..], unit].concat());
                rest = &behind[size..];
            }
            Some(part)
        }
        FRAGMENT => {
            let (flags, rest) = body.split_first()?;
            let begins = flags & 0x80 != 0;
            let unit = (head & 0xe0) | (flags & 0x1f);
            let bytes = if begins {
                [&START[..], &[unit], rest].concat()
            } else {
                rest.to_vec()
            };
            Some(Part {
                bytes,
                begins,
                key: false,
            })
        }
        1..=23 => Some(Part {
            bytes: [&START[..], payload].concat(),
            begins: true,
            key: kind(payload) == SEQUENCE_PARAMETERS,
        }),
        _ => None,
    }
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |head| head & 0x1f)
}

/// Width and height of a frame that can be decoded alone.
pub fn dimensions(frame: &[u8]) -> Option<(u16, u16)> {
    let mut size = None;
    let mut has_picture = false;
    let mut rest = frame;
    while let Some(at) = rest.windows(3).position(|bytes| bytes == [0, 0, 1]) {
        rest = &rest[at + 3..];
        match kind(rest) {
            SEQUENCE_PARAMETERS => size = size.or_else(|| parameters(rest.get(1..)?)),
            IDR => has_picture = true,
            _ => {}
        }
    }
    size.filter(|_| has_picture)
}

/// The size in a sequence parameter set of the profiles that calls are made in: without colour formats and scaling lists.
fn parameters(set: &[u8]) -> Option<(u16, u16)> {
    let mut plain: Vec<u8> = Vec::new();
    for byte in set.iter().take(64) {
        // Of three bytes 0, 0, 3 the last is no part of the stream.
        if !(*byte == 3 && plain.ends_with(&[0, 0])) {
            plain.push(*byte);
        }
    }
    if !matches!(plain.first()?, 66 | 77 | 88) {
        return None;
    }
    let mut bits = Bits {
        bytes: plain.get(3..)?,
        at: 0,
    };
    let (_id, _frame_number) = (bits.number()?, bits.number()?);
    match bits.number()? {
        0 => drop(bits.number()?),
        1 => return None,
        _ => {}
    }
    let (_references, _gaps) = (bits.number()?, bits.bit()?);
    let (wide, high) = (bits.number()?.checked_add(1)?, bits.number()?.checked_add(1)?);
    let fields = 2 - bits.bit()?;
    if fields == 2 {
        let _adaptive = bits.bit()?;
    }
    let _direct = bits.bit()?;
    let mut cropped = [0; 4];
    if bits.bit()? == 1 {
        for side in &mut cropped {
            *side = bits.number()?;
        }
    }
    let [left, right, top, bottom] = cropped;
    let of = |blocks: u32, unit: u32, one: u32, other: u32| -> Option<u16> {
        let cut = one.checked_add(other)?.checked_mul(2 * unit)?;
        u16::try_from(blocks.checked_mul(16 * unit)?.checked_sub(cut)?).ok()
    };
    Some((of(wide, 1, left, right)?, of(high, fields, top, bottom)?))
}

/// Reads bit by bit.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// An unsigned Exp-Golomb number.
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
        }
        let mut value: u32 = 1;
        for _ in 0..zeros {
            value = value.checked_mul(2)? | self.bit()?;
        }
        Some(value - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of x264, 320 by 180 in constrained baseline: 20 by 12 macroblocks, six double lines cut off.
    const SET: [u8; 28] = [
        0x67, 0x42, 0xc0, 0x15, 0xda, 0x05, 0x06, 0x7e, 0x7c, 0x05, 0xa8, 0x30, 0x30, 0x35, 0x28, 0, 0, 3, 0, 8, 0, 0,
        3, 1, 0xe4, 0x78, 0xb1, 0x75,
    ];

    #[test]
    fn units_alone_in_company_and_in_pieces_become_a_byte_stream() {
        let alone = read(&[0x41, 1, 2]).unwrap();
        assert_eq!(
            (alone.bytes.as_slice(), alone.begins, alone.key),
            (&[0, 0, 0, 1, 0x41, 1, 2][..], true, false)
        );
        let together = read(&[0x78, 0, 2, 0x67, 9, 0, 1, 0x68]).unwrap();
        assert_eq!(together.bytes, [0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x68]);
        assert!(together.begins && together.key);
        let first = read(&[0x7c, 0x85, 7]).unwrap();
        assert_eq!(
            (first.bytes.as_slice(), first.begins),
            (&[0, 0, 0, 1, 0x65, 7][..], true)
        );
        let next = read(&[0x7c, 0x05, 8]).unwrap();
        assert_eq!((next.bytes.as_slice(), next.begins), (&[8][..], false));
        for cut in [&[][..], &[0x78, 0, 5, 1], &[0x7c], &[0x00, 1], &[0x7f, 1]] {
            assert_eq!(read(cut), None, "{cut:?}");
        }
    }

    #[test]
    fn a_frame_that_can_be_decoded_alone_tells_its_size() {
        let frame = [&START[..], &SET, &START, &[0x68, 0xce], &[0, 0, 1, 0x65, 0x88]].concat();
        assert_eq!(dimensions(&frame), Some((320, 180)));
        assert_eq!(dimensions(&frame[..36]), None, "parameters without a picture");
        assert_eq!(dimensions(&[0, 0, 0, 1, 0x41, 0x9a]), None);
        assert_eq!(dimensions(&[]), None);
    }
}
