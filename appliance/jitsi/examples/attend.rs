//! Attends a conference without any media and prints what happens, to look at a deployment:
//! `cargo run -p jitsi --example attend -- URL [SECONDS] [PASSWORD]`.
//!
//! The transport is described with credentials that nobody listens to: the focus sees a participant, the bridge never
//! hears one.

use std::time::{Duration, Instant};

use media_protocol::{Fingerprint, LocalDescription, SessionEvent};
use room::conference::{ConferenceCommand, ConferenceEvent, JoinRequest, Muted, Sources};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else {
        eprintln!("attend URL [SECONDS] [PASSWORD]");
        std::process::exit(2);
    };
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(10);
    let password = arguments.next();
    let mut handle = jitsi::spawn(jitsi::Options::default());
    let request = JoinRequest {
        url,
        name: "Attendant".into(),
        password,
        token: None,
        muted: Muted {
            audio: true,
            video: true,
        },
        sources: Sources::BOTH,
    };
    let start = Instant::now();
    let _ = handle.commands.send(ConferenceCommand::Join(Box::new(request))).await;
    let over = tokio::time::sleep(Duration::from_secs(seconds));
    tokio::pin!(over);
    let mut leaving = false;
    loop {
        tokio::select! {
            event = handle.events.recv() => {
                let Some(event) = event else { break };
                println!("{:6} ms {event:?}", start.elapsed().as_millis());
                match event {
                    ConferenceEvent::Session(Some(plan)) => {
                        let description = SessionEvent::LocalDescription(nobody());
                        let _ = handle.commands.send(ConferenceCommand::Media(plan.id, description)).await;
                    }
                    ConferenceEvent::Ended(_) => break,
                    _ => {}
                }
            }
            () = &mut over, if !leaving => {
                leaving = true;
                println!("{:6} ms leaving", start.elapsed().as_millis());
                let _ = handle.commands.send(ConferenceCommand::Leave).await;
            }
        }
    }
}

fn nobody() -> LocalDescription {
    let value = ["AB"; 32].join(":");
    LocalDescription {
        ufrag: "nobody".into(),
        pwd: "nobodylistenstothisone0".into(),
        fingerprint: Fingerprint {
            hash: "sha-256".into(),
            value,
            setup: "active".into(),
        },
    }
}
