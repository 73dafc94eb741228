//! The settings of the fleet over those of the file.

use std::time::Duration;

use fleet::contract::{Code, ConfigurationError, Settings, settings};
use media_protocol::NetworkSettings;
use room::{ChatPolicy, Language, RemoteCommand, RoomCommand};

use super::secrets::{Hidden, Secrets};
use crate::appliance::{Participation, Request};
use crate::{Failure, way_out};

/// The settings of the file, which hold where the fleet says nothing.
#[derive(Debug, Clone)]
pub struct Own {
    /// Name of the room.
    pub name: String,
    /// What may change while the room lives.
    pub room: room::Settings,
    /// How meetings are reached.
    pub participation: Participation,
}

/// What the box lives by.
#[derive(Debug, Clone)]
pub struct InForce {
    /// As the fleet said it.
    pub settings: Settings,
    /// Name of the room.
    pub name: String,
    /// What may change while the room lives.
    pub room: room::Settings,
    /// Lets the box into the rooms of the service.
    pub token: Option<Hidden>,
    participation: Participation,
}

impl InForce {
    /// `settings` and `secrets` over `own`.
    ///
    /// # Errors
    /// What cannot be had, each with a JSON pointer into `cfg`.
    pub fn new(settings: Settings, secrets: Secrets, own: &Own) -> Result<Self, Vec<ConfigurationError>> {
        let said = &settings.room;
        let room = room::Settings {
            language: said.language.map_or(own.room.language, |language| match language {
                settings::Language::Fr => Language::French,
                settings::Language::En => Language::English,
            }),
            chat: said.chat.map_or(own.room.chat, |chat| match chat {
                settings::Chat::Nothing => ChatPolicy::Nothing,
                settings::Chat::Public => ChatPolicy::Public,
                settings::Chat::All => ChatPolicy::All,
            }),
            alone: said
                .leave_when_alone_s
                .map_or(own.room.alone, |seconds| Duration::from_secs(seconds.into())),
        };
        let participation = Participation {
            region: settings.jitsi.region.clone().or(own.participation.region.clone()),
            network: network(&settings, secrets.proxy_password, &own.participation.network)?,
        };
        let name = said.name.clone().unwrap_or_else(|| own.name.clone());
        Ok(Self {
            settings,
            name,
            room,
            token: secrets.token,
            participation,
        })
    }

    /// For files that come and go.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn files(&self) -> Result<reqwest::Client, Failure> {
        way_out::client(&self.participation.network)
    }

    /// What the appliance has to be told.
    pub fn requests(&self) -> Vec<Request> {
        let remote = |command| Request::Command(RoomCommand::Remote(command));
        let volume = self.settings.av.volume.map(|percent| {
            let volume = f64::from(percent) / 100.0;
            remote(RemoteCommand::SetVolume(volume))
        });
        let mut requests = vec![
            remote(RemoteCommand::Settings(self.room)),
            Request::Participation(Box::new(self.participation.clone())),
        ];
        requests.extend(volume);
        requests
    }
}

fn network(
    settings: &Settings,
    password: Option<Hidden>,
    own: &NetworkSettings,
) -> Result<NetworkSettings, Vec<ConfigurationError>> {
    let mut network = own.clone();
    if let Some(proxy) = &settings.net.proxy {
        network.proxy = Some(network::parse_proxy(proxy.as_str()).map_err(|error| {
            vec![ConfigurationError {
                path: "/net/proxy".into(),
                code: Code::InvalidParams,
                msg: error.to_string(),
                allowed: Vec::new(),
            }]
        })?);
    }
    if let Some(password) = password {
        match &mut network.proxy {
            Some(proxy) if proxy.username.is_some() => proxy.password = Some(password.0),
            _ => {
                return Err(vec![ConfigurationError {
                    path: "/secrets/net.proxy_password".into(),
                    code: Code::InvalidParams,
                    msg: "there is no proxy with a user: set /net/proxy to http://USER@HOST:PORT".into(),
                    allowed: Vec::new(),
                }]);
            }
        }
    }
    if let Some(hosts) = &settings.net.no_proxy {
        network.no_proxy.clone_from(hosts);
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_protocol::Proxy;

    fn own() -> Own {
        Own {
            name: "as it came".into(),
            room: room::Settings {
                language: Language::French,
                chat: ChatPolicy::Public,
                alone: Duration::from_secs(300),
            },
            participation: Participation {
                region: Some("here".into()),
                network: NetworkSettings::default(),
            },
        }
    }

    fn in_force(cfg: &str) -> InForce {
        let settings = Settings::parse(&serde_json::from_str(cfg).unwrap()).unwrap();
        InForce::new(settings, Secrets::default(), &own()).unwrap()
    }

    #[test]
    fn what_the_fleet_does_not_say_is_as_the_file_has_it() {
        let nothing = in_force("{}");
        assert_eq!((nothing.name.as_str(), nothing.room), ("as it came", own().room));
        assert_eq!(nothing.participation.region.as_deref(), Some("here"));
        assert_eq!(nothing.requests().len(), 2, "the volume is left where people put it");
    }

    #[test]
    fn what_the_fleet_says_goes_before_the_file() {
        let cfg = r#"{
            "room": {"name": "Lyon 4.12", "language": "en", "chat": "nothing", "leave_when_alone_s": 60},
            "jitsi": {"region": "lyon"}, "av": {"volume": 40},
            "net": {"proxy": "http://proxy.example:3128", "no_proxy": [".intern"]}
        }"#;
        let said = in_force(cfg);
        assert_eq!(said.name, "Lyon 4.12");
        let room = room::Settings {
            language: Language::English,
            chat: ChatPolicy::Nothing,
            alone: Duration::from_secs(60),
        };
        assert_eq!(said.room, room);
        let Participation { region, network } = &said.participation;
        assert_eq!(region.as_deref(), Some("lyon"));
        let proxy = Proxy {
            host: "proxy.example".into(),
            port: 3128,
            username: None,
            password: None,
        };
        assert_eq!(
            (network.proxy.as_ref(), network.no_proxy.as_slice()),
            (Some(&proxy), &[".intern".to_owned()][..])
        );
        assert_eq!(said.requests().len(), 3);
    }

    #[test]
    fn the_password_of_the_proxy_comes_sealed_and_only_for_a_user() {
        let with = |cfg: &str| {
            let settings = Settings::parse(&serde_json::from_str(cfg).unwrap()).unwrap();
            let secrets = Secrets {
                proxy_password: Some(Hidden("Sésame".into())),
                token: Some(Hidden("token".into())),
            };
            InForce::new(settings, secrets, &own())
        };
        let said = with(r#"{"net": {"proxy": "http://room@proxy.example:3128"}}"#).unwrap();
        let proxy = said.participation.network.proxy.as_ref().unwrap();
        assert_eq!(
            (proxy.username.as_deref(), proxy.password.as_deref()),
            (Some("room"), Some("Sésame"))
        );
        assert!(!format!("{said:?}").contains("token\""), "{said:?}");
        let refused = with(r#"{"net": {"proxy": "http://proxy.example:3128"}}"#).unwrap_err();
        assert_eq!(refused[0].path, "/secrets/net.proxy_password");
    }
}
