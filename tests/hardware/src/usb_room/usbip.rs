//! The kernel's requests and our answers as bytes: the USB/IP protocol, `Documentation/usb/usbip_protocol.rst` in the kernel's
//! source. All numbers are big-endian.

use std::io::{self, Read};

/// Commands.
const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMITTED: u32 = 3;
const UNLINKED: u32 = 4;

/// Kernel's error numbers, negative as they travel.
const STALL: i32 = -32;
const UNLINKED_IN_TIME: i32 = -104;

/// What stands where a transfer is not isochronous.
const NOT_ISOCHRONOUS: u32 = u32::MAX;

/// The largest transfer and the most packets that are believed; the kernel's drivers stay far below.
const LARGEST: u32 = 1 << 20;
const MOST_PACKETS: u32 = 1024;

/// One packet of an isochronous transfer: where in the buffer, and how long at most.
pub type Packet = (u32, u32);

/// What the kernel asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A transfer.
    Submit(Transfer),
    /// Takes a transfer back.
    Unlink {
        /// Number of this request.
        number: u32,
        /// Number of the transfer.
        of: u32,
    },
}

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its number.
    pub number: u32,
    /// Endpoint.
    pub endpoint: u32,
    /// From the device to the host.
    pub inward: bool,
    /// Bytes from the host.
    pub data: Vec<u8>,
    /// Length of the host's buffer.
    pub length: u32,
    /// Setup packet of a control transfer.
    pub setup: [u8; 8],
    /// Packets of an isochronous transfer.
    pub packets: Vec<Packet>,
}

/// Reads one request.
///
/// # Errors
/// When the kernel has let go, or says what no kernel says.
pub fn read(stream: &mut impl Read) -> io::Result<Request> {
    let mut head = [0; 48];
    stream.read_exact(&mut head)?;
    let word = |index: usize| {
        let bytes = head
            .get(index * 4..index * 4 + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    match word(0) {
        UNLINK => Ok(Request::Unlink {
            number: word(1),
            of: word(5),
        }),
        SUBMIT => {
            let (inward, length) = (word(3) == 1, word(6));
            let count = if word(8) == NOT_ISOCHRONOUS { 0 } else { word(8) };
            if length > LARGEST || count > MOST_PACKETS {
                return Err(strange("a transfer that is too large"));
            }
            let mut data = vec![0; if inward { 0 } else { length as usize }];
            stream.read_exact(&mut data)?;
            let mut packets = Vec::with_capacity(count as usize);
            for _ in 0..count {
                let mut packet = [0; 16];
                stream.read_exact(&mut packet)?;
                let [a, b, c, d, e, f, g, h, ..] = packet;
                packets.push((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
            }
            let mut setup = [0; 8];
            setup.copy_from_slice(&head[40..]);
            Ok(Request::Submit(Transfer {
                number: word(1),
                endpoint: word(4),
                inward,
                data,
                length,
                setup,
                packets,
            }))
        }
        _ => Err(strange("neither a transfer nor its end")),
    }
}

/// The answer to a control or interrupt transfer: its bytes, or none for a stall.
pub fn answer(transfer: &Transfer, body: Option<&[u8]>) -> Vec<u8> {
    let status = if body.is_some() { 0 } else { STALL };
    let body = body.unwrap_or_default();
    let moved = match (transfer.inward, status) {
        (true, _) => body.len() as u32,
        (false, 0) => transfer.length,
        (false, _) => 0,
    };
    let mut bytes = head(transfer, status, moved, NOT_ISOCHRONOUS);
    if transfer.inward {
        bytes.extend_from_slice(body);
    }
    bytes
}

/// The answer to an isochronous transfer: the bytes of each packet.
pub fn isochronous(transfer: &Transfer, bodies: &[Vec<u8>]) -> Vec<u8> {
    let moved = bodies.iter().map(Vec::len).sum::<usize>() as u32;
    let mut bytes = head(transfer, 0, moved, transfer.packets.len() as u32);
    bodies.iter().for_each(|body| bytes.extend_from_slice(body));
    for ((offset, length), body) in transfer.packets.iter().zip(bodies) {
        for word in [*offset, *length, body.len() as u32, 0] {
            bytes.extend(word.to_be_bytes());
        }
    }
    bytes
}

/// The answer to an unlink: whether the transfer was still with us.
pub fn unlinked(number: u32, in_time: bool) -> Vec<u8> {
    let status = if in_time { UNLINKED_IN_TIME } else { 0 };
    let mut bytes = Vec::with_capacity(48);
    for word in [UNLINKED, number, 0, 0, 0, status as u32, 0, 0, 0, 0, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    bytes
}

fn head(transfer: &Transfer, status: i32, moved: u32, packets: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48 + moved as usize);
    // Device, direction and endpoint are the kernel's to remember; a server answers with zeros.
    for word in [
        SUBMITTED,
        transfer.number,
        0,
        0,
        0,
        status as u32,
        moved,
        0,
        packets,
        0,
        0,
        0,
    ] {
        bytes.extend(word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(direction: u32, length: u32, packets: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [1, 7, 0x10002, direction, 2, 0, length, 0, packets, 0] {
            bytes.extend(u32::to_be_bytes(word));
        }
        bytes.extend([0; 8]);
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn a_transfer_that_no_kernel_would_ask_for_is_refused_before_memory_is_taken() {
        for bytes in [submit(0, u32::MAX, 0, &[]), submit(1, 16, 1 << 30, &[]), vec![9; 48]] {
            let error = read(&mut bytes.as_slice()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn packets_are_answered_where_they_belong() {
        let rest: Vec<u8> = [0_u32, 10, 0, 0, 10, 10, 0, 0]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        let Ok(Request::Submit(transfer)) = read(&mut submit(1, 20, 2, &rest).as_slice()) else {
            panic!()
        };
        assert_eq!(transfer.packets, [(0, 10), (10, 10)]);
        let bytes = isochronous(&transfer, &[vec![1, 2], vec![3]]);
        assert_eq!(bytes.len(), 48 + 3 + 32);
        assert_eq!(&bytes[48..51], [1, 2, 3]);
    }
}
