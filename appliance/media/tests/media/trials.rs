//! Trials of encoders in processes of their own.

use std::path::{Path, PathBuf};

use media::encoding::catalogue::model;
use media::encoding::judgement::{Refusal, Verdict};
use media::encoding::trial::{Job, LAYERS};
use media::encoding::trials::{Store, Tried, tried};

fn worker() -> PathBuf {
    env!("CARGO_BIN_EXE_roomd-media").into()
}

fn try_one(program: &Path, store: &mut Store, encoder: &str) -> (Tried, bool) {
    gstreamer::init().unwrap();
    let model = model(encoder).unwrap();
    let job = Job {
        encoder: encoder.into(),
        path: model.paths[0].name.into(),
        pace: 30,
        layers: LAYERS[2..].to_vec(),
    };
    let mut said = false;
    let one = tried(program, store, (model, &model.paths[0]), &job, || said = true);
    (one, said)
}

#[test]
fn what_was_tried_is_remembered_also_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let now = || try_one(&worker(), &mut Store::open(Some(folder.path())), "x264enc");
    // A busy machine is given another try, as a box gives it.
    let passes =
        |(one, said): &(Tried, bool)| *said && !one.remembered && matches!(one.verdict, Verdict::Passed { .. });
    let first = (0..3).map(|_| now()).find(passes);
    let (first, _) = first.expect("it passes");
    let (again, said) = try_one(&worker(), &mut Store::open(Some(folder.path())), "x264enc");
    assert!(!said && again.remembered && again.verdict == first.verdict, "{again:?}");
}

#[test]
fn an_encoder_that_hangs_or_aborts_is_refused_and_harms_nobody_else() {
    for encoder in ["simulated-hangs", "simulated-aborts"] {
        let (one, _) = try_one(&worker(), &mut Store::open(None), encoder);
        let refusal = Refusal::Hangs;
        assert_eq!(one.verdict, Verdict::Refused { refusal }, "{encoder}");
    }
    let (none, _) = try_one(Path::new("/there/is/no/worker"), &mut Store::open(None), "x264enc");
    let refusal = Refusal::Hangs;
    assert_eq!(none.verdict, Verdict::Refused { refusal });
}
