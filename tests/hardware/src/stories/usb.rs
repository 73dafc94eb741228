//! The USB room device itself, through nothing but the kernel's drivers and their own tools: what the other stories rest on.

use std::time::Duration;

use super::{Evidence, ensure, plug, why};
use hardware_lab::lab::Lab;

const MOMENT: Duration = Duration::from_secs(120);

/// Bytes of one small picture, YUYV.
const PICTURE: usize = 320 * 180 * 2;

/// Samples a second of each channel.
const RATE: usize = 48_000;

/// Thirty pictures come whole, and each differs from the one before.
pub fn pictures(lab: &mut Lab) -> Evidence {
    plug::plug(lab, "room")?;
    let taken = take(lab, 30);
    plug::unplug(lab, "room")?;
    let (pictures, driver) = taken?;
    let still = pictures.windows(2).filter(|pair| pair[0] == pair[1]).count();
    ensure(still == 0, || {
        format!("{still} of {} pictures are the same as the one before", pictures.len())
    })?;
    Ok(format!(
        "{} pictures of 320x180 through {driver}, no two neighbours the same",
        pictures.len()
    ))
}

/// So many pictures, and the driver's name.
fn take(lab: &Lab, count: usize) -> Result<(Vec<Vec<u8>>, String), String> {
    let script = format!(
        "camera=$(echo {})
        timeout 100 v4l2-ctl -d $camera --set-fmt-video=width=320,height=180,pixelformat=YUYV --stream-mmap=4 \\
          --stream-count={count} --stream-to=/lab/pictures > /dev/null 2>&1
        v4l2-ctl -d $camera --info 2> /dev/null | sed -n 's/.*Driver name *: //p' | head -1",
        plug::CAMERA
    );
    let driver = lab.guest.must(&script, MOMENT).map_err(why)?.trim().to_owned();
    let bytes = std::fs::read(lab.share().join("pictures")).map_err(|error| format!("no pictures: {error}"))?;
    ensure(bytes.len() == count * PICTURE, || {
        format!("{} bytes came, {count} pictures have {}", bytes.len(), count * PICTURE)
    })?;
    ensure(driver == "uvcvideo", || format!("the driver is {driver}"))?;
    Ok((bytes.chunks(PICTURE).map(<[u8]>::to_vec).collect(), driver))
}

/// Channel n carries a tone of n hundred hertz, and no other channel does.
pub fn channels(lab: &mut Lab) -> Evidence {
    plug::plug(lab, "room")?;
    let recorded = record(lab, 8);
    plug::unplug(lab, "room")?;
    heard(&recorded?, 8)
}

/// An array that has two channels instead of eight has two for the kernel, and cannot be opened with eight.
pub fn two_channels(lab: &mut Lab) -> Evidence {
    plug::plug(lab, "microphone channels=2")?;
    let eight = record(lab, 8);
    let two = record(lab, 2);
    plug::unplug(lab, "microphone")?;
    ensure(eight.is_err(), || "eight channels could be recorded".into())?;
    Ok(format!("{}; eight are refused", heard(&two?, 2)?))
}

/// One second of so many channels, interleaved. The buffer is large, for the emulated processor may be away for long.
fn record(lab: &Lab, channels: usize) -> Result<Vec<i16>, String> {
    let script = format!(
        "timeout 100 arecord -q -D hw:{} -c {channels} -r {RATE} -f S16_LE -B 2000000 -F 100000 -d 1 -t raw /lab/sound",
        plug::ARRAY
    );
    lab.guest.must(&script, MOMENT).map_err(why)?;
    let bytes = std::fs::read(lab.share().join("sound")).map_err(|error| format!("no sound: {error}"))?;
    ensure(bytes.len() == RATE * channels * 2, || {
        format!("{} bytes came of one second", bytes.len())
    })?;
    Ok(bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect())
}

/// The tone of each channel, by how often it rises through zero in a second.
fn heard(samples: &[i16], channels: usize) -> Evidence {
    let tone = |channel: usize| {
        let one: Vec<i16> = samples.iter().skip(channel).step_by(channels).copied().collect();
        one.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count()
    };
    let tones: Vec<usize> = (0..channels).map(tone).collect();
    let right = tones
        .iter()
        .zip(1..)
        .all(|(tone, channel)| tone.abs_diff(channel * 100) <= 3);
    ensure(right, || {
        format!("the channels carry {tones:?} Hz, not a hundred each more than the one before")
    })?;
    Ok(format!("{channels} channels carry {tones:?} Hz"))
}

/// The camera says by itself that its lid has moved, and there is nothing to see behind it.
pub fn shutter(lab: &mut Lab) -> Evidence {
    plug::plug(lab, "camera")?;
    let told = closed(lab);
    plug::unplug(lab, "camera")?;
    told
}

fn closed(lab: &Lab) -> Evidence {
    // The event is waited for by a program of which nobody knows when it has begun to: the lid is told of until it has heard.
    let script = format!(
        "camera=$(echo {}); rm -f /run/event
        timeout 60 v4l2-ctl -d $camera --wait-for-event=ctrl=privacy > /run/event 2>&1 & waiter=$!
        while kill -0 $waiter 2> /dev/null; do hardware-guest say shutter closed > /dev/null; sleep 0.2; done
        wait $waiter || echo nothing was told; cat /run/event; v4l2-ctl -d $camera -C privacy 2> /dev/null",
        plug::CAMERA
    );
    let said = lab.guest.must(&script, MOMENT).map_err(why)?;
    ensure(said.contains("privacy: 1") && said.contains("value"), || said.clone())?;
    let (pictures, _) = take(lab, 3)?;
    // The first may have been on its way.
    let dark = pictures
        .iter()
        .skip(1)
        .all(|picture| picture.chunks_exact(2).all(|pixel| pixel[0] == 16));
    ensure(dark, || "something can be seen behind the lid".into())?;
    Ok("told by interrupt, read as 1, pictures are black".into())
}

/// Whoever streams from a camera that is pulled out gets an error and not a stall, and the camera is found again under its name.
pub fn pulled(lab: &mut Lab) -> Evidence {
    plug::plug(lab, "camera")?;
    let stream = format!(
        "rm -f /run/streaming; v4l2-ctl -d {} --set-fmt-video=width=320,height=180,pixelformat=YUYV --stream-mmap=4 \\
          --stream-count=100000 --stream-to=/run/streaming > /dev/null 2>&1",
        plug::CAMERA
    );
    let (ended, unplugged) = std::thread::scope(|scope| {
        let streaming = scope.spawn(|| lab.guest.run(&stream, MOMENT));
        let flowing = lab.until(&format!("[ $(stat -c %s /run/streaming) -gt {} ]", 5 * PICTURE), MOMENT);
        let unplugged = flowing.map_err(why).and_then(|_| plug::unplug(lab, "camera"));
        (streaming.join(), unplugged)
    });
    unplugged?;
    let ended = ended.map_err(|_| "the waiting thread died".to_owned())?.map_err(why)?;
    ensure(ended.code != 124, || {
        "whoever streamed has noticed nothing in two minutes".into()
    })?;
    lab.guest.must("rm -f /run/streaming", MOMENT).map_err(why)?;
    plug::plug(lab, "camera")?;
    let again = take(lab, 5);
    plug::unplug(lab, "camera")?;
    again.map(|_| "the stream ended, the node went, and it came back under the same link with pictures".into())
}
