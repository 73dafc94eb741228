//! One device: standard requests, and which part a class request is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::camera::{Camera, PRIVACY};
use super::descriptors::{self, AUDIO_ENDPOINT, Make, VIDEO_ENDPOINT};
use super::microphone::Microphone;

/// Standard requests (USB 2.0 §9.4).
const GET_STATUS: u8 = 0;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const GET_INTERFACE: u8 = 10;
const SET_INTERFACE: u8 = 11;

/// Interface of the camera over which pictures come.
const STREAMING: u16 = 1;

/// What a device is delivering: the light at a camera, so to speak, which no software can lie about.
#[derive(Debug, Default)]
pub struct Lights {
    /// Pictures are asked for.
    pub camera: AtomicBool,
    /// Sound is asked for.
    pub microphone: AtomicBool,
}

/// One device.
#[derive(Debug)]
pub struct Device {
    make: Make,
    lights: Arc<Lights>,
    /// Its camera.
    pub camera: Camera,
    /// Its microphone.
    pub microphone: Microphone,
}

impl Device {
    /// A new one, lid open.
    pub fn new(make: Make) -> Self {
        Self {
            camera: Camera::new(&make.rates),
            microphone: Microphone::new(make.channels.unwrap_or(0)),
            lights: Arc::default(),
            make,
        }
    }

    /// Its lights, for whoever looks at it from outside.
    pub fn lights(&self) -> Arc<Lights> {
        self.lights.clone()
    }

    /// A control transfer: the setup packet and the bytes from the host. None for a stall.
    pub fn control(&mut self, setup: [u8; 8], data: &[u8]) -> Option<Vec<u8>> {
        let [
            kind,
            request,
            value_low,
            value_high,
            index_low,
            index_high,
            length_low,
            length_high,
        ] = setup;
        let (value, index) = ([value_low, value_high], u16::from_le_bytes([index_low, index_high]));
        let mut answer = match kind & 0x60 {
            0x00 => self.standard(request, value, index)?,
            0x20 => self.class(kind, request, value_high, index, data)?,
            _ => return None,
        };
        if kind & 0x80 != 0 {
            answer.truncate(usize::from(u16::from_le_bytes([length_low, length_high])));
        }
        Some(answer)
    }

    fn standard(&mut self, request: u8, [low, high]: [u8; 2], index: u16) -> Option<Vec<u8>> {
        match (request, high) {
            (GET_DESCRIPTOR, 1) => Some(descriptors::device(&self.make)),
            (GET_DESCRIPTOR, 2) => Some(descriptors::configuration(&self.make)),
            (GET_DESCRIPTOR, 3) => descriptors::string(&self.make, low),
            (GET_DESCRIPTOR, _) => None,
            (GET_STATUS, _) => Some(vec![0, 0]),
            (GET_CONFIGURATION, _) => Some(vec![1]),
            (GET_INTERFACE, _) => Some(vec![0]),
            (SET_INTERFACE, _) => {
                let on = low != 0;
                if self.make.camera && index == STREAMING {
                    self.lights.camera.store(on, Ordering::Relaxed);
                    self.camera.restart();
                } else if index == u16::from(self.make.audio_interface()) + 1 {
                    self.lights.microphone.store(on, Ordering::Relaxed);
                }
                Some(Vec::new())
            }
            _ => Some(Vec::new()),
        }
    }

    fn class(&mut self, kind: u8, request: u8, selector: u8, index: u16, data: &[u8]) -> Option<Vec<u8>> {
        let (unit, interface, selector) = (index >> 8, index & 0xff, u16::from(selector));
        if kind & 0x1f == 2 {
            // To an endpoint: the sampling rate, of which there is one.
            return Some(vec![0x80, 0xbb, 0x00]).map(|rate| if kind & 0x80 == 0 { Vec::new() } else { rate });
        }
        match interface {
            0 if self.make.camera => self.camera.control(request, unit, selector, data),
            STREAMING if self.make.camera => self.camera.streaming(request, selector, data),
            other if other == u16::from(self.make.audio_interface()) => {
                self.microphone.control(request, selector, data)
            }
            _ => None,
        }
    }

    /// What one packet of an isochronous endpoint carries.
    pub fn packet(&mut self, endpoint: u32, room: u32) -> Vec<u8> {
        match endpoint {
            VIDEO_ENDPOINT => self.camera.packet(room),
            AUDIO_ENDPOINT => self.microphone.packet(room),
            _ => Vec::new(),
        }
    }

    /// Moves the lid; what the camera says about it by interrupt (USB Video Class 1.1 §2.4.2.2): a control of unit 1 has a new
    /// value. None without a camera.
    pub fn shutter(&mut self, closed: bool) -> Option<[u8; 6]> {
        self.make.camera.then(|| {
            self.camera.shutter(closed);
            [1, 1, 0, PRIVACY as u8, 0, u8::from(closed)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(device: &mut Device, value: u16, length: u8) -> Option<Vec<u8>> {
        let [low, high] = value.to_le_bytes();
        device.control([0x80, GET_DESCRIPTOR, low, high, 0, 0, length, 0], &[])
    }

    #[test]
    fn no_more_is_answered_than_was_asked_for() {
        let mut device = Device::new(Make::room());
        assert_eq!(get(&mut device, 0x0100, 8).map(|bytes| bytes.len()), Some(8));
        assert_eq!(get(&mut device, 0x0200, 9).map(|bytes| bytes.len()), Some(9));
        assert_eq!(get(&mut device, 0x0f00, 9), None);
    }

    #[test]
    fn the_light_of_the_camera_is_on_while_its_streaming_interface_is() {
        let mut device = Device::new(Make::room());
        let lights = device.lights();
        for (setting, on) in [(1, true), (0, false)] {
            device
                .control([0x01, SET_INTERFACE, setting, 0, 1, 0, 0, 0], &[])
                .unwrap();
            assert_eq!(lights.camera.load(Ordering::Relaxed), on);
        }
        device.control([0x01, SET_INTERFACE, 1, 0, 3, 0, 0, 0], &[]).unwrap();
        assert!(lights.microphone.load(Ordering::Relaxed) && !lights.camera.load(Ordering::Relaxed));
    }

    #[test]
    fn a_device_without_a_camera_has_no_lid() {
        let make = Make {
            camera: false,
            ..Make::room()
        };
        assert_eq!(Device::new(make).shutter(true), None);
        assert!(Device::new(Make::room()).shutter(true).is_some());
    }
}
