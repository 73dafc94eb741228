//! All trials of a machine. Each runs in a process of its own, for an encoder may hang it or bring it down; what came of it is remembered
//! until something changes that could change it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path as File, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use super::catalogue::{MODELS, Model, NEVER_TRIED, Path, of_other_devices};
use super::judgement::{Refusal, Seen, Verdict, judge};
use super::ladder::Step;
use super::simulated::SIMULATED;
use super::trial::{Job, LAYERS};
use crate::elements;

/// A trial ends by itself in less than three seconds; on a busy machine in more.
const DEADLINE: Duration = Duration::from_secs(15);
/// One that was killed is waited for so long.
const KILLED: Duration = Duration::from_secs(1);
/// Largest answer of a trial.
const ANSWER: u64 = 256 * 1024;
/// Largest file of verdicts, and most of them.
const STORE: u64 = 256 * 1024;
const REMEMBERED: usize = 64;
/// Names of simulated encoders that this machine is to have, between commas.
pub const SIMULATED_VARIABLE: &str = "ROOMD_SIMULATED_ENCODERS";

/// What may be the machine's fault is found so often before it is believed.
const STRIKES: u32 = 3;
/// A machine that went down in a trial is put to it once more.
const FATAL: u32 = 2;
/// Verdicts are in this file of the folder.
const FILE: &str = "encoders.json";

/// An encoder by one way in, and what to think of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// Name of the model.
    pub encoder: String,
    /// Name of the way in.
    pub path: String,
    /// The work is done elsewhere than in the processor.
    pub hardware: bool,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// It is not of now.
    pub remembered: bool,
}

/// What is known of earlier trials.
#[derive(Debug, Default)]
pub struct Store {
    file: Option<PathBuf>,
    kept: Kept,
    boot: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kept {
    verdicts: BTreeMap<String, Known>,
    pending: Option<Pending>,
}

/// What is being tried. Whoever finds it here after another start of the machine has found what brought it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    key: String,
    /// The kernel's word for the start of the machine.
    boot: String,
}

/// A verdict, and how often it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    verdict: Verdict,
    times: u32,
}

impl Known {
    /// Nothing else would come of another trial.
    fn is_final(&self) -> bool {
        match &self.verdict {
            // Somebody may have switched it off.
            Verdict::Refused {
                refusal: Refusal::Fatal,
            } => self.times >= FATAL,
            Verdict::Refused { refusal } => !refusal.may_be_the_machine() || self.times >= STRIKES,
            Verdict::Passed { .. } => true,
        }
    }
}

impl Store {
    /// In this folder; none: nothing is remembered.
    #[must_use]
    pub fn open(folder: Option<&File>) -> Self {
        Self::open_after(&boot(), folder)
    }

    /// After this start of the machine.
    fn open_after(boot: &str, folder: Option<&File>) -> Self {
        let file = folder.map(|folder| folder.join(FILE));
        let mut kept = file.as_deref().and_then(read).unwrap_or_default();
        // A worker that was ended meanwhile is no fault of the encoder's.
        if let Some(Pending { key, .. }) = kept.pending.take().filter(|pending| pending.boot != boot) {
            let refusal = Refusal::Fatal;
            let verdict = Verdict::Refused { refusal };
            let before = kept.verdicts.get(&key).filter(|known| known.verdict == verdict);
            let times = before.map_or(0, |known| known.times) + 1;
            kept.verdicts.insert(key, Known { verdict, times });
        }
        let boot = boot.to_owned();
        Self { file, kept, boot }
    }

    fn write(&self) {
        let Some(file) = &self.file else { return };
        let partial = file.with_extension("partial");
        let written = serde_json::to_vec(&self.kept)
            .map_err(std::io::Error::from)
            .and_then(|bytes| std::fs::write(&partial, bytes))
            // A machine that hangs in the trial must find on its disk what was tried.
            .and_then(|()| std::fs::File::open(&partial)?.sync_all())
            .and_then(|()| std::fs::rename(&partial, file))
            .and_then(|()| std::fs::File::open(file.parent().unwrap_or(file))?.sync_all());
        if let Err(error) = written {
            tracing::warn!(%error, "what was seen of encoders is not remembered");
        }
    }

    fn begin(&mut self, key: &str) {
        self.kept.pending = Some(Pending {
            key: key.to_owned(),
            boot: self.boot.clone(),
        });
        self.write();
    }

    fn end(&mut self, key: String, verdict: &Verdict) {
        if self.kept.verdicts.len() >= REMEMBERED {
            self.kept.verdicts.clear();
        }
        let before = self
            .kept
            .verdicts
            .get(&key)
            .filter(|known| known.verdict.is_like(verdict));
        let known = Known {
            verdict: verdict.clone(),
            times: before.map_or(0, |known| known.times) + 1,
        };
        self.kept.pending = None;
        self.kept.verdicts.insert(key, known);
        self.write();
    }

    fn verdict(&self, key: &str) -> Option<Verdict> {
        let known = self.kept.verdicts.get(key).filter(|known| known.is_final());
        known.map(|known| known.verdict.clone())
    }
}

/// The kernel's word for this start of the machine.
pub(super) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

fn read(file: &File) -> Option<Kept> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .ok()?
        .take(STORE)
        .read_to_end(&mut bytes)
        .ok()?;
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(%error, "what was seen of encoders cannot be read"))
        .ok()
}

/// What is to be tried on this machine: every encoder in hardware that GStreamer has, by each of its ways in, but for those that hang
/// a board. Encoders of the processor are what a box falls back to, and are taken as they are.
#[must_use]
pub fn candidates() -> Vec<(&'static Model, &'static Path)> {
    let board = std::fs::read("/proc/device-tree/compatible").unwrap_or_default();
    let board: Vec<&[u8]> = board.split(|byte| *byte == 0).collect();
    let never = |model: &Model| {
        let hangs = |(word, name): &&(&str, &str)| *name == model.name && board.contains(&word.as_bytes());
        NEVER_TRIED.iter().any(|one| hangs(&one))
    };
    if elements::h264_decoder().is_none() {
        tracing::info!("no encoder is tried, for there is no decoder to judge by");
        return Vec::new();
    }
    let simulated = std::env::var(SIMULATED_VARIABLE).unwrap_or_default();
    let wanted: Vec<&str> = simulated.split(',').collect();
    MODELS
        .iter()
        .chain(of_other_devices())
        .chain(SIMULATED.iter().filter(|model| wanted.contains(&model.name)))
        .filter(|model| model.hardware && !never(model) && elements::has(model.factory))
        .flat_map(|model| model.paths.iter().map(move |path| (model, path)))
        .collect()
}

/// Pictures a second of a trial.
const PACE: u32 = 30;

/// Tries everything that is to be had here, as far as it is not remembered in this folder. `tell` hears before each trial.
#[must_use]
pub fn all(program: &File, folder: Option<&File>, tell: impl Fn(&Model, &Path)) -> Vec<Tried> {
    let mut store = Store::open(folder);
    let one = |(model, path): (&Model, &Path)| {
        let job = Job {
            encoder: model.name.into(),
            path: path.name.into(),
            pace: PACE,
            layers: LAYERS.to_vec(),
        };
        tried(program, &mut store, (model, path), &job, || tell(model, path))
    };
    candidates().into_iter().map(one).collect()
}

/// Where what was seen of encoders is remembered: the folder that systemd keeps for this process, or a user's own; none: nowhere.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let named = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let own = || {
        let cache = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))?;
        let folder = cache.join("roomd-media");
        std::fs::create_dir_all(&folder).ok().map(|()| folder)
    };
    named("CACHE_DIRECTORY").or_else(own)
}

/// Tries one by `program` (`roomd-media`), or remembers it. `tell` hears before a trial begins.
pub fn tried(
    program: &File,
    store: &mut Store,
    (model, path): (&Model, &Path),
    job: &Job,
    tell: impl FnOnce(),
) -> Tried {
    let key = key(model, job);
    let known = store.verdict(&key);
    let remembered = known.is_some();
    let verdict = known.unwrap_or_else(|| {
        tell();
        store.begin(&key);
        let verdict = in_its_own_process(program, job);
        store.end(key, &verdict);
        verdict
    });
    Tried {
        encoder: model.name.into(),
        path: path.name.into(),
        hardware: model.hardware,
        verdict,
        remembered,
    }
}

/// Encoders of the processor that GStreamer has, the better first: what is used where no other is.
#[must_use]
pub fn software() -> Vec<Step> {
    let has = |model: &&Model| !model.hardware && elements::has(model.factory);
    let step = |model: &Model| Step {
        encoder: model.name.into(),
        path: model.paths.first().map_or_else(String::new, |path| path.name.into()),
        hardware: false,
        flaws: Vec::new(),
        heights: Vec::new(),
    };
    MODELS.iter().filter(has).map(step).collect()
}

/// What to use, in its order: of what has passed hardware first, then the fewest flaws, then the least work; at last the processor.
#[must_use]
pub fn ladder(tried: &[Tried]) -> Vec<Step> {
    let mut passed: Vec<_> = tried
        .iter()
        .filter_map(|one| match &one.verdict {
            Verdict::Passed {
                flaws,
                processor_us,
                heights,
            } => {
                let step = Step {
                    encoder: one.encoder.clone(),
                    path: one.path.clone(),
                    hardware: one.hardware,
                    flaws: flaws.clone(),
                    heights: heights.clone(),
                };
                Some(((!one.hardware, flaws.len(), *processor_us), step))
            }
            Verdict::Refused { .. } => None,
        })
        .collect();
    passed.sort_by_key(|(rank, _)| *rank);
    passed.into_iter().map(|(_, step)| step).chain(software()).collect()
}

/// Everything that could change a verdict: the job, how the encoder is treated, the kernel and what it was told, the image with its
/// drivers and firmware, GStreamer and the plugin.
fn key(model: &Model, job: &Job) -> String {
    let of = |path: &str| std::fs::read(path).unwrap_or_default();
    let plugin = gst::ElementFactory::find(model.factory).and_then(|factory| factory.plugin());
    let plugin = plugin.and_then(|plugin| plugin.filename()).map(std::fs::read);
    let plugin = sha256(&plugin.and_then(Result::ok).unwrap_or_default());
    let job = serde_json::to_vec(job).unwrap_or_default();
    let all = [
        job,
        format!("{model:?}").into_bytes(),
        of("/proc/sys/kernel/osrelease"),
        of("/proc/cmdline"),
        of("/etc/os-release"),
        gst::version_string().as_bytes().to_vec(),
        plugin.to_vec(),
    ];
    sha256(&all.join(&0))
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn in_its_own_process(program: &File, job: &Job) -> Verdict {
    let hangs = Verdict::Refused {
        refusal: Refusal::Hangs,
    };
    let seen = answer(program, job, DEADLINE)
        .inspect_err(|error| tracing::warn!(encoder = job.encoder, path = job.path, %error, "a trial has no end"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Vec<Seen>>(&bytes).ok());
    seen.map_or(hangs, |seen| judge(&seen))
}

/// What the process of a trial says.
fn answer(program: &File, job: &Job, limit: Duration) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(["--trial", &serde_json::to_string(job)?])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            // What could be read is what there is.
            let _read = output.take(ANSWER).read_to_end(&mut bytes);
        }
        bytes
    });
    if until_it_ends(&mut child, limit)? {
        return Ok(reader.join().unwrap_or_default());
    }
    // Fails only when it has ended. One that a driver does not let go is left behind.
    let _killed = child.kill();
    let _ended = until_it_ends(&mut child, KILLED);
    Err(std::io::ErrorKind::TimedOut.into())
}

/// False: it does not, in time.
fn until_it_ends(child: &mut Child, limit: Duration) -> std::io::Result<bool> {
    let deadline = Instant::now() + limit;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::judgement::Flaw;

    fn one(encoder: &str, hardware: bool, flaws: &[Flaw], processor_us: u64) -> Tried {
        Tried {
            encoder: encoder.into(),
            path: "system".into(),
            hardware,
            verdict: Verdict::Passed {
                flaws: flaws.to_vec(),
                processor_us,
                heights: vec![720, 360, 180],
            },
            remembered: false,
        }
    }

    #[test]
    fn few_flaws_go_before_little_work_and_the_processor_is_last() {
        gst::init().unwrap();
        let named = |tried: &[Tried]| ladder(tried).into_iter().map(|step| step.encoder).collect::<Vec<_>>();
        let processor = named(&[]);
        assert!(processor.iter().any(|name| name == "x264enc"), "{processor:?}");
        let refused = Tried {
            verdict: Verdict::Refused {
                refusal: Refusal::Hangs,
            },
            ..one("va", true, &[], 1)
        };
        let late = one("v4l2", true, &[Flaw::Late], 100);
        let slower = one("mpp", true, &[], 900);
        let good = one("qsv", true, &[], 800);
        let names = named(&[refused, late, slower, good]);
        assert_eq!(names[..3], ["qsv", "mpp", "v4l2"]);
        assert_eq!(names[3..], processor);
        let first = &ladder(&[one("v4l2", true, &[Flaw::Late], 1)])[0];
        assert_eq!(
            (first.flaws.as_slice(), first.heights.len()),
            ([Flaw::Late].as_slice(), 3)
        );
    }

    #[test]
    fn what_was_being_tried_when_the_machine_went_down_is_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Some(folder.path());
        let mut store = Store::open_after("first", folder);
        store.begin("a");
        for _ in 0..3 {
            let worker = Store::open_after("first", folder);
            assert_eq!(worker.kept.verdicts, BTreeMap::new(), "the machine is up");
        }
        let mut store = Store::open_after("second", folder);
        assert_eq!(store.verdict("a"), None, "that may have been the switch");
        store.begin("a");
        let store = Store::open_after("third", folder);
        let refusal = Refusal::Fatal;
        assert_eq!(store.verdict("a"), Some(Verdict::Refused { refusal }));
        assert_eq!(store.kept.pending, None);
    }

    #[test]
    fn what_may_be_the_machines_fault_is_believed_when_it_was_found_three_times() {
        let mut store = Store::open(None);
        let late = Verdict::Refused {
            refusal: Refusal::TooLate,
        };
        for _ in 0..2 {
            store.end("a".into(), &late);
            assert_eq!(store.verdict("a"), None);
        }
        for coded in [40, 39, 41] {
            let refusal = Refusal::Loses { coded };
            store.end("c".into(), &Verdict::Refused { refusal });
        }
        assert!(store.verdict("c").is_some(), "whatever was lost each time");
        store.end("a".into(), &late);
        assert_eq!(store.verdict("a"), Some(late));
        let refusal = Refusal::Unfaithful;
        store.end("b".into(), &Verdict::Refused { refusal });
        assert!(store.verdict("b").is_some(), "that is no matter of time");
    }

    #[test]
    fn verdicts_are_remembered_and_a_file_of_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let passed = one("x264enc", false, &[Flaw::Late], 7).verdict;
        let mut store = Store::open(Some(folder.path()));
        store.begin("a");
        store.end("a".into(), &passed);
        assert_eq!(Store::open(Some(folder.path())).verdict("a"), Some(passed));
        std::fs::write(folder.path().join(FILE), "{\"verdicts\":7}").unwrap();
        assert!(Store::open(Some(folder.path())).kept.verdicts.is_empty());
        assert!(Store::open(None).kept.verdicts.is_empty());
    }
}
