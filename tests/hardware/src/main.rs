//! `cargo lab hardware`.

#![forbid(unsafe_code)]

mod stories;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use hardware_lab::image::Image;
use hardware_lab::lab::Lab;
use hardware_lab::report::{BootFigures, ImageFigures, Report, Told};
use hardware_lab::{Error, Result, missing};
use stories::{STORIES, Story};

/// A script by hand may take so long.
const BY_HAND: Duration = Duration::from_secs(600);

/// The box's own binaries, units and rules in a virtual machine with real kernel devices, and the stories told there.
#[derive(Debug, Parser)]
#[command(name = "cargo lab hardware")]
struct Arguments {
    /// The long stories too.
    #[arg(long)]
    all: bool,
    /// Write what was seen there, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Only stories whose name contains this, or one of these.
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Tell no story: run this script in the guest, as root, and show what it says.
    #[arg(long, value_name = "SCRIPT", conflicts_with_all = ["all", "only"])]
    run: Option<String>,
    /// Make the image again, even if it is there.
    #[arg(long)]
    again: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    let told = tell(&arguments, &mut report);
    if let Err(error) = &told {
        eprintln!("error: {error}");
    }
    let written = arguments.report.as_deref().map_or(Ok(()), |file| report.write(file));
    if let Err(error) = &written {
        eprintln!("error: {error}");
    }
    match report.stories.iter().all(|story| story.ok) && told.is_ok() && written.is_ok() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn tell(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let image = match missing::missing() {
        Some(reason) => Err(reason),
        None => match Image::ensure(arguments.again) {
            Err(error @ Error::Unreachable(_)) => Err(error.to_string()),
            other => Ok(other?),
        },
    };
    let image = match image {
        Ok(image) => image,
        Err(reason) => {
            println!("skipped: hardware: {reason}");
            report.skipped = Some(reason);
            return Ok(());
        }
    };
    println!("image: {}, kernel {}", image.folder.display(), image.kernel());
    report.image = Some(ImageFigures {
        kernel: image.kernel(),
        made_in_seconds: image.made_in.map(|time| time.as_secs_f64()),
    });
    if let Some(script) = &arguments.run {
        let (lab, boot) = power(image)?;
        report.boot = Some(boot);
        let answer = lab.guest.run(script, BY_HAND)?;
        println!("{}\nended with {}", answer.output.trim_end(), answer.code);
        return Ok(());
    }
    let only = &arguments.only;
    let wanted = |story: &&Story| {
        let named = only.is_empty() || only.iter().any(|part| story.name.contains(part));
        named && (story.fast || arguments.all)
    };
    let (apart, together): (Vec<_>, Vec<_>) = STORIES.iter().filter(wanted).partition(|story| story.restarts);
    let image = &image;
    let machines: Vec<_> = thread::scope(|scope| {
        let wanted = [together, apart].into_iter().filter(|stories| !stories.is_empty());
        let machines: Vec<_> = wanted
            .map(|stories| scope.spawn(move || tell_in_a_machine(image.clone(), &stories)))
            .collect();
        machines.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for machine in machines {
        let (boot, told) = machine.map_err(|_panic| Error::io("the stories")(std::io::Error::other("a panic")))??;
        report.boot.get_or_insert(boot);
        report.stories.extend(told);
    }
    let failed = report.stories.iter().filter(|story| !story.ok).count();
    let passed = report.stories.len() - failed;
    println!(
        "test result: {}. {passed} passed; {failed} failed",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    Ok(())
}

/// A fresh guest, when every unit of it has started.
fn power(image: Image) -> Result<(Lab, BootFigures)> {
    let lab = Lab::power(image)?;
    let boot = stories::until_ready(&lab)?;
    println!(
        "boot: {:.0} s; QEMU worked {:.0} s, the guest's programs {:.1} s, its kernel {:.1} s",
        boot.wall_seconds, boot.qemu_cpu_seconds, boot.user_cpu_seconds, boot.system_cpu_seconds
    );
    Ok((lab, boot))
}

/// Tells these one after the other.
fn tell_in_a_machine(image: Image, stories: &[&Story]) -> Result<(BootFigures, Vec<Told>)> {
    let (mut lab, boot) = power(image)?;
    let tell = |story: &&Story| {
        let told = story.tell(&mut lab);
        // As the test runner of cargo says it, which `cargo lab test` counts.
        println!(
            "test {} ... {}\n  {:.1} s: {}",
            told.name,
            if told.ok { "ok" } else { "FAILED" },
            told.seconds,
            told.evidence.replace('\n', "\n  ")
        );
        told
    };
    Ok((boot, stories.iter().map(tell).collect()))
}
