//! The enrolment service.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use enrolment::folder::Folder;
use enrolment::registry::Registry;
use enrolment::service::{Offer, Powers, Service};
use enrolment::settings::Settings;
use fleet::link::{Identity, Limits, Target, Trust, context};
use jiff::Timestamp;
use rand::SeedableRng;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Takes boxes into the fleet: whose they are, where they stand, and their certificates.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// `enrolment.toml`, as `roomctl init` writes it
    #[arg(long, default_value = "enrolment.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("enrolment: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::load(&arguments.config)?;
    let folder = Folder::new(&settings.folder);
    let (key, chain) = folder.identity("people/enrolment")?;
    let authorities = folder.anchors("root.pem")?.roots().to_vec();
    let trust = Trust {
        authorities,
        clock_is_set: true,
    };
    let target = Target {
        endpoint: settings.broker.parse()?,
        tls: context(
            &Identity {
                chain,
                key: Arc::new(key),
            },
            &trust,
        )?,
        limits: Limits::default(),
    };
    let powers = Powers {
        makers: folder.anchors("makers.pem")?,
        boxes: folder.authority("boxes")?,
        signer: folder.signing("enrolment")?,
    };
    let offer = Offer {
        endpoints: settings.endpoints.clone(),
        trust: folder.trust()?,
        days: settings.certificate_days,
    };
    let registry = Registry::open(&settings.registry)?;
    let chance = rand::rngs::StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let service = Service::new(powers, offer, registry, chance, Timestamp::now());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (stop, stopped) = oneshot::channel();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = stop.send(());
        });
        enrolment::driver::run(service, target, "enrolment", stopped).await;
        Ok(())
    })
}
