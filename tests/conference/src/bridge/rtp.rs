//! The clear part of SRTP packets: header and one- or two-byte extensions (RFC 3550 §5.1, RFC 8285).

/// What can be read without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearHeader {
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Sender.
    pub ssrc: u32,
    /// Ids of the header extensions.
    pub extensions: Vec<u8>,
}

/// Reads an RTP header; None for RTCP, STUN, DTLS and nonsense.
pub fn read(datagram: &[u8]) -> Option<ClearHeader> {
    let first = *datagram.first()?;
    let second = *datagram.get(1)?;
    // RFC 7983: 128..191 is (S)RTP; RFC 5761: payload types 64..95 with the marker are RTCP.
    if !(128..192).contains(&first) || (192..224).contains(&second) {
        return None;
    }
    let word = |at: usize| -> Option<u32> { Some(u32::from_be_bytes(datagram.get(at..at + 4)?.try_into().ok()?)) };
    let csrc = usize::from(first & 0x0f);
    let mut extensions = Vec::new();
    if first & 0x10 != 0 {
        let start = 12 + csrc * 4;
        let head = word(start)?;
        let length = (head & 0xffff) as usize * 4;
        let body = datagram.get(start + 4..start + 4 + length)?;
        let two_bytes = (head >> 16) & 0xfff0 == 0x1000;
        let mut at = 0;
        while at < body.len() {
            if body[at] == 0 {
                at += 1;
                continue;
            }
            if two_bytes {
                extensions.push(body[at]);
                at += 2 + usize::from(*body.get(at + 1)?);
            } else {
                let id = body[at] >> 4;
                if id == 15 {
                    break;
                }
                extensions.push(id);
                at += 2 + usize::from(body[at] & 0x0f);
            }
        }
    }
    Some(ClearHeader {
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]),
        timestamp: word(4)?,
        ssrc: word(8)?,
        extensions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_of_both_forms_are_seen() {
        let mut packet = vec![0x90, 0xef, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 2];
        packet.extend_from_slice(&[0x10, 0x85, 0x51, 0, 7, 0, 0, 0]);
        let header = read(&packet).unwrap();
        assert_eq!(header.payload_type, 111);
        assert_eq!(header.ssrc, 3);
        assert_eq!(header.extensions, [1, 5]);
        let mut two = vec![0x90, 0x64, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0x00, 0, 2];
        two.extend_from_slice(&[1, 1, 0x85, 5, 2, 0, 7, 0]);
        assert_eq!(read(&two).unwrap().extensions, [1, 5]);
    }

    #[test]
    fn rtcp_stun_dtls_and_cut_packets_are_not_rtp() {
        assert_eq!(read(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(read(&[0, 1, 0, 0]), None);
        assert_eq!(read(&[22, 254, 253]), None);
        assert_eq!(
            read(&[0x90, 0x64, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 9]),
            None
        );
    }
}
