//! What a deployment says of itself in `config.js`: JavaScript, read tolerantly and never executed
//! (`specs/jitsi-client.md §1`).
//!
//! Understood are declarations and assignments whose value is a literal, an object literal, or a concatenation of
//! strings and variables; everything else is passed over. What is missing gets the usual defaults.

mod evaluate;
mod tokens;

use std::time::Duration;

use crate::url::RoomUrl;
use evaluate::Value;

/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// `websocketKeepAlive` where it is not said, in milliseconds.
const KEEP_ALIVE_MS: u64 = 60_000;
/// What a deployment may make of it.
const KEEP_ALIVE_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// What the participant needs of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `hosts.domain`: the XMPP domain.
    pub domain: String,
    /// `hosts.muc`, with the tenant in it.
    pub muc: String,
    /// `hosts.focus`: where the conference request goes.
    pub focus: String,
    /// `focusUserJid`: whom to trust where the focus does not name itself.
    pub focus_user: Option<String>,
    /// `hosts.anonymousdomain`: where guests authenticate, if elsewhere.
    pub anonymous_domain: Option<String>,
    /// WebSocket address of the XMPP server, without query.
    pub websocket: String,
    /// `conferenceRequestUrl`: where the focus is asked by HTTP instead of XMPP.
    pub conference_request: Option<String>,
    /// Where the keep-alive request goes: `websocketKeepAliveUrl`, or the address of the XMPP server by HTTP.
    pub keep_alive_url: String,
    /// `websocketKeepAlive`: between two of them; none: there are none.
    pub keep_alive: Option<Duration>,
    /// Address of BOSH, without query: for when there is no WebSocket.
    pub bosh: String,
    /// BOSH is to be used before a WebSocket is tried: `preferBosh`, or no WebSocket is named and BOSH is.
    pub prefer_bosh: bool,
    /// `bridgeChannel.preferSctp`, true if absent.
    pub prefer_sctp: bool,
    /// True when the file was a configuration; false when all of this is guessed from the address.
    pub found: bool,
}

impl Deployment {
    /// Reads the file, fills what is missing from the address.
    #[must_use]
    pub fn read(source: &str, url: &RoomUrl) -> Self {
        let values = if source.len() <= MAX_BYTES {
            evaluate::evaluate(source, url)
        } else {
            evaluate::Values::new()
        };
        let text = |path: &str| match values.get(path) {
            Some(Value::Text(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            _ => None,
        };
        let domain_name = |path: &str| text(path).filter(|text| is_domain(text));
        let found = domain_name("config.hosts.domain").is_some();
        let domain = domain_name("config.hosts.domain").unwrap_or_else(|| url.host.clone());
        let prefer_sctp = !matches!(
            values.get("config.bridgeChannel.preferSctp"),
            Some(Value::Boolean(false))
        );
        let websocket = text("config.websocket")
            .and_then(|text| websocket(&text, url))
            .unwrap_or_else(|| default_websocket(url));
        let keep_alive = match values.get("config.websocketKeepAlive") {
            Some(Value::Number(milliseconds)) => u64::try_from(*milliseconds).ok().filter(|ms| *ms > 0),
            _ => Some(KEEP_ALIVE_MS),
        };
        Self {
            conference_request: text("config.conferenceRequestUrl").and_then(|text| http(&text, url)),
            keep_alive_url: text("config.websocketKeepAliveUrl")
                .and_then(|text| http(&text, url))
                .unwrap_or_else(|| websocket.replacen("ws", "http", 1)),
            keep_alive: keep_alive.map(|ms| Duration::from_millis(ms).clamp(KEEP_ALIVE_LIMITS.0, KEEP_ALIVE_LIMITS.1)),
            muc: domain_name("config.hosts.muc").unwrap_or_else(|| format!("conference.{}{domain}", url.subdomain())),
            focus: domain_name("config.hosts.focus").unwrap_or_else(|| format!("focus.{domain}")),
            focus_user: text("config.focusUserJid").filter(|jid| jid.len() <= 3071 && jid.contains('@')),
            anonymous_domain: domain_name("config.hosts.anonymousdomain"),
            websocket,
            prefer_bosh: matches!(values.get("config.preferBosh"), Some(Value::Boolean(true)))
                || (text("config.websocket").is_none() && text("config.bosh").is_some()),
            bosh: text("config.bosh")
                .and_then(|text| http(&text, url))
                .unwrap_or_else(|| default_bosh(url)),
            prefer_sctp,
            found,
            domain,
        }
    }
}

/// Characters of an XMPP domain; a value with others is no domain (a template that nobody filled in).
fn is_domain(text: &str) -> bool {
    text.len() <= 1023
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%'))
}

fn default_websocket(url: &RoomUrl) -> String {
    let scheme = if url.secure { "wss" } else { "ws" };
    format!("{scheme}://{}{}xmpp-websocket", url.authority(), url.base_path())
}

fn default_bosh(url: &RoomUrl) -> String {
    let scheme = if url.secure { "https" } else { "http" };
    format!("{scheme}://{}{}http-bind", url.authority(), url.base_path())
}

/// An absolute address; without TLS only on this machine, and only where the configuration came from there too.
fn websocket(text: &str, url: &RoomUrl) -> Option<String> {
    address(text, url, "ws")
}

/// The same for HTTP.
fn http(text: &str, url: &RoomUrl) -> Option<String> {
    address(text, url, "http")
}

fn address(text: &str, url: &RoomUrl, plain: &str) -> Option<String> {
    let secure = format!("{plain}s");
    let scheme = format!("{}:", if url.secure { &secure } else { plain });
    let text = if text.starts_with("//") {
        format!("{scheme}{text}")
    } else if text.starts_with('/') {
        format!("{scheme}//{}{text}", url.authority())
    } else {
        text.to_owned()
    };
    let parsed = ::url::Url::parse(&text).ok()?;
    let loopback = match parsed.host()? {
        ::url::Host::Domain(domain) => domain == "localhost" || domain.ends_with(".localhost"),
        ::url::Host::Ipv4(address) => address.is_loopback(),
        ::url::Host::Ipv6(address) => address.is_loopback(),
    };
    let allowed = parsed.scheme() == secure || (parsed.scheme() == plain && !url.secure && loopback);
    allowed.then(|| parsed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str, url: &str) -> Deployment {
        Deployment::read(source, &RoomUrl::parse(url).unwrap())
    }

    /// The shape docker-jitsi-meet writes.
    fn docker(subdir: &str, subdomain: &str) -> String {
        format!(
            r#"
// Jitsi Meet configuration.
var config = {{}};

if (!config.hasOwnProperty('hosts')) config.hosts = {{}};

config.hosts.domain = 'meet.jitsi';
config.focusUserJid = 'focus@auth.meet.jitsi';

var subdir = '{subdir}';
var subdomain = "{subdomain}";
if (subdir.startsWith('<!--')) {{
    subdir = '';
}}
if (subdomain) {{
    subdomain = subdomain.substr(0,subdomain.length-1).split('.').join('_').toLowerCase() + '.';
}}
config.hosts.muc = 'muc.' + subdomain + 'meet.jitsi';
config.hosts.anonymousdomain = 'guest.meet.jitsi';
config.bosh = '/' + subdir + 'http-bind';
config.websocket = 'wss://visio.example/' + subdir + 'xmpp-websocket';
config.bridgeChannel = {{ preferSctp: true }};
config.resolution = 720;
config.constraints = {{ video: {{ height: {{ ideal: 720, max: 720, min: 180 }} }} }};
config.startVideoMuted = 10;
"#
        )
    }

    #[test]
    fn assignments_with_string_expressions_are_understood() {
        let deployment = read(&docker("", ""), "https://visio.example/room");
        assert_eq!(
            deployment,
            Deployment {
                domain: "meet.jitsi".into(),
                muc: "muc.meet.jitsi".into(),
                focus: "focus.meet.jitsi".into(),
                focus_user: Some("focus@auth.meet.jitsi".into()),
                anonymous_domain: Some("guest.meet.jitsi".into()),
                websocket: "wss://visio.example/xmpp-websocket".into(),
                conference_request: None,
                keep_alive_url: "https://visio.example/xmpp-websocket".into(),
                keep_alive: Some(Duration::from_secs(60)),
                bosh: "https://visio.example/http-bind".into(),
                prefer_bosh: false,
                prefer_sctp: true,
                found: true,
            }
        );
    }

    #[test]
    fn the_tenant_stands_in_the_domain_and_in_the_address() {
        // As the web server fills it in, and as it stands where no server does.
        for (subdir, subdomain) in [
            ("Acme.x/", "Acme.x."),
            (
                r#"<!--# echo var="subdir" default="" -->"#,
                r#"<!--# echo var=\"subdomain\" default=\"\" -->"#,
            ),
        ] {
            let deployment = read(&docker(subdir, subdomain), "https://visio.example/Acme.x/room");
            assert_eq!(deployment.muc, "muc.acme_x.meet.jitsi");
            assert_eq!(deployment.websocket, "wss://visio.example/Acme.x/xmpp-websocket");
        }
    }

    #[test]
    fn an_object_literal_is_understood_with_comments_and_both_kinds_of_quotes() {
        let source = r#"
/* eslint-disable */ // don't
var subdomain = "<!--# echo var="subdomain" default="" -->";
if (subdomain.startsWith("<!--")) { subdomain = ""; }
var config = {
    // Connection
    hosts: {
        // XMPP domain. domain: 'wrong.example',
        domain: 'meet.example',
        "muc": 'conference.' + subdomain + 'meet.example', /* muc: "no" */
        'focus': "focus\x2emeet.example", },
    bosh: 'https://meet.example/http-bind',
    websocket: '//meet.example/xmpp-websocket',
    analytics: [ { hosts: { domain: 'no' } }, /['"]/, function () { return { domain: "no" }; } ],
    p2p: { enabled: true, hosts: { domain: 'no' } },
    bridgeChannel: { preferSctp: false },
    testing: {},
};
"#;
        let deployment = read(source, "https://meet.example/room");
        assert!(deployment.found && !deployment.prefer_sctp);
        assert_eq!(deployment.domain, "meet.example");
        assert_eq!(deployment.muc, "conference.meet.example");
        assert_eq!(deployment.focus, "focus.meet.example");
        assert_eq!(deployment.websocket, "wss://meet.example/xmpp-websocket");
    }

    #[test]
    fn a_server_side_include_inside_a_string_is_filled_in() {
        let source = r#"var config = { hosts: { domain: 'meet.example',
            muc: 'conference.<!--# echo var="subdomain" default="" -->meet.example' },
            websocket: 'wss://meet.example/<!--# echo var="subdir" default="" -->xmpp-websocket' }"#;
        assert_eq!(read(source, "https://meet.example/room").muc, "conference.meet.example");
        let tenant = read(source, "https://meet.example/acme/room");
        assert_eq!(tenant.muc, "conference.acme.meet.example");
        assert_eq!(tenant.websocket, "wss://meet.example/acme/xmpp-websocket");
    }

    #[test]
    fn what_is_missing_or_not_understood_gets_the_usual_names() {
        for source in [
            "",
            "<html>not found</html>",
            "var config = { hosts: { domain: f() } }",
            "\u{0}'\"`/*",
            "config.hosts.domain = {{ X }};",
        ] {
            let deployment = read(source, "https://meet.example/acme/room");
            assert!(!deployment.found, "{source}");
            assert_eq!(deployment.domain, "meet.example");
            assert_eq!(deployment.muc, "conference.acme.meet.example");
            assert_eq!(deployment.websocket, "wss://meet.example/acme/xmpp-websocket");
        }
    }

    #[test]
    fn a_configuration_cannot_lead_out_of_tls() {
        let source = "config = { hosts: { domain: 'x.example' }, websocket: 'ws://127.0.0.1/xmpp-websocket' }";
        assert_eq!(
            read(source, "https://meet.example/r").websocket,
            "wss://meet.example/xmpp-websocket"
        );
        assert_eq!(
            read(source, "http://localhost/r").websocket,
            "ws://127.0.0.1/xmpp-websocket"
        );
        let source = "config = { hosts: { domain: 'x.example' }, websocket: 'ws://meet.example/xmpp-websocket' }";
        assert_eq!(
            read(source, "http://localhost/r").websocket,
            "ws://localhost/xmpp-websocket"
        );
    }

    #[test]
    fn the_focus_is_asked_by_http_where_the_deployment_says_so_and_never_without_tls() {
        let with = |line: &str, room: &str| {
            let source = format!("var config = {{ hosts: {{ domain: 'meet.example' }} }}; {line}");
            read(&source, room).conference_request
        };
        for (line, wanted) in [
            (
                "config.conferenceRequestUrl = 'https://meet.example/conference-request/v1';",
                Some("https://meet.example/conference-request/v1"),
            ),
            (
                "config.conferenceRequestUrl = '/conference-request/v1';",
                Some("https://meet.example/conference-request/v1"),
            ),
            ("config.conferenceRequestUrl = 'http://meet.example/v1';", None),
            ("config.conferenceRequestUrl = 'http://127.0.0.1/v1';", None),
            ("config.conferenceRequestUrl = 'file:///etc/passwd';", None),
            ("", None),
        ] {
            assert_eq!(with(line, "https://meet.example/room").as_deref(), wanted, "{line}");
        }
        let local = with(
            "config.conferenceRequestUrl = 'http://127.0.0.1/v1';",
            "http://localhost/r",
        );
        assert_eq!(local.as_deref(), Some("http://127.0.0.1/v1"));
    }

    #[test]
    fn the_keep_alive_has_an_interval_and_an_address() {
        let with = |line: &str| {
            let source = format!(
                "var config = {{ hosts: {{ domain: 'meet.example' }}, websocket: 'wss://x.example/ws/xmpp-websocket', {line} }};"
            );
            let deployment = read(&source, "https://meet.example/room");
            assert!(deployment.found);
            (
                deployment.keep_alive.map(|time| time.as_millis()),
                deployment.keep_alive_url,
            )
        };
        let url = "https://x.example/ws/xmpp-websocket".to_owned();
        for (line, wanted) in [
            ("", Some(60_000)),
            ("websocketKeepAlive: 30000,", Some(30_000)),
            ("websocketKeepAlive: 1,", Some(5_000)),
            ("websocketKeepAlive: 999999999999999,", Some(3_600_000)),
            ("websocketKeepAlive: 99999999999999999999999,", Some(60_000)),
            ("websocketKeepAlive: 1e9,", Some(60_000)),
            ("websocketKeepAlive: 60 * 1000,", Some(60_000)),
            ("websocketKeepAlive: 0,", None),
            ("websocketKeepAlive: -1,", None),
        ] {
            assert_eq!(with(line), (wanted, url.clone()), "{line}");
        }
        assert_eq!(
            with("websocketKeepAliveUrl: 'https://meet.example/_unlock'").1,
            "https://meet.example/_unlock"
        );
    }

    #[test]
    fn nesting_without_end_and_broken_files_end_quietly() {
        for source in [
            format!("config = {}", "{a:".repeat(200_000)),
            format!("config = {}", "[".repeat(500_000)),
            format!("config = {}1", "(".repeat(500_000)),
            format!("config.hosts.domain = {}", "'a' + ".repeat(100_000)),
            format!(
                "var a = 'aaaaaaaaaaaaaaaa';{}config.hosts.domain = a;",
                "a = a + a;".repeat(60)
            ),
            "config.".repeat(100_000),
            "config = { hosts: { domain: ".into(),
            "`${`${`${".into(),
        ] {
            assert!(!read(&source, "https://meet.example/room").found);
        }
    }
}
