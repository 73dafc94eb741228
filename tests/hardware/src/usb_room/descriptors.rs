//! What a USB device tells about itself: USB 2.0 §9.6, USB Video Class 1.1 §3, USB Audio Class 1.0 §4.

/// What is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Make {
    /// It has a camera.
    pub camera: bool,
    /// It has a microphone with so many channels.
    pub channels: Option<u8>,
    /// Pictures a second that the camera offers, its favourite first.
    pub rates: Vec<u32>,
    /// Its serial number.
    pub serial: String,
}

impl Make {
    /// The room device: a camera and an array of eight microphones.
    pub fn room() -> Self {
        Self {
            camera: true,
            channels: Some(8),
            rates: vec![30, 15],
            serial: "ROOM-4711".into(),
        }
    }

    /// Number of the microphone's first interface; those of the camera are 0 and 1.
    pub fn audio_interface(&self) -> u8 {
        if self.camera { 2 } else { 0 }
    }

    fn product(&self) -> &'static str {
        match (self.camera, self.channels) {
            (true, Some(_)) => "Room Camera and Array",
            (true, None) => "Room Camera",
            (false, _) => "Room Array",
        }
    }
}

/// Vendor: the Linux Foundation, whose numbers no real device has.
const VENDOR: u16 = 0x1d6b;

/// Sizes of picture, width and height; YUYV each.
pub const SIZES: [(u16, u16); 2] = [(320, 180), (640, 360)];

/// Time between two pictures at so many a second, in 100 ns.
pub fn interval(rate: u32) -> u32 {
    10_000_000 / rate.max(1)
}

/// Endpoint of the pictures.
pub const VIDEO_ENDPOINT: u32 = 1;
/// Endpoint of the sound.
pub const AUDIO_ENDPOINT: u32 = 2;
/// Bytes of a packet of pictures in one microframe: three of 1024.
pub const VIDEO_PACKET: u16 = 3 * 1024;

/// The device descriptor.
pub fn device(make: &Make) -> Vec<u8> {
    let product: u16 = 0x0040 | u16::from(make.camera) << 1 | u16::from(make.channels.is_some());
    let mut bytes = vec![18, 1, 0, 2, 0xef, 2, 1, 64];
    bytes.extend(VENDOR.to_le_bytes());
    bytes.extend(product.to_le_bytes());
    bytes.extend([0, 1, 1, 2, 3, 1]);
    bytes
}

/// A string descriptor; none when there is no such string.
pub fn string(make: &Make, index: u8) -> Option<Vec<u8>> {
    let text = match index {
        0 => return Some(vec![4, 3, 9, 4]),
        1 => "Hemicycle",
        2 => make.product(),
        3 => make.serial.as_str(),
        _ => return None,
    };
    let mut bytes = vec![u8::try_from(2 + 2 * text.len()).ok()?, 3];
    text.bytes().for_each(|letter| bytes.extend([letter, 0]));
    Some(bytes)
}

/// The configuration with everything in it.
pub fn configuration(make: &Make) -> Vec<u8> {
    let mut inside = Vec::new();
    if make.camera {
        video(&mut inside, &make.rates);
    }
    if let Some(channels) = make.channels {
        audio(&mut inside, make.audio_interface(), channels);
    }
    let interfaces = 2 * (u8::from(make.camera) + u8::from(make.channels.is_some()));
    let mut bytes = vec![9, 2];
    bytes.extend(length(9 + inside.len()));
    bytes.extend([interfaces, 1, 0, 0x80, 250]);
    bytes.extend(inside);
    bytes
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_le_bytes()
}

fn video(out: &mut Vec<u8>, rates: &[u32]) {
    out.extend([8, 0x0b, 0, 2, 0x0e, 3, 0, 0]); // association of interfaces 0 and 1
    out.extend([9, 4, 0, 0, 1, 0x0e, 1, 0, 0]); // VideoControl, one endpoint
    let mut units = Vec::new();
    // Camera terminal 1: zoom (D9), pan and tilt (D11), privacy (D18).
    units.extend([18, 0x24, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x00, 0x0a, 0x04]);
    // Processing unit 2: brightness, and power line frequency (D10).
    units.extend([13, 0x24, 5, 2, 1, 0, 0, 2, 0x01, 0x04, 0, 0, 0]);
    units.extend([9, 0x24, 3, 3, 1, 1, 0, 2, 0]); // output terminal 3
    out.extend([13, 0x24, 1, 0x10, 1]);
    out.extend(length(13 + units.len()));
    out.extend(48_000_000_u32.to_le_bytes());
    out.extend([1, 1]);
    out.extend(units);
    out.extend([7, 5, 0x83, 3, 16, 0, 8, 5, 0x25, 3, 16, 0]); // status, by interrupt

    out.extend([9, 4, 1, 0, 0, 0x0e, 2, 0, 0]); // VideoStreaming, silent
    let mut formats = vec![27, 0x24, 4, 1, SIZES.len() as u8];
    formats.extend([
        0x59, 0x55, 0x59, 0x32, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
    ]); // YUY2
    formats.extend([16, 1, 0, 0, 0, 0]);
    for (index, (width, height)) in (1_u8..).zip(SIZES) {
        let size = picture_bytes(width, height);
        formats.extend([26 + 4 * rates.len() as u8, 0x24, 5, index, 0]);
        formats.extend(width.to_le_bytes());
        formats.extend(height.to_le_bytes());
        let bits = |rate: Option<&u32>| (size * 8 * rate.copied().unwrap_or(1)).to_le_bytes();
        formats.extend(bits(rates.iter().min()));
        formats.extend(bits(rates.iter().max()));
        formats.extend(size.to_le_bytes());
        formats.extend(rates.first().map_or(1, |rate| interval(*rate)).to_le_bytes());
        formats.push(rates.len() as u8);
        // Shortest first, as the class wants them.
        let mut intervals: Vec<u32> = rates.iter().map(|rate| interval(*rate)).collect();
        intervals.sort_unstable();
        intervals
            .iter()
            .for_each(|interval| formats.extend(interval.to_le_bytes()));
    }
    formats.extend([6, 0x24, 0x0d, 1, 1, 4]); // colours: BT.709, as most cameras say
    out.extend([14, 0x24, 1, 1]);
    out.extend(length(14 + formats.len()));
    out.extend([0x81, 0, 3, 0, 0, 0, 1, 0]);
    out.extend(formats);
    out.extend([9, 4, 1, 1, 1, 0x0e, 2, 0, 0]); // VideoStreaming with its endpoint
    out.extend([7, 5, 0x80 | VIDEO_ENDPOINT as u8, 5]);
    out.extend(0x1400_u16.to_le_bytes()); // three packets of 1024 a microframe
    out.push(1);
}

fn audio(out: &mut Vec<u8>, first: u8, channels: u8) {
    let streaming = first + 1;
    out.extend([8, 0x0b, first, 2, 1, 0, 0, 0]);
    out.extend([9, 4, first, 0, 0, 1, 1, 0, 0]); // AudioControl
    let feature = 7 + 1 + channels;
    out.extend([9, 0x24, 1, 0, 1]);
    out.extend(length(9 + 12 + usize::from(feature) + 9));
    out.extend([1, streaming]);
    out.extend([12, 0x24, 2, 1, 0x05, 2, 0, channels, 0, 0, 0, 0]); // terminal 1: microphone array, no places named
    out.extend([feature, 0x24, 6, 2, 1, 1, 3]); // unit 2: mute and volume of all
    out.extend(std::iter::repeat_n(0, usize::from(channels) + 1));
    out.extend([9, 0x24, 3, 3, 1, 1, 0, 2, 0]); // terminal 3: USB
    out.extend([9, 4, streaming, 0, 0, 1, 2, 0, 0]); // AudioStreaming, silent
    out.extend([9, 4, streaming, 1, 1, 1, 2, 0, 0]);
    out.extend([7, 0x24, 1, 3, 1, 1, 0]); // PCM from terminal 3
    out.extend([11, 0x24, 2, 1, channels, 2, 16, 1, 0x80, 0xbb, 0x00]); // 16 bits, 48 kHz
    out.extend([9, 5, 0x80 | AUDIO_ENDPOINT as u8, 5]);
    out.extend((u16::from(channels) * 2 * 49).to_le_bytes()); // a millisecond and a sample
    out.extend([4, 0, 0]);
    out.extend([7, 0x25, 1, 0, 0, 0, 0]);
}

/// Bytes of one picture in YUYV.
pub fn picture_bytes(width: u16, height: u16) -> u32 {
    u32::from(width) * u32::from(height) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks the descriptors by their lengths; their types.
    fn walk(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut rest = bytes;
        let mut found = Vec::new();
        while let [length, kind, ..] = rest {
            let (one, behind) = rest.split_at(usize::from(*length));
            found.push((*kind, one.to_vec()));
            rest = behind;
        }
        assert!(rest.is_empty());
        found
    }

    #[test]
    fn every_length_that_a_descriptor_names_is_true() {
        for channels in [None, Some(1), Some(2), Some(8)] {
            for camera in [true, false] {
                let make = Make {
                    camera,
                    channels,
                    ..Make::room()
                };
                let bytes = configuration(&make);
                assert_eq!(u16::from_le_bytes([bytes[2], bytes[3]]) as usize, bytes.len());
                let interfaces: std::collections::BTreeSet<u8> = walk(&bytes)
                    .iter()
                    .filter(|(kind, _)| *kind == 4)
                    .map(|(_, one)| one[2])
                    .collect();
                assert_eq!(interfaces.len(), usize::from(bytes[4]), "{make:?}");
            }
        }
    }

    #[test]
    fn the_array_says_how_many_channels_it_has() {
        let make = Make {
            channels: Some(2),
            ..Make::room()
        };
        let bytes = configuration(&make);
        let all = walk(&bytes);
        let format = all
            .iter()
            .find(|(kind, one)| *kind == 0x24 && one.len() == 11 && one[2] == 2);
        assert_eq!(format.map(|(_, one)| one[4]), Some(2));
    }
}
