//! A network namespace joined to this one by a pair of virtual interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use fleet_lab::claim::claim;

/// Why no namespace can be made here; none when one can.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root".into());
    }
    let name = format!("probe{}", std::process::id());
    let made = ip(&["netns", "add", &name]).and_then(|()| ip(&["netns", "delete", &name]));
    made.err()
}

/// The last numbers of the addresses outside.
const GATE: u8 = 1;
const OUTSIDE: u8 = 2;

/// The third number of a network that nobody uses, and what says so, for the kernel takes one address for two interfaces without a
/// word. What a test that was killed has left behind is passed over.
fn claim_network() -> Option<(u8, UnixListener)> {
    (1..=250).find_map(|third| {
        let claim = claim(&format!("network-{third}"))?;
        let left = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
        let free = !left(v4(third, OUTSIDE).into()) && !left(v6(third, OUTSIDE).into());
        free.then_some((third, claim))
    })
}

fn v4(third: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 253, third, host)
}

fn v6(third: u8, host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x253, third.into(), 0, 0, 0, 0, host.into())
}

/// A namespace with one way out. Removed when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    outside: String,
    inside: String,
    /// See [`claim_network`].
    third: u8,
    v6: bool,
    /// While it is held no other test takes the same network.
    _claim: UnixListener,
}

impl Namespace {
    /// Makes it: loopback and one interface, with routes to nothing yet.
    ///
    /// # Errors
    /// What `ip` says, after several networks were tried: one may be in use by another test.
    pub fn new() -> Result<Self, String> {
        Self::tried(false)
    }

    /// The same, with IPv6 alone inside.
    ///
    /// # Errors
    /// As [`Namespace::new`].
    pub fn v6() -> Result<Self, String> {
        Self::tried(true)
    }

    fn tried(v6: bool) -> Result<Self, String> {
        let mut last = String::new();
        for _ in 0..8 {
            match Self::made(v6) {
                Ok(made) => return Ok(made),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn made(v6: bool) -> Result<Self, String> {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let (third, claim) = claim_network().ok_or("every network is in use by another test")?;
        let this = Self {
            name: format!("hemicycle-{pid}-{count}"),
            outside: format!("h{pid}o{count}"),
            inside: format!("h{pid}i{count}"),
            third,
            v6,
            _claim: claim,
        };
        ip(&["netns", "add", &this.name])?;
        ip(&[
            "link",
            "add",
            &this.outside,
            "type",
            "veth",
            "peer",
            "name",
            &this.inside,
        ])?;
        ip(&["link", "set", &this.inside, "netns", &this.name])?;
        for host in [GATE, OUTSIDE] {
            let mut add = vec!["address", "add"];
            let address = this.alone(host);
            add.extend([address.as_str(), "dev", this.outside.as_str()]);
            // Without the check for doubles, which takes a second and a half.
            add.extend(v6.then_some("nodad"));
            ip(&add)?;
        }
        ip(&["link", "set", &this.outside, "up"])?;
        this.ip(&["link", "set", "lo", "up"])?;
        this.ip(&["link", "set", &this.inside, "up"])?;
        this.take_address(9)?;
        Ok(this)
    }

    /// Its name, for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address outside that a proxy has; of a network of IPv4.
    pub fn gate(&self) -> Ipv4Addr {
        v4(self.third, GATE)
    }

    /// The address outside that everything else has; of a network of IPv4.
    pub fn outside(&self) -> Ipv4Addr {
        v4(self.third, OUTSIDE)
    }

    /// The address outside that everything has, of either kind.
    pub fn reachable(&self) -> IpAddr {
        self.of_kind(OUTSIDE)
    }

    /// Lets the inside reach an address outside.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn allow(&self, address: impl Into<IpAddr>) -> Result<(), String> {
        self.ip(&["route", "add", &whole(address.into()), "dev", &self.inside])
    }

    /// No UDP leaves the namespace.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn block_udp(&self) -> Result<(), String> {
        // A routing rule with `ipproto udp` does not do it: it stops some sockets and not others.
        const RULES: &str = "table inet closed {
            chain output { type filter hook output priority 0; oifname != \"lo\" meta l4proto udp drop; }
            chain input { type filter hook input priority 0; iifname != \"lo\" meta l4proto udp drop; }
        }";
        run("ip", &["netns", "exec", &self.name, "nft", RULES])
    }

    /// Gives the inside this last number as its address, beside those it has.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn take_address(&self, host: u8) -> Result<(), String> {
        let address = self.alone(host);
        let mut add = vec!["address", "add", address.as_str(), "dev", self.inside.as_str()];
        add.extend(self.v6.then_some("nodad"));
        self.ip(&add)?;
        ip(&["route", "add", &address, "dev", &self.outside])
    }

    /// Takes that address away, and with it every route that names it as the source.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn lose_address(&self, host: u8) -> Result<(), String> {
        let address = self.alone(host);
        self.ip(&["address", "delete", &address, "dev", &self.inside])?;
        ip(&["route", "delete", &address, "dev", &self.outside])
    }

    /// Pulls the cable, or puts it back. Routes come back with it.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn cable(&self, plugged: bool) -> Result<(), String> {
        ip(&["link", "set", &self.outside, if plugged { "up" } else { "down" }])?;
        if plugged {
            // Routes of an interface that is down are forgotten.
            ip(&["route", "replace", &self.alone(9), "dev", &self.outside])?;
        }
        Ok(())
    }

    fn of_kind(&self, host: u8) -> IpAddr {
        match self.v6 {
            true => v6(self.third, host).into(),
            false => v4(self.third, host).into(),
        }
    }

    /// An address as a network of its own.
    fn alone(&self, host: u8) -> String {
        whole(self.of_kind(host))
    }

    fn ip(&self, arguments: &[&str]) -> Result<(), String> {
        ip(&[&["-n", self.name.as_str()], arguments].concat())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The interface first: a process that still lives keeps a namespace without a name alive.
        let _gone = ip(&["link", "delete", &self.outside]);
        let _gone = ip(&["netns", "delete", &self.name]);
    }
}

fn whole(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv6() { 128 } else { 32 })
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), words.trim()))
}
