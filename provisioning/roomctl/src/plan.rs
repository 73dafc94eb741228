//! A folder of YAML: organisation, sites, rooms; and what each box shall be, inheritance resolved.

mod list;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::contract::{ConfigurationError, DeviceId, Settings, Site, TrustDocument};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::secrets::Wanted;
use sources::{Named, Sources};

/// A document of the folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
enum Document {
    /// Holds everywhere.
    Organisation {
        #[serde(default)]
        settings: Map<String, Value>,
        #[serde(default)]
        secrets: Sources,
        /// What was published is to be published again before so long a time is over.
        #[serde(default)]
        expires: Option<String>,
    },
    /// Holds in its rooms.
    Site {
        name: Site,
        #[serde(default)]
        settings: Map<String, Value>,
        #[serde(default)]
        secrets: Sources,
    },
    /// A room and its box.
    Room {
        name: String,
        site: Site,
        #[serde(rename = "box")]
        device: DeviceId,
        #[serde(default)]
        settings: Map<String, Value>,
        #[serde(default)]
        secrets: Sources,
    },
    /// Rooms of a list of serial numbers, for which no document of their own says more.
    Rooms {
        /// Beside this file.
        list: PathBuf,
    },
}

/// What a box shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// As people call it.
    pub name: String,
    /// Where it is.
    pub site: Site,
    /// `cfg` of its configuration.
    pub cfg: Map<String, Value>,
    /// What it is told alone.
    pub secrets: Wanted,
}

/// What all boxes shall be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// By box.
    pub rooms: BTreeMap<DeviceId, Room>,
    /// How long what is published holds; none: until something else is.
    pub expires: Option<Duration>,
}

/// What is wrong with a folder.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is no YAML of ours.
    #[error("{path}: {message}")]
    Yaml {
        /// Which file.
        path: PathBuf,
        /// With line and column.
        message: String,
    },
    /// Two documents say who somebody is.
    #[error("{path}: {what} stands in another file as well")]
    Twice {
        /// The second file.
        path: PathBuf,
        /// Who.
        what: String,
    },
    /// A room is at a site that no document names.
    #[error("{path}: room {room} is at site {site}, which no document names")]
    NoSite {
        /// The file of the room.
        path: PathBuf,
        /// Its name.
        room: String,
        /// The site.
        site: String,
    },
    /// A box would not take it.
    #[error("{path}: room {room}: {}: {}", error.path, error.msg)]
    Setting {
        /// The file of the room.
        path: PathBuf,
        /// Its name.
        room: String,
        /// What is wrong.
        error: Box<ConfigurationError>,
    },
    /// A secret cannot be had, or a time cannot be read.
    #[error("{path}: {message}")]
    Secret {
        /// The file that names it.
        path: PathBuf,
        /// Why; never what it is.
        message: String,
    },
    /// A list of serial numbers cannot be read.
    #[error("{path}: {message}")]
    List {
        /// The list.
        path: PathBuf,
        /// With its line.
        message: String,
    },
    /// There is nothing in it.
    #[error("{0}: no room is described there")]
    Empty(PathBuf),
}

impl Plan {
    /// Reads a file or a folder with everything below it: `*.yaml` and `*.yml`.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn read(path: &Path) -> Result<Self, Vec<PlanError>> {
        let mut files = Vec::new();
        find(path, &mut files).map_err(|error| vec![error])?;
        files.sort();
        let mut texts = Vec::new();
        for file in files {
            let text = fs::read_to_string(&file).map_err(|error| {
                vec![PlanError::File {
                    path: file.clone(),
                    error,
                }]
            })?;
            texts.push((file, text));
        }
        let plan = Self::of(&texts)?;
        if plan.rooms.is_empty() {
            return Err(vec![PlanError::Empty(path.into())]);
        }
        Ok(plan)
    }

    /// Every room whose documents do not say otherwise believes these roots.
    pub fn believe(&mut self, trust: &TrustDocument) {
        let Ok(trust) = serde_json::to_value(trust) else { return };
        for room in self.rooms.values_mut() {
            room.cfg.entry("trust").or_insert_with(|| trust.clone());
        }
    }

    /// Of these files.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn of(files: &[(PathBuf, String)]) -> Result<Self, Vec<PlanError>> {
        let (mut organisation, mut sites, mut rooms) = (None, BTreeMap::new(), Vec::new());
        let mut listed = Vec::new();
        let mut errors = Vec::new();
        let (mut expires, mut reader) = (None, sources::Reader::default());
        for (path, text) in files {
            let twice = |what: String| PlanError::Twice {
                path: path.clone(),
                what,
            };
            let documents: Vec<Document> = match serde_saphyr::from_multiple(text) {
                Ok(documents) => documents,
                Err(error) => {
                    let path = path.clone();
                    let message = error.to_string();
                    errors.push(PlanError::Yaml { path, message });
                    continue;
                }
            };
            for document in documents {
                match document {
                    Document::Organisation {
                        settings,
                        secrets,
                        expires: life,
                    } => {
                        expires = life.map(|text| sources::life(path, &text, &mut errors));
                        if organisation.replace((settings, reader.named(path, secrets))).is_some() {
                            errors.push(twice("the organisation".into()));
                        }
                    }
                    Document::Site {
                        name,
                        settings,
                        secrets,
                    } => {
                        let secrets = reader.named(path, secrets);
                        if sites.insert(name.clone(), (settings, secrets)).is_some() {
                            errors.push(twice(format!("site {name}")));
                        }
                    }
                    Document::Room {
                        name,
                        site,
                        device,
                        settings,
                        secrets,
                    } => rooms.push((path, name, site, device, settings, reader.named(path, secrets))),
                    Document::Rooms { list } => match list::rooms(path, &list) {
                        Ok(found) => listed.extend(found.into_iter().map(|room| (path, room))),
                        Err(error) => errors.push(error),
                    },
                }
            }
        }
        let described: BTreeSet<DeviceId> = rooms.iter().map(|(_, _, _, device, _, _)| device.clone()).collect();
        let others = listed.into_iter().filter(|(_, room)| !described.contains(&room.device));
        rooms.extend(others.map(|(path, room)| (path, room.name, room.site, room.device, Map::new(), Named::new())));
        let mut plan = Self {
            expires: expires.flatten(),
            ..Self::default()
        };
        let (settings_of_all, secrets_of_all) = organisation.unwrap_or_default();
        for (path, name, site, device, settings, secrets) in rooms {
            let Some((of_site, secrets_of_site)) = sites.get(&site) else {
                errors.push(PlanError::NoSite {
                    path: path.clone(),
                    room: name,
                    site: site.to_string(),
                });
                continue;
            };
            let secrets = reader.read([&secrets_of_all, secrets_of_site, &secrets], &mut errors);
            let mut cfg = settings_of_all.clone();
            merge(&mut cfg, of_site);
            let identity = serde_json::json!({"room": {"name": name}, "site": site});
            merge(&mut cfg, identity.as_object().unwrap_or(&Map::new()));
            merge(&mut cfg, &settings);
            if let Err(wrong) = Settings::parse(&cfg) {
                errors.extend(wrong.into_iter().map(|error| PlanError::Setting {
                    path: path.clone(),
                    room: name.clone(),
                    error: Box::new(error),
                }));
            }
            let room = Room {
                name,
                site,
                cfg,
                secrets,
            };
            if plan.rooms.insert(device.clone(), room).is_some() {
                errors.push(PlanError::Twice {
                    path: path.clone(),
                    what: format!("box {device}"),
                });
            }
        }
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }
}

fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), PlanError> {
    let failed = |error| PlanError::File {
        path: path.into(),
        error,
    };
    if !path.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let below = entry.map_err(failed)?.path();
        let yaml = below
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if below.is_dir() || yaml {
            find(&below, files)?;
        }
    }
    Ok(())
}

/// What is nearer to the room wins; objects are joined, `null` takes away, everything else replaces.
fn merge(into: &mut Map<String, Value>, nearer: &Map<String, Value>) {
    for (key, value) in nearer {
        match (into.get_mut(key), value) {
            (_, Value::Null) => {
                into.remove(key);
            }
            (Some(Value::Object(there)), Value::Object(nearer)) => merge(there, nearer),
            (_, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const FLEET: &str = "
kind: Organisation
settings:
  jitsi: {url: https://meet.example, hosts: [a.example]}
  av: {volume: 30}
---
kind: Site
name: lyon
settings:
  room: {language: fr}
  jitsi: {hosts: [b.example]}
---
kind: Room
name: Lyon 4.12
site: lyon
box: lyon-412
settings: {av: {volume: null}, net: {proxy: 'http://proxy.example:3128'}}
";

    fn plan(text: &str) -> Result<Plan, Vec<PlanError>> {
        Plan::of(&[("fleet.yaml".into(), text.into())])
    }

    #[test]
    fn what_is_nearer_to_the_room_wins() {
        let plan = plan(FLEET).unwrap();
        let (device, room) = plan.rooms.first_key_value().unwrap();
        assert_eq!(
            (device.as_str(), room.name.as_str(), room.site.as_str()),
            ("lyon-412", "Lyon 4.12", "lyon")
        );
        assert_eq!(
            Value::Object(room.cfg.clone()),
            serde_json::json!({
                "jitsi": {"url": "https://meet.example", "hosts": ["b.example"]},
                "av": {},
                "room": {"language": "fr", "name": "Lyon 4.12"},
                "net": {"proxy": "http://proxy.example:3128"},
                "site": "lyon",
            })
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_file_and_field() {
        let text = "
kind: Site
name: lyon
---
kind: Room
name: A
site: lyon
box: lyon-0001
settings: {av: {volume: 300}, jitsi: {url: 'http://meet.example'}}
---
kind: Room
name: B
site: nice
box: nice-0001
---
kind: Room
name: C
site: lyon
box: lyon-0001
";
        let said: Vec<String> = plan(text).unwrap_err().iter().map(ToString::to_string).collect();
        let all = said.join("\n");
        for part in [
            "/av/volume",
            "/jitsi/url",
            "nice",
            "box lyon-0001 stands in another file",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert!(said.iter().all(|line| line.starts_with("fleet.yaml: ")), "{all}");
    }

    #[test]
    fn a_list_of_serial_numbers_is_as_good_as_a_document_for_each_room() {
        let folder = tempfile::tempdir().unwrap();
        let list = "serial,site,room\nHC24-000123,lyon,lyon-412\nHC24-000124,lyon,lyon-413\nHC24-000125,lyon,\n";
        fs::write(folder.path().join("boxes.csv"), list).unwrap();
        let text = "kind: Site\nname: lyon\nsettings: {av: {volume: 30}}\n---\nkind: Rooms\nlist: ../boxes.csv\n---\n\
                    kind: Room\nname: Salle Rhône\nsite: lyon\nbox: box-hc24-000124\n";
        fs::create_dir(folder.path().join("fleet")).unwrap();
        let read = |text: &str| {
            let files = [(folder.path().join("fleet/lyon.yaml"), text.to_owned())];
            Plan::of(&files).map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())
        };
        let plan = read(text).unwrap();
        let pair = |(device, room): (&DeviceId, &Room)| (device.to_string(), room.name.clone());
        let rooms: Vec<(String, String)> = plan.rooms.iter().map(pair).collect();
        let wanted = [("box-hc24-000123", "lyon-412"), ("box-hc24-000124", "Salle Rhône")];
        assert_eq!(rooms, wanted.map(|(device, name)| (device.to_owned(), name.to_owned())));
        assert!(plan.rooms.values().all(|room| room.cfg["av"]["volume"] == 30));
        let said = read("kind: Rooms\nlist: boxes.csv\n").unwrap_err();
        assert!(said.contains("boxes.csv"), "a list that is not there: {said}");
        fs::write(folder.path().join("fleet/boxes.csv"), "serial,site\n1,lyon\n").unwrap();
        let said = read("kind: Rooms\nlist: boxes.csv\n").unwrap_err();
        assert!(said.contains("boxes.csv: line 2"), "{said}");
    }

    #[test]
    fn a_mistyped_key_is_no_setting_that_is_silently_passed_over() {
        let said = plan("kind: Room\nnmae: A\nsite: lyon\nbox: lyon-0001\n").unwrap_err();
        assert!(said[0].to_string().contains("nmae"), "{}", said[0]);
    }
}
