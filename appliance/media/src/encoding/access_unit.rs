//! What an encoder has made: one access unit of H.264 in the byte stream format (ITU-T H.264, annex B), read as far as a trial
//! wants to know it.

/// Bytes of a unit's head that are read.
const HEAD: usize = 32;

/// A picture as it was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccessUnit {
    /// It brings a sequence parameter set.
    pub sequence: Option<Profile>,
    /// It brings a picture parameter set.
    pub picture_parameters: bool,
    /// It can be decoded alone.
    pub idr: bool,
    /// A part of it refers to pictures that are shown later.
    pub bidirectional: bool,
}

/// `profile_idc`, and the second of the constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// 66 is baseline.
    pub idc: u8,
    /// With 66: constrained baseline.
    pub constraint_set1: bool,
}

impl AccessUnit {
    /// Reads it. Whatever it is, nothing fails.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut read = Self::default();
        for unit in units(bytes) {
            let Some((head, body)) = unit.split_first() else {
                continue;
            };
            match head & 0x1f {
                1 | 5 => {
                    read.idr |= head & 0x1f == 5;
                    read.bidirectional |= slice_type(body).is_some_and(|kind| kind % 5 == 1);
                }
                7 => {
                    read.sequence = body.get(..2).map(|bytes| Profile {
                        idc: bytes[0],
                        constraint_set1: bytes[1] & 0x40 != 0,
                    });
                }
                8 => read.picture_parameters = true,
                _ => {}
            }
        }
        read
    }
}

/// What lies between the start codes.
fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let begins = |bytes: &[u8]| bytes.windows(3).position(|window| window == [0, 0, 1]);
    std::iter::from_fn(move || {
        rest = &rest[begins(rest)? + 3..];
        Some(&rest[..begins(rest).unwrap_or(rest.len())])
    })
}

/// The second number of a slice's head.
fn slice_type(body: &[u8]) -> Option<u32> {
    let mut plain = Vec::with_capacity(HEAD);
    for byte in body.iter().take(HEAD) {
        // Of three bytes 0, 0, 3 the last is no part of the stream.
        if !(*byte == 3 && plain.ends_with(&[0, 0])) {
            plain.push(*byte);
        }
    }
    let mut bits = plain
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    let _first_macroblock = number(&mut bits)?;
    number(&mut bits)
}

/// An unsigned Exp-Golomb number.
fn number(bits: &mut impl Iterator<Item = bool>) -> Option<u32> {
    let mut zeros = 0;
    while !bits.next()? {
        zeros += 1;
    }
    let mut value: u32 = 1;
    for _ in 0..zeros {
        value = value.checked_mul(2)? | u32::from(bits.next()?);
    }
    Some(value - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_shows_its_profile_and_what_it_brings() {
        let bytes = [
            &[0, 0, 0, 1, 0x67, 66, 0xc0, 31][..],
            &[0, 0, 1, 0x68, 0xce],
            &[0, 0, 1, 0x65, 0b1011_1000, 0],
        ];
        let unit = AccessUnit::read(&bytes.concat());
        let profile = Profile {
            idc: 66,
            constraint_set1: true,
        };
        assert_eq!((unit.sequence, unit.picture_parameters), (Some(profile), true));
        assert!(unit.idr && !unit.bidirectional);
    }

    #[test]
    fn slices_that_look_ahead_are_seen_whichever_number_they_have() {
        // First macroblock 0 (`1`), then type 0 (`1`), 1 (`010`), 5 (`00110`), 6 (`00111`).
        for (bits, expected) in [
            (0b1100_0000, false),
            (0b1010_0000, true),
            (0b1001_1000, false),
            (0b1001_1100, true),
        ] {
            let unit = AccessUnit::read(&[0, 0, 1, 0x41, bits, 0x80]);
            assert_eq!(unit.bidirectional, expected, "{bits:b}");
            assert!(!unit.idr);
        }
    }

    #[test]
    fn bytes_against_start_codes_are_left_out() {
        // First macroblock 2^16 - 1: sixteen zeros, and a 3 after the second byte of them.
        let body = [0, 0, 3, 0b1000_0000, 0, 0b0010_0000];
        assert_eq!(slice_type(&body), Some(1));
    }

    #[test]
    fn nothing_that_arrives_is_too_odd() {
        for bytes in [
            &[][..],
            &[0, 0, 1],
            &[0, 0, 1, 0x67],
            &[0, 0, 1, 0x41],
            &[0; 100],
            &[0xff; 100],
        ] {
            assert_eq!(AccessUnit::read(bytes), AccessUnit::default(), "{bytes:?}");
        }
    }
}
