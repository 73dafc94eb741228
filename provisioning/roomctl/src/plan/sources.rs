//! Secrets in a folder of YAML: where each is to be had, never what it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::contract::{MAX_SECRET, SecretName};
use serde::Deserialize;

use super::PlanError;
use crate::secrets::{Hidden, Wanted};

/// `secrets` of a document. `null` takes away what holds further out.
pub type Sources = BTreeMap<String, Option<Source>>;

/// Where a secret is to be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// All of a file but white space around it. A path begins where the YAML is.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
}

/// The same, with the file that names each.
pub type Named = BTreeMap<String, (PathBuf, Option<Source>)>;

/// Reads each of them once.
#[derive(Default)]
pub struct Reader {
    read: BTreeMap<Source, Result<Hidden, String>>,
}

impl Reader {
    /// Paths begin where the YAML is.
    pub fn named(&self, file: &Path, sources: Sources) -> Named {
        let here = |source: Source| match source {
            Source::File(path) => Source::File(file.with_file_name("").join(path)),
            source @ Source::Env(_) => source,
        };
        let named = sources.into_iter();
        named
            .map(|(name, source)| (name, (file.to_owned(), source.map(here))))
            .collect()
    }

    /// What holds in a room: what is nearer to it wins.
    pub fn read(&mut self, layers: [&Named; 3], errors: &mut Vec<PlanError>) -> Wanted {
        let mut nearest: BTreeMap<&str, &(PathBuf, Option<Source>)> = BTreeMap::new();
        for layer in layers {
            nearest.extend(layer.iter().map(|(name, named)| (name.as_str(), named)));
        }
        let mut wanted = Wanted::new();
        for (name, (path, source)) in nearest {
            let Some(known) = SecretName::parse(name) else {
                let all: Vec<&str> = SecretName::ALL.iter().map(|known| known.as_str()).collect();
                refuse(path, format!("no secret is called {name}: {}", all.join(", ")), errors);
                continue;
            };
            let Some(source) = source else { continue };
            match self.read.entry(source.clone()).or_insert_with(|| value(source)) {
                Ok(value) => drop(wanted.insert(known, value.clone())),
                Err(why) => refuse(path, format!("the secret {name}: {why}"), errors),
            }
        }
        wanted
    }
}

/// Once, however many rooms it is for.
fn refuse(path: &Path, message: String, errors: &mut Vec<PlanError>) {
    let path = path.to_owned();
    let error = PlanError::Secret { path, message };
    if !errors.iter().any(|known| known.to_string() == error.to_string()) {
        errors.push(error);
    }
}

fn value(source: &Source) -> Result<Hidden, String> {
    let text = match source {
        Source::File(path) => {
            let failed = |error| format!("{}: {error}", path.display());
            let long = fs::metadata(path).map_err(failed)?.len() > 2 * MAX_SECRET as u64;
            if long {
                return Err(format!("{} is too long", path.display()));
            }
            fs::read_to_string(path).map_err(failed)?
        }
        Source::Env(name) => std::env::var(name).map_err(|_| format!("{name} is not in the environment"))?,
    };
    let value = text.trim();
    match value.len() {
        0 => Err("it is empty".into()),
        length if length > MAX_SECRET => Err(format!("it has {length} bytes, {MAX_SECRET} are allowed")),
        _ => Ok(Hidden(value.to_owned())),
    }
}

/// `expires`: a number of days.
pub fn life(path: &Path, text: &str, errors: &mut Vec<PlanError>) -> Option<Duration> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let life = days.filter(|days| (1..=3_650).contains(days));
    if life.is_none() {
        refuse(path, format!("expires: {text}: 1d to 3650d"), errors);
    }
    life.map(|days| Duration::from_secs(days * 86_400))
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, PlanError};
    use super::*;

    const FLEET: &str = "
kind: Organisation
expires: 90d
secrets: {jitsi.token: {file: ../keys/token}, net.proxy_password: {file: ../keys/proxy}}
---
kind: Site
name: lyon
secrets: {net.proxy_password: {file: ../keys/lyon}}
---
kind: Room
name: A
site: lyon
box: lyon-0001
---
kind: Room
name: B
site: lyon
box: lyon-0002
secrets: {net.proxy_password: null}
";

    fn plan(text: &str) -> Result<Plan, Vec<PlanError>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("token", "of all\n"), ("proxy", "of all"), ("lyon", " of Lyon\n")] {
            for below in ["fleet", "keys"] {
                fs::create_dir_all(folder.path().join(below)).unwrap();
            }
            fs::write(folder.path().join("keys").join(name), value).unwrap();
        }
        Plan::of(&[(folder.path().join("fleet/all.yaml"), text.into())])
    }

    #[test]
    fn the_nearest_source_wins_and_null_takes_it_away() {
        let plan = plan(FLEET).unwrap();
        let of = |device: &str| {
            let room = &plan.rooms[&device.try_into().unwrap()];
            let pair = |(name, value): (&SecretName, &Hidden)| (name.as_str(), value.0.clone());
            room.secrets.iter().map(pair).collect::<Vec<_>>()
        };
        let (token, proxy) = (
            ("jitsi.token", "of all".to_owned()),
            ("net.proxy_password", "of Lyon".to_owned()),
        );
        assert_eq!(of("lyon-0001"), [token.clone(), proxy]);
        assert_eq!(of("lyon-0002"), [token]);
        assert_eq!(plan.expires, Some(Duration::from_secs(90 * 86_400)));
        assert!(!format!("{plan:?}").contains("of Lyon"));
    }

    #[test]
    fn a_value_in_the_folder_is_refused_and_so_is_what_cannot_be_had() {
        for (from, to, words) in [
            ("{file: ../keys/token}", "Sésame", ""),
            ("{file: ../keys/token}", "{value: Sésame}", ""),
            (
                "{file: ../keys/token}",
                "{file: ../keys/none}",
                "the secret jitsi.token: ",
            ),
            (
                "{file: ../keys/token}",
                "{env: NOBODY_HAS_SET_THIS}",
                "NOBODY_HAS_SET_THIS is not in",
            ),
            (
                "jitsi.token",
                "jitsi.tocken",
                "no secret is called jitsi.tocken: jitsi.token",
            ),
            ("90d", "3m", "1d to 3650d"),
        ] {
            let errors = plan(&FLEET.replace(from, to)).unwrap_err();
            let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert!(said.iter().any(|error| error.contains(words)), "{said:?}");
        }
    }
}
