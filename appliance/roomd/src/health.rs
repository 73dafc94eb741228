//! `roomd health`: asks the daemon on its control socket whether a meeting can be held. Opens no device, and reads nothing of the
//! box but the place of that socket.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use room::Language;
use serde::Deserialize;
use tokio::time::sleep;

use crate::{Failure, arguments::Health, configuration::Configuration, control};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// Asks until it is well, or the time is over. The exit code: 0, or 1.
///
/// # Errors
/// When the configuration cannot be used.
pub async fn run(health: &Health, language: Language) -> Result<u8, Failure> {
    let control = Configuration::read(&health.config)?.control;
    let control = control.ok_or("the configuration names no control socket: set control = \"/run/roomd/control\"")?;
    let end = Instant::now() + health.wait;
    loop {
        let found = look(&control).await;
        if matches!(found, Found::Well) || Instant::now() >= end {
            println!("{}", found.words(language));
            return Ok(u8::from(!matches!(found, Found::Well)));
        }
        sleep(PAUSE).await;
    }
}

/// What the daemon says.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Well,
    /// Nobody answers on this socket.
    Silent(PathBuf),
    /// The room is there, and no media worker.
    NoWorker,
}

impl Found {
    fn words(&self, language: Language) -> String {
        match (self, language) {
            (Self::Well, Language::French) => "Prêt : une réunion peut avoir lieu.".into(),
            (Self::Well, Language::English) => "Ready: a meeting can be held.".into(),
            (Self::Silent(control), Language::French) => format!(
                "Le service ne répond pas sur {}. Regardez : journalctl -u roomd",
                control.display()
            ),
            (Self::Silent(control), Language::English) => {
                format!("The daemon does not answer on {}. See: journalctl -u roomd", control.display())
            }
            (Self::NoWorker, Language::French) => {
                "Ni image ni son : le processus média ne démarre pas. Regardez : journalctl -u 'roomd-media@*' ; roomd check"
                    .into()
            }
            (Self::NoWorker, Language::English) => {
                "No picture and no sound: the media worker does not start. See: journalctl -u 'roomd-media@*'; roomd check"
                    .into()
            }
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    worker_running: bool,
}

async fn look(control: &Path) -> Found {
    match ask(control).await {
        Ok(state) if state.worker_running => Found::Well,
        Ok(_) => Found::NoWorker,
        Err(_) => Found::Silent(control.to_path_buf()),
    }
}

async fn ask(control: &Path) -> std::io::Result<State> {
    let line = control::say(control, r#"{"command":"state"}"#).await?;
    let answer: Answer = serde_json::from_str(&line)?;
    Ok(answer.state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    async fn found(answer: &'static str) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("control");
        let listener = UnixListener::bind(&control).unwrap();
        let daemon = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 19];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            asked
        });
        let found = look(&control).await;
        assert_eq!(&daemon.await.unwrap(), b"{\"command\":\"state\"}");
        match found {
            Found::Silent(_) => Found::Silent(PathBuf::new()),
            found => found,
        }
    }

    #[tokio::test]
    async fn a_room_without_its_worker_is_not_well_and_neither_is_one_that_says_nothing() {
        assert_eq!(
            found("{\"state\":{\"workerRunning\":true,\"more\":1}}\n").await,
            Found::Well
        );
        assert_eq!(found("{\"state\":{\"workerRunning\":false}}\n").await, Found::NoWorker);
        for nothing in ["", "\n", "{\"refused\":{\"reason\":\"the box is starting\"}}\n"] {
            assert_eq!(found(nothing).await, Found::Silent(PathBuf::new()), "{nothing:?}");
        }
        let nowhere = Path::new("/nonexistent/control");
        assert_eq!(look(nowhere).await, Found::Silent(nowhere.into()));
    }

    #[test]
    fn what_is_wrong_is_said_in_both_languages_with_what_to_do() {
        for found in [Found::Silent("/run/roomd/control".into()), Found::NoWorker] {
            for language in [Language::French, Language::English] {
                assert!(found.words(language).contains("journalctl"), "{found:?}");
            }
        }
    }
}
