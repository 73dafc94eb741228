//! An encoder in a meeting. It works in a pipeline of its own: what goes in is a picture, what comes out is one, and nothing else of it
//! reaches the session. So another one can take its place, and the far side sees no more than a pause and a key frame.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppLeakyType, AppSrc};
use media_protocol::{EncoderFailure, EncoderGivenUp};

use super::Encoders;
use super::catalogue::model;
use super::in_use::{InUse, Mark};
use super::instance::{Format, Instance, byte_stream, exit};
use super::judgement::Flaw;
use super::ladder::{Ladder, Step};
use super::look::{self, Look};
use super::rate_pace::RatePace;
use super::watchdog::Watchdog;
use crate::clock;
use crate::elements::{BuildError, chain};

/// Pictures that wait before an encoder; the oldest goes.
const WAITING: u64 = 2;
/// An encoder that does not hang ends within this.
const ENDS: Duration = Duration::from_millis(100);
/// Coded pictures that wait before the session.
const CODED: u64 = 30;

/// The encoder of one layer, whichever it is now. Dropping it ends it.
#[derive(Debug)]
pub struct Live {
    place: Place,
    ladder: Ladder,
    format: Format,
    /// bit/s.
    wanted: u32,
    running: Option<Running>,
    /// Hardware that is tried again works beside it, until it has shown that it does.
    next: Option<Running>,
    built: u64,
    in_use: InUse,
}

/// Where pictures go in and coded ones come out, whichever encoder is there.
#[derive(Debug, Clone)]
pub struct Place {
    inner: Arc<Mutex<Slots>>,
    /// Coded pictures come out of it, as a byte stream, with the time of their pictures.
    pub output: AppSrc,
}

/// Who encodes, and who is to.
#[derive(Debug, Default)]
struct Slots {
    now: Option<Encoder>,
    /// It has the same pictures, and takes over with the first that can be decoded alone.
    next: Option<Encoder>,
}

impl Slots {
    fn both(&mut self) -> impl Iterator<Item = &mut Encoder> {
        self.now.iter_mut().chain(&mut self.next)
    }
}

/// An encoder, as other threads see it.
#[derive(Debug)]
struct Encoder {
    number: u64,
    source: AppSrc,
    instance: Instance,
    watchdog: Watchdog,
    /// What it makes is looked at; the processor's is trusted.
    look: Option<Look>,
    failed: Option<EncoderFailure>,
}

#[derive(Debug)]
struct Running {
    number: u64,
    pipeline: gst::Pipeline,
    pace: RatePace,
    flaws: Vec<Flaw>,
    /// It is in use.
    mark: Option<Mark>,
}

impl Live {
    /// With the best of these encoders that can be built; pictures are of this format when they come in, and `bitrate` is bit/s.
    #[must_use]
    pub fn new(encoders: &Encoders, format: Format, bitrate: u32) -> Self {
        let now = Instant::now();
        let encoders = encoders.of_height(format.height);
        let output = AppSrc::builder()
            .caps(&byte_stream())
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(CODED)
            .max_bytes(0)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let inner = Arc::default();
        let mut live = Self {
            place: Place { inner, output },
            ladder: Ladder::new(encoders.steps, encoders.rest, now),
            format,
            wanted: bitrate,
            running: None,
            next: None,
            built: 0,
            in_use: encoders.in_use,
        };
        live.build(now, ENDS);
        live
    }

    /// Where pictures go in and coded ones come out.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The encoder that is used, or takes over soon.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        self.ladder.now()
    }

    /// These encoders are there from now on. Where the processor does the work, the best of them takes its place.
    pub fn set_encoders(&mut self, encoders: &Encoders, now: Instant) {
        let encoders = encoders.of_height(self.format.height);
        if encoders.have_hardware(now) && self.step().is_none_or(|step| !step.hardware) {
            self.ladder = Ladder::new(encoders.steps, encoders.rest, now);
            self.begin_beside(now);
        }
    }

    /// Another rate is wanted, bit/s. It is told the encoder when that is worth it.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        self.wanted = bitrate;
    }

    /// Looks after it; call it ten times a second. The encoder of before, if it was given up.
    pub fn tick(&mut self, now: Instant) -> Option<EncoderGivenUp> {
        if self.ladder.climb(now) {
            tracing::info!("encoders in hardware are tried again");
            self.begin_beside(now);
        }
        self.look_at_next(now);
        // Who is to take over does so soon, or not at all.
        let failed = self.next.is_none().then(|| self.place.check(now)).flatten();
        // Where nothing comes after it, one that does its work badly is better than one that begins again and again.
        let is_end = |failure| matches!(failure, EncoderFailure::Error | EncoderFailure::Silent);
        let failed = failed.filter(|(failure, _)| !self.ladder.is_last() || is_end(*failure));
        let given_up = failed.map(|(failure, has_begun)| self.give_up(failure, has_begun, now));
        self.follow_rate(now);
        given_up
    }

    /// `has_begun`: something had come out of it. A new instance of one that never began would not begin either.
    fn give_up(&mut self, failure: EncoderFailure, has_begun: bool, now: Instant) -> EncoderGivenUp {
        let name = |ladder: &Ladder| ladder.now().map(Step::to_string);
        let encoder = name(&self.ladder).unwrap_or_default();
        match has_begun {
            true => self.ladder.give_up(now),
            false => drop(self.ladder.pass_over(now)),
        }
        // One that hangs is not waited for.
        let ends = match failure {
            EncoderFailure::Silent => Duration::ZERO,
            _ => ENDS,
        };
        self.build(now, ends);
        let successor = name(&self.ladder).filter(|_| self.running.is_some());
        tracing::warn!(encoder, ?failure, successor, "the encoder is given up");
        EncoderGivenUp {
            encoder,
            failure,
            successor,
        }
    }

    fn follow_rate(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        if !running.pace.is_due(self.wanted, now) {
            return;
        }
        if running.flaws.contains(&Flaw::RateOfBeginning) {
            self.build(now, ENDS);
            return;
        }
        // Not while the place is held: what is set may go as far as a driver.
        let instance = self.place.with(|encoder| {
            encoder.watchdog.set_target(self.wanted);
            encoder.instance.clone()
        });
        instance.iter().for_each(|instance| instance.set_bitrate(self.wanted));
    }

    /// Puts the ladder's encoder into the place, or the first after it that can be built.
    /// `ends`: so long the one before is waited for.
    fn build(&mut self, now: Instant, ends: Duration) {
        self.end(ends);
        if let Some((running, encoder)) = self.first_built(now, |_| true) {
            self.place.lock().now = Some(encoder);
            self.running = Some(running);
        }
    }

    /// Puts the ladder's encoder in hardware beside the one that works; what does not begin to work takes nothing away.
    fn begin_beside(&mut self, now: Instant) {
        if let Some((running, encoder)) = self.first_built(now, |step| step.hardware) {
            self.place.lock().next = Some(encoder);
            self.next = Some(running);
        }
    }

    fn look_at_next(&mut self, now: Instant) {
        let Some(next) = &self.next else { return };
        if self.place.number() == Some(next.number) {
            let before = std::mem::replace(&mut self.running, self.next.take());
            drop(end(before));
        } else if self.place.next_fails(now) {
            tracing::warn!(encoder = ?self.step(), "it does not take over");
            drop(self.place.lock().next.take());
            drop(end(self.next.take()));
            self.ladder.pass_over(now);
            self.begin_beside(now);
        }
    }

    /// The ladder's encoder, or the first after it that can be built, while they are of this kind.
    fn first_built(&mut self, now: Instant, is_of_kind: impl Fn(&Step) -> bool) -> Option<(Running, Encoder)> {
        while let Some(step) = self.ladder.now().filter(|step| is_of_kind(step)).cloned() {
            self.built += 1;
            let mark = self.in_use.mark(&step);
            match Running::build(&step, self.format, self.wanted, self.built, &self.place) {
                Ok((mut running, encoder)) => {
                    running.mark = mark;
                    tracing::info!(encoder = step.encoder, path = step.path, "encoder");
                    return Some((running, encoder));
                }
                Err(error) => {
                    tracing::error!(encoder = step.encoder, path = step.path, %error, "the encoder cannot be built");
                    if !self.ladder.pass_over(now) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Some hardware has one encoder at a time: the one that works is waited for so long. Ended or not, it goes on.
    fn end(&mut self, ends: Duration) {
        *self.place.lock() = Slots::default();
        drop(end(self.next.take()));
        if let Some(ended) = end(self.running.take()) {
            let _ = ended.recv_timeout(ends);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The next session may want the same hardware.
        self.end(ENDS);
    }
}

/// One that hangs would hold up whoever ends it: a thread of its own does it, and says when.
fn end(running: Option<Running>) -> Option<Receiver<()>> {
    let running = running?;
    let (told, ended) = channel();
    let ends = move || {
        drop(running);
        // Nobody may wait for it.
        let _ = told.send(());
    };
    if let Err(error) = std::thread::Builder::new().name("encoder's end".into()).spawn(ends) {
        tracing::error!(%error, "an encoder could only be ended where it may hang");
    }
    Some(ended)
}

impl Encoder {
    /// A picture comes; where it goes.
    fn picture(&mut self, picture: &gst::Sample, now: Instant) -> AppSrc {
        self.look.iter_mut().for_each(|look| look.picture(picture));
        let full = self.source.current_level_buffers() >= WAITING;
        self.watchdog.picture(full, now);
        self.source.clone()
    }

    /// Why it is to be given up.
    fn check(&mut self, now: Instant) -> Option<EncoderFailure> {
        self.failed.or_else(|| self.watchdog.check(now))
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Encoder) -> T) -> Option<T> {
        self.lock().now.as_mut().map(act)
    }

    /// A picture goes in. It never waits.
    pub fn push(&self, picture: &gst::Sample) {
        let now = Instant::now();
        let sources: Vec<AppSrc> = self
            .lock()
            .both()
            .map(|encoder| encoder.picture(picture, now))
            .collect();
        for source in sources {
            // One that is being ended refuses.
            let _ = source.push_sample(picture);
        }
    }

    /// Which encoder works.
    fn number(&self) -> Option<u64> {
        self.with(|encoder| encoder.number)
    }

    /// Who is to take over will not.
    fn next_fails(&self, now: Instant) -> bool {
        let mut slots = self.lock();
        slots.next.as_mut().is_some_and(|next| next.check(now).is_some())
    }

    /// How a key frame is asked for. It does not hold the output, so that a pad of the output may keep it.
    pub fn asking(&self) -> impl Fn() + Send + Sync + use<> {
        let inner = self.inner.clone();
        move || {
            let mut slots = inner.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let instance = slots.now.as_mut().map(|encoder| {
                encoder.watchdog.key_asked(now);
                encoder.look.iter_mut().for_each(|look| look.key_asked(now));
                encoder.instance.clone()
            });
            drop(slots);
            instance.iter().for_each(Instance::ask_key);
        }
    }

    /// Why the encoder is to be given up, and whether anything had come out of it.
    fn check(&self, now: Instant) -> Option<(EncoderFailure, bool)> {
        let check = |encoder: &mut Encoder| Some((encoder.check(now)?, encoder.watchdog.has_begun()));
        self.with(check).flatten()
    }

    /// A coded picture of the encoder with that number came out, to be shown at that time.
    fn coded(&self, number: u64, buffer: &gst::BufferRef, at: gst::ClockTime) {
        let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let is = |encoder: &Encoder| encoder.number == number;
        let mut slots = self.lock();
        // What goes may not be given back while others wait for the slots.
        let next = slots.next.take_if(|next| key && is(next));
        let before = next.and_then(|next| slots.now.replace(next));
        let encoder = slots.now.as_mut().filter(|encoder| is(encoder));
        let is_its = encoder.is_some();
        let mut to_look_at = None;
        if let Some(encoder) = encoder {
            encoder.watchdog.coded(buffer.size(), key);
            let look = encoder.look.as_mut().filter(|_| key);
            to_look_at = look.and_then(|look| look.key(at, Instant::now()));
        }
        drop(slots);
        drop(before);
        if let Some(picture) = to_look_at {
            self.look_at(number, buffer, picture);
        }
        if is_its {
            let mut buffer = buffer.to_owned();
            let changed = buffer.make_mut();
            changed.set_pts(at);
            changed.set_dts(gst::ClockTime::NONE);
            // A session that ends refuses.
            let _ = self.output.push_buffer(buffer);
        }
    }

    /// Looks whether a key frame of the encoder with that number shows this picture, beside everything else.
    fn look_at(&self, number: u64, key: &gst::BufferRef, picture: gst::Sample) {
        let Ok(key) = key.map_readable().map(|key| key.to_vec()) else {
            return;
        };
        let place = self.clone();
        let looks = move || {
            if look::shows(key, &picture) == Some(false) {
                place.failed(number, EncoderFailure::Unfaithful);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("look".into()).spawn(looks) {
            tracing::warn!(%error, "nobody looks at what an encoder makes");
        }
    }

    fn failed(&self, number: u64, failure: EncoderFailure) {
        for encoder in self.lock().both().filter(|encoder| encoder.number == number) {
            encoder.failed.get_or_insert(failure);
        }
    }
}

impl Running {
    /// Builds it and starts it; what comes out of it goes to the place.
    fn build(
        step: &Step,
        format: Format,
        bitrate: u32,
        number: u64,
        place: &Place,
    ) -> Result<(Self, Encoder), BuildError> {
        let unknown = || BuildError::GStreamer(format!("no encoder {} by {}", step.encoder, step.path));
        let model = model(&step.encoder).ok_or_else(unknown)?;
        let path = model
            .paths
            .iter()
            .find(|path| path.name == step.path)
            .ok_or_else(unknown)?;
        let instance = Instance::build(model, path, format, bitrate, &step.flaws)?;
        let source = AppSrc::builder()
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(WAITING)
            .max_bytes(0)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let pipeline = gst::Pipeline::new();
        clock::synchronise(&pipeline);
        let told = place.clone();
        let sink = exit(move |buffer, at| {
            if let Some(at) = at {
                told.coded(number, buffer, at);
            }
            Ok(())
        });
        chain(
            &pipeline,
            &[source.upcast_ref(), instance.bin.upcast_ref(), sink.upcast_ref()],
        )?;
        let told = place.clone();
        if let Some(bus) = pipeline.bus() {
            bus.set_sync_handler(move |_, message| {
                if let gst::MessageView::Error(error) = message.view() {
                    tracing::warn!(error = %error.error(), debug = ?error.debug(), "the encoder fails");
                    told.failed(number, EncoderFailure::Error);
                }
                gst::BusSyncReply::Drop
            });
        }
        let now = Instant::now();
        let running = Self {
            number,
            pipeline,
            pace: RatePace::new(bitrate, now),
            flaws: step.flaws.clone(),
            mark: None,
        };
        running.pipeline.set_state(gst::State::Playing)?;
        let hears = !step.flaws.contains(&Flaw::NoKeyOnRequest);
        let encoder = Encoder {
            number,
            source,
            instance,
            watchdog: Watchdog::new(bitrate, hears, now),
            look: step.hardware.then(Look::default),
            failed: None,
        };
        Ok((running, encoder))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        // Not before it has ended.
        drop(self.mark.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now_ns;
    use crate::encoding::scene::Scene;
    use crate::encoding::trial::raw_caps;

    const FORMAT: Format = Format {
        width: 320,
        height: 180,
        pace: 30,
    };

    fn step(encoder: &str) -> Step {
        Step {
            encoder: encoder.into(),
            path: "planar".into(),
            hardware: encoder.starts_with("simulated"),
            flaws: Vec::new(),
            heights: vec![720, 360, 180],
        }
    }

    fn such(names: &[&str]) -> Encoders {
        Encoders {
            steps: names.iter().map(|name| step(name)).collect(),
            ..Encoders::default()
        }
    }

    /// A camera before it and somebody behind it.
    struct Meeting {
        live: Live,
        scene: Scene,
        number: u32,
        pipeline: gst::Pipeline,
        /// When a coded picture came, and whether it can be decoded alone.
        seen: Receiver<(Instant, bool)>,
    }

    impl Meeting {
        fn with(encoders: &[&str]) -> Self {
            gst::init().unwrap();
            let live = Live::new(&such(encoders), FORMAT, 300_000);
            let (told, seen) = channel();
            let sink = exit(move |buffer, _| {
                let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                told.send((Instant::now(), key)).unwrap();
                Ok(())
            });
            let pipeline = gst::Pipeline::new();
            clock::synchronise(&pipeline);
            chain(&pipeline, &[live.place().output.upcast_ref(), sink.upcast_ref()]).unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            Self {
                live,
                scene: Scene::new(FORMAT.width, FORMAT.height),
                number: 0,
                pipeline,
                seen,
            }
        }

        /// Films for so long; why encoders were given up meanwhile.
        fn films(&mut self, time: Duration) -> Vec<EncoderFailure> {
            let caps = raw_caps(FORMAT);
            let (end, mut given_up) = (Instant::now() + time, Vec::new());
            while Instant::now() < end {
                let mut buffer = gst::Buffer::from_slice(self.scene.picture(self.number));
                buffer.make_mut().set_pts(gst::ClockTime::from_nseconds(now_ns()));
                self.live
                    .place()
                    .push(&gst::Sample::builder().buffer(&buffer).caps(&caps).build());
                self.number += 1;
                given_up.extend(self.live.tick(Instant::now()).map(|given_up| given_up.failure));
                std::thread::sleep(Duration::from_millis(33));
            }
            given_up
        }

        fn seen(&self) -> Vec<(Instant, bool)> {
            self.seen.try_iter().collect()
        }
    }

    impl Drop for Meeting {
        fn drop(&mut self) {
            let _ = self.pipeline.set_state(gst::State::Null);
        }
    }

    #[test]
    fn one_that_hangs_is_followed_by_another_that_begins_with_a_key_frame() {
        let mut meeting = Meeting::with(&["simulated-hangs", "x264enc"]);
        let (mut given_up, mut seen) = (Vec::new(), Vec::new());
        let end = Instant::now() + Duration::from_secs(60);
        let uses = |meeting: &Meeting| meeting.live.step().map(|step| step.encoder.clone()).unwrap_or_default();
        while (uses(&meeting) != "x264enc" || seen.len() < 60) && Instant::now() < end {
            given_up.extend(meeting.films(Duration::from_millis(500)));
            seen.extend(meeting.seen());
        }
        assert!(
            given_up.starts_with(&[EncoderFailure::Silent, EncoderFailure::Silent]),
            "{given_up:?}"
        );
        assert_eq!(uses(&meeting), "x264enc");
        let pause = seen.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        println!("longest pause: {pause:?}");
        let keys = seen.iter().filter(|(_, key)| *key).count();
        assert!(keys >= 3, "{keys} key frames of three encoders");
    }

    #[test]
    fn hardware_that_is_tried_again_takes_over_without_a_pause_or_takes_nothing_away() {
        let later = || Instant::now() + Duration::from_secs(3_600);
        let mut meeting = Meeting::with(&["simulated-fails-later", "x264enc"]);
        let (mut given_up, end) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        while given_up.len() < 2 && Instant::now() < end {
            given_up.extend(meeting.films(Duration::from_millis(500)));
        }
        assert!(
            given_up.len() == 2 && given_up.contains(&EncoderFailure::Error),
            "{given_up:?}"
        );
        meeting.films(Duration::from_secs(1));
        meeting.seen();
        assert!(meeting.live.tick(later()).is_none(), "hardware is tried again");
        assert!(meeting.live.next.is_some() && meeting.live.running.is_some());
        meeting.films(Duration::from_secs(1));
        assert!(meeting.live.next.is_none(), "it has taken over");
        let seen = meeting.seen();
        assert_eq!(seen.iter().filter(|(_, key)| *key).count(), 1);
        let pause = seen.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        println!("longest pause: {pause:?}");
        assert!(pause.is_some_and(|pause| pause < Duration::from_secs(1)), "{pause:?}");

        let mut meeting = Meeting::with(&["x264enc"]);
        meeting.films(Duration::from_secs(1));
        let begun = Instant::now();
        meeting
            .live
            .set_encoders(&such(&["simulated-silent", "x264enc"]), begun);
        assert!(meeting.live.next.is_some());
        meeting.seen();
        meeting.films(Duration::from_secs(3));
        assert!(meeting.live.next.is_none());
        assert_eq!(meeting.live.step().map(|step| step.encoder.as_str()), Some("x264enc"));
        let seen = meeting.seen();
        assert!(
            seen.len() > 30 && seen.iter().all(|(_, key)| !key),
            "nobody has noticed"
        );
    }

    #[test]
    fn one_that_does_not_keep_up_is_given_up() {
        let mut meeting = Meeting::with(&["simulated-slow-later", "x264enc"]);
        let (mut given_up, end) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        while given_up.is_empty() && Instant::now() < end {
            given_up.extend(meeting.films(Duration::from_millis(500)));
        }
        assert_eq!(given_up, [EncoderFailure::Full]);
    }

    #[test]
    fn one_that_does_not_hear_is_given_up_when_it_was_asked_in_vain_twice() {
        let mut meeting = Meeting::with(&["simulated-deaf", "x264enc"]);
        let mut given_up = Vec::new();
        for _ in 0..10 {
            meeting.live.place().asking()();
            given_up.extend(meeting.films(Duration::from_millis(600)));
        }
        assert!(given_up.contains(&EncoderFailure::Deaf), "{given_up:?}");
        assert_eq!(
            meeting.live.step().map(|step| step.encoder.as_str()),
            Some("x264enc"),
            "{given_up:?}"
        );
        meeting.seen();
        meeting.live.place().asking()();
        meeting.films(Duration::from_millis(600));
        assert!(meeting.seen().iter().any(|(_, key)| *key), "this one hears");
    }

    #[test]
    fn one_whose_pictures_show_something_else_is_given_up_and_one_that_is_asked_as_often_is_not() {
        let (mut garbage, mut good) = (
            Meeting::with(&["simulated-garbage-later", "x264enc"]),
            Meeting::with(&["simulated-begins-anew", "x264enc"]),
        );
        let (mut given_up, end) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        while given_up.len() < 2 && Instant::now() < end {
            for meeting in [&garbage, &good] {
                meeting.live.place().asking()();
            }
            given_up.extend(garbage.films(Duration::from_millis(300)));
            assert_eq!(good.films(Duration::from_millis(300)), []);
        }
        assert_eq!(given_up, [EncoderFailure::Unfaithful; 2]);
        assert_eq!(garbage.live.step().map(|step| step.encoder.as_str()), Some("x264enc"));
    }

    #[test]
    fn what_cannot_be_built_is_passed_over_and_without_any_there_is_silence() {
        let mut meeting = Meeting::with(&["simulated-broken-path", "no-such-encoder", "x264enc"]);
        assert_eq!(
            meeting.live.step().map(|step| step.encoder.as_str()),
            Some("simulated-broken-path"),
            "by its other way"
        );
        meeting.films(Duration::from_secs(1));
        assert!(meeting.seen().len() > 5);
        let mut meeting = Meeting::with(&["no-such-encoder"]);
        assert_eq!(meeting.films(Duration::from_millis(300)), []);
        assert_eq!(meeting.seen(), []);
    }
}
