//! Debian's Prosody as a child process, with a private configuration on free loopback ports.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::error::{Error, Result};
use crate::options::{Options, Relay};

const GUEST_MODULE: &str = include_str!("../prosody/mod_auth_guest.lua");
const SPEAK_MODULE: &str = include_str!("../prosody/mod_speak.lua");
const ACCOUNTS_MODULE: &str = include_str!("../prosody/mod_accounts.lua");
const DOOR_MODULE: &str = include_str!("../prosody/mod_door.lua");
const FOCUS_MODULE: &str = include_str!("../prosody/mod_wait_for_focus.lua");

/// Where the host names of a domain live.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// The domain of the guests, for example `meet.local`.
    pub domain: String,
}

impl Hosts {
    /// Where accounts log in, if the conference has any.
    pub fn login(&self) -> String {
        format!("login.{}", self.domain)
    }
    /// The MUC service.
    pub fn muc(&self) -> String {
        format!("conference.{}", self.domain)
    }
    /// Who says what moderators allow.
    pub fn av_moderation(&self) -> String {
        format!("avmoderation.{}", self.domain)
    }
    /// The breakout rooms, and who sends people there.
    pub fn breakout(&self) -> String {
        format!("breakout.{}", self.domain)
    }
    /// The MUC service of the lobbies.
    pub fn lobby(&self) -> String {
        format!("lobby.{}", self.domain)
    }
    /// Where conference requests go.
    pub fn focus(&self) -> String {
        format!("focus.{}", self.domain)
    }
    /// Where the focus really lives.
    pub fn auth(&self) -> String {
        format!("auth.{}", self.domain)
    }
    /// Where the crowd lives.
    pub fn crowd(&self) -> String {
        format!("crowd.{}", self.domain)
    }
    /// Bare JID of the focus: what `focusjid` says and what its occupant's item shows.
    pub fn focus_user(&self) -> String {
        format!("focus@{}", self.auth())
    }
}

/// Its log, in its folder.
const LOG: &str = "prosody.log";
/// Starts with other ports before the search is given up.
const MOST_TRIES: u32 = 5;

/// Who listens on the ports that were chosen.
#[derive(Debug, PartialEq, Eq)]
enum Ports {
    Ours,
    Taken,
}

/// A running Prosody. It dies with this value.
pub struct Prosody {
    child: Child,
    folder: TempDir,
    /// HTTP: WebSocket at `/xmpp-websocket`.
    pub http: SocketAddr,
    /// XEP-0114.
    pub component: SocketAddr,
    /// Secret of the components.
    pub secret: String,
}

impl Prosody {
    /// Starts Prosody and waits until it listens (at most 15 s); with other ports where somebody else has taken one.
    pub async fn start(hosts: &Hosts, options: &Options, secret: String) -> Result<Self> {
        let mut tries = 1..=MOST_TRIES;
        loop {
            let mut prosody = Self::spawn(hosts, options, secret.clone(), free_ports()?)?;
            match prosody.wait_until_listening().await? {
                Ports::Ours => return Ok(prosody),
                Ports::Taken if tries.next().is_some() => {}
                Ports::Taken => return Err(Error::Prosody(format!("finds no free port: {}", prosody.log_tail()))),
            }
        }
    }

    fn spawn(hosts: &Hosts, options: &Options, secret: String, [http, component]: [SocketAddr; 2]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("conference-")
            .tempdir()
            .map_err(Error::io("temporary folder"))?;
        let path = folder.path();
        write(&path.join("modules/mod_auth_guest.lua"), GUEST_MODULE)?;
        write(&path.join("modules/mod_wait_for_focus.lua"), FOCUS_MODULE)?;
        write(&path.join("modules/mod_speak.lua"), SPEAK_MODULE)?;
        write(&path.join("modules/mod_accounts.lua"), ACCOUNTS_MODULE)?;
        write(&path.join("modules/mod_door.lua"), DOOR_MODULE)?;
        std::fs::create_dir_all(path.join("data")).map_err(Error::io("data folder"))?;
        let config = path.join("prosody.cfg.lua");
        write(
            &config,
            &configuration(hosts, path, http.port(), component.port(), &secret, options),
        )?;
        let child = spawn(path)?;
        Ok(Self {
            child,
            folder,
            http,
            component,
            secret,
        })
    }

    /// Kills it without a word, and starts it again after `away`, with the same addresses and none of its memories.
    ///
    /// # Errors
    /// It does not start again.
    pub async fn restart(&mut self, away: Duration) -> Result<()> {
        let killed = self.child.kill().await;
        killed.map_err(|error| Error::Prosody(error.to_string()))?;
        tokio::time::sleep(away).await;
        // What it said in its first life counts no more.
        write(&self.folder.path().join(LOG), "")?;
        self.child = spawn(self.folder.path())?;
        match self.wait_until_listening().await? {
            Ports::Ours => Ok(()),
            Ports::Taken => Err(Error::Prosody(format!("a port is taken: {}", self.log_tail()))),
        }
    }

    /// By its own word: whoever else listens there would answer a connection, too.
    async fn wait_until_listening(&mut self) -> Result<Ports> {
        let services = [("http", self.http), ("component", self.component)];
        let ours = services
            .map(|(service, address)| format!("Activated service '{service}' on [127.0.0.1]:{}\n", address.port()));
        let nobodys = services.map(|(service, _)| format!("Activated service '{service}' on no ports\n"));
        for _ in 0..300 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Prosody(format!("ended with {status}: {}", self.log_tail())));
            }
            let log = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            if nobodys.iter().any(|words| log.contains(words)) {
                return Ok(Ports::Taken);
            }
            if ours.iter().all(|words| log.contains(words)) {
                return Ok(Ports::Ours);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Error::Prosody(format!(
            "does not listen after 15 s: {}",
            self.log_tail()
        )))
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let text = read("output.log") + &read(LOG);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Asks it to end and waits at most 3 s.
    pub async fn stop(mut self) {
        if let Some(pid) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(Duration::from_secs(3), self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }
}

fn spawn(folder: &Path) -> Result<Child> {
    let output = std::fs::File::create(folder.join("output.log")).map_err(Error::io("output.log"))?;
    let errors = output.try_clone().map_err(Error::io("output.log"))?;
    // Should this process be killed, Prosody goes with it: the kernel tells it when its parent thread is gone.
    Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "prosody", "--config"])
        .arg(folder.join("prosody.cfg.lua"))
        .arg("-F")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Error::Prosody(error.to_string()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io("folder of Prosody"))?;
    }
    std::fs::write(path, text).map_err(Error::io("file of Prosody"))
}

/// Two TCP ports of 127.0.0.1 that were free a moment ago.
fn free_ports() -> Result<[SocketAddr; 2]> {
    // Both are held until both are known, or they could be the same.
    let listen = || TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("free port"));
    let (first, second) = (listen()?, listen()?);
    let address = |listener: &TcpListener| listener.local_addr().map_err(Error::io("free port"));
    Ok([address(&first)?, address(&second)?])
}

fn configuration(hosts: &Hosts, folder: &Path, http: u16, component: u16, secret: &str, options: &Options) -> String {
    let folder = folder.display();
    let (domain, muc, focus, auth) = (&hosts.domain, hosts.muc(), hosts.focus(), hosts.auth());
    let lobby = hosts.lobby();
    let (focus_user, crowd) = (hosts.focus_user(), hosts.crowd());
    let (moderation, breakout) = (hosts.av_moderation(), hosts.breakout());
    let token = options
        .token_secret
        .as_ref()
        .map(|s| format!("  guest_token_secret = \"{s}\"\n"))
        .unwrap_or_default();
    let login = login_host(hosts, options);
    let discovered = discovered(&options.discovered_relays);
    let told = metadata_services(&options.metadata_relays);
    format!(
        r#"run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
plugin_paths = {{ "{folder}/modules" }}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{folder}/prosody.log" }} }}
use_libevent = false
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ {http} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{ }}
component_ports = {{ {component} }}
component_interfaces = {{ "127.0.0.1" }}
default_storage = "memory"
modules_enabled = {{ "disco", "ping" }}
modules_disabled = {{ "s2s", "tls" }}
consider_websocket_secure = true
consider_bosh_secure = true
c2s_require_encryption = false
http_default_host = "{domain}"
c2s_stanza_size_limit = 1048576

VirtualHost "{domain}"
  authentication = "guest"
{token}  modules_enabled = {{ "saslauth", "websocket", "bosh", "smacks", "external_services" }}
  smacks_hibernation_time = 60
  smacks_max_unacked_stanzas = 5
  external_services = {{ {discovered} }}
{login}
Component "{muc}" "muc"
  modules_enabled = {{ "wait_for_focus", "door" }}
  admins = {{ "{focus_user}" }}
  focus_jid = "{focus_user}"
  metadata_host = "metadata.{domain}"
  metadata_services = [==[{told}]==]
  restrict_room_creation = true
  muc_room_locking = false
  muc_room_default_public_jids = true
  muc_tombstones = false

Component "{lobby}" "muc"
  admins = {{ "{focus_user}" }}
  restrict_room_creation = true
  muc_room_locking = false
  muc_room_default_public_jids = true
  muc_tombstones = false

Component "{breakout}" "muc"
  modules_enabled = {{ "wait_for_focus", "speak" }}
  admins = {{ "{focus_user}" }}
  focus_jid = "{focus_user}"
  metadata_host = "metadata.{domain}"
  restrict_room_creation = true
  muc_room_locking = false
  muc_room_default_public_jids = true
  muc_tombstones = false

Component "{moderation}" "speak"
  focus_jid = "{focus_user}"

Component "{focus}"
  component_secret = "{secret}"

Component "{auth}"
  component_secret = "{secret}"

Component "{crowd}"
  component_secret = "{secret}"
"#
    )
}

/// The host of accounts, with passwords as a server keeps them (SCRAM-SHA-1, or for PLAIN alone).
fn login_host(hosts: &Hosts, options: &Options) -> String {
    if options.accounts.is_empty() {
        return String::new();
    }
    let accounts: Vec<String> = options
        .accounts
        .iter()
        .map(|(user, password)| format!("[\"{user}\"] = \"{password}\""))
        .collect();
    let disabled = options.disabled_mechanisms.join("\", \"");
    format!(
        r#"
VirtualHost "{login}"
  authentication = "internal_hashed"
  password_hash = "{hash}"
  disable_sasl_mechanisms = {{ "{disabled}" }}
  modules_enabled = {{ "saslauth", "websocket", "bosh", "smacks", "accounts" }}
  smacks_hibernation_time = 60
  smacks_max_unacked_stanzas = 5
  accounts = {{ {accounts} }}
"#,
        login = hosts.login(),
        hash = options.password_hash,
        accounts = accounts.join(", "),
    )
}

/// A Lua table for `mod_external_services`.
fn discovered(relays: &[Relay]) -> String {
    let entry = |relay: &Relay| {
        format!(
            "{{ type = \"{}\", transport = \"tcp\", host = \"{}\", port = {}, username = \"{}\", password = \"{}\" }};",
            if relay.secure { "turns" } else { "turn" },
            relay.host,
            relay.port,
            relay.username,
            relay.password
        )
    };
    relays.iter().map(entry).collect()
}

/// The `services` of the metadata: without any an empty object, since Lua knows no other empty table; numbers as strings.
fn metadata_services(relays: &[Relay]) -> String {
    if relays.is_empty() {
        return "{}".into();
    }
    let entry = |relay: &Relay| {
        serde_json::json!({
            "type": if relay.secure { "turns" } else { "turn" }, "transport": "tcp", "host": relay.host,
            "port": relay.port.to_string(), "username": relay.username, "password": relay.password, "restricted": "true",
        })
    };
    serde_json::Value::from_iter(relays.iter().map(entry)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_else_listens_on_a_port_is_never_taken_for_our_server() {
        let hosts = Hosts {
            domain: "meet.local".into(),
        };
        let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
        let [free, _] = free_ports().unwrap();
        let taken = stranger.local_addr().unwrap();
        for ports in [[taken, free], [free, taken], [free, free]] {
            let mut prosody = Prosody::spawn(&hosts, &Options::default(), "s".into(), ports).unwrap();
            assert_eq!(prosody.wait_until_listening().await.unwrap(), Ports::Taken, "{ports:?}");
            prosody.stop().await;
        }
        let prosody = Prosody::start(&hosts, &Options::default(), "s".into()).await.unwrap();
        assert_ne!(prosody.http, prosody.component);
        prosody.stop().await;
    }
}
