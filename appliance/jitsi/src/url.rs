//! From what people type, scan or receive to a room: `specs/jitsi-client.md §1`, after jitsi-meet's `uri.ts`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

/// Longest address that is looked at, in bytes. Tokens in it may be long.
pub const MAX_BYTES: usize = 16 * 1024;
/// Longest room name after normalisation, in bytes: the node of a JID (RFC 7622 §3.3).
pub const MAX_ROOM_BYTES: usize = 1023;

/// What `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Deleted from each part of the path (`_ROOM_EXCLUDE_PATTERN`).
const EXCLUDED: &[char] = &[
    ':', '?', '#', '[', ']', '@', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', '>', '<', '/', '"',
];

/// A room of a deployment.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomUrl {
    /// Host name or literal address, ASCII.
    pub host: String,
    /// Port, if not the scheme's own.
    pub port: Option<u16>,
    /// TLS. False only for hosts that are this machine itself.
    pub secure: bool,
    /// The path before the room, parts joined by `/`, as typed: web servers tell letters apart; none at the root.
    pub tenant: Option<String>,
    /// The room as the server knows it: normalised, percent-encoded, lower case.
    pub room: String,
    /// The token of `?jwt=`.
    pub token: Option<String>,
}

impl std::fmt::Debug for RoomUrl {
    /// Without the token, and without the room: who knows its name can enter it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomUrl")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("secure", &self.secure)
            .field("token", &self.token.is_some())
            .finish_non_exhaustive()
    }
}

/// Why an address is not the address of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongUrl {
    /// Longer than [`MAX_BYTES`], or the room longer than [`MAX_ROOM_BYTES`].
    #[error("the address is too long")]
    TooLong,
    /// Not an address at all.
    #[error("this is not an address of the form https://host/room")]
    NotAnUrl,
    /// Neither https nor http.
    #[error("only https addresses are accepted")]
    WrongScheme,
    /// http to another machine.
    #[error("without TLS (http) only this machine itself is accepted")]
    NotSecure,
    /// No room in the path.
    #[error("the address names no room")]
    NoRoom,
}

impl RoomUrl {
    /// Reads an address. White space around and inside is deleted; a missing scheme means https; the application
    /// scheme `org.jitsi.meet:` counts as https; the fragment (`#config…`) is ignored: it would let a stranger's link
    /// change the box's behaviour.
    ///
    /// # Errors
    /// [`WrongUrl`], the reason for [`room::outcome::Outcome::WrongUrl`].
    pub fn parse(text: &str) -> Result<Self, WrongUrl> {
        if text.len() > MAX_BYTES {
            return Err(WrongUrl::TooLong);
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        let (secure, rest) = scheme(&text)?;
        let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').ok_or(WrongUrl::NoRoom)?;
        let (host, port, loopback) = host(authority, secure)?;
        if !secure && !loopback {
            return Err(WrongUrl::NotSecure);
        }
        let mut parts: Vec<String> = path
            .split('/')
            .map(|part| part.replace(EXCLUDED, ""))
            .filter(|part| !part.is_empty())
            .collect();
        let room = normalise(&parts.pop().ok_or(WrongUrl::NoRoom)?);
        if room.is_empty() {
            return Err(WrongUrl::NoRoom);
        }
        if room.len() > MAX_ROOM_BYTES {
            return Err(WrongUrl::TooLong);
        }
        let tenant = parts.join("/");
        let token = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("jwt="))
            .map(decode)
            .filter(|t| !t.is_empty());
        Ok(Self {
            host,
            port,
            secure,
            tenant: Some(tenant).filter(|tenant| !tenant.is_empty()),
            room,
            token,
        })
    }

    /// `host` or `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The path before the room, with both slashes: `/` or `/tenant/`.
    #[must_use]
    pub fn base_path(&self) -> String {
        self.tenant
            .as_ref()
            .map_or_else(|| "/".to_owned(), |tenant| format!("/{tenant}/"))
    }

    /// The tenant as the parts of a MUC domain have it: lower case, without dots, a dot at its end; empty without tenant
    /// (`<prefix>.<tenant>.<domain>`).
    #[must_use]
    pub fn subdomain(&self) -> String {
        self.tenant.as_ref().map_or_else(String::new, |tenant| {
            format!("{}.", normalise(tenant).replace("%2f", "_").replace('.', "_"))
        })
    }

    /// Where the deployment's configuration stands: with the tenant, because the web server writes it into the file.
    #[must_use]
    pub fn config_url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!(
            "{scheme}://{}{}config.js?room={}",
            self.authority(),
            self.base_path(),
            encode(&self.room)
        )
    }
}

/// Splits the scheme off, and tells whether it is TLS.
fn scheme(text: &str) -> Result<(bool, &str), WrongUrl> {
    let Some((scheme, rest)) = text.split_once("//") else {
        // `meet.example/room`: people leave the scheme out.
        let lower = text.to_ascii_lowercase();
        let has_scheme = [
            "http:",
            "https:",
            "mailto:",
            "tel:",
            "sip:",
            "file:",
            "data:",
            "javascript:",
        ];
        return if has_scheme.iter().any(|scheme| lower.starts_with(scheme)) {
            Err(WrongUrl::NotAnUrl)
        } else {
            Ok((true, text))
        };
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https:" | "org.jitsi.meet:" | "" => Ok((true, rest)),
        "http:" => Ok((false, rest)),
        // `meet.example//room`, or an address inside a path.
        other if !other.ends_with(':') && other.contains('.') => Ok((true, text)),
        _ => Err(WrongUrl::WrongScheme),
    }
}

/// Host (ASCII), port, and whether it is this machine.
fn host(authority: &str, secure: bool) -> Result<(String, Option<u16>, bool), WrongUrl> {
    let authority = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    let scheme = if secure { "https" } else { "http" };
    let url = ::url::Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| WrongUrl::NotAnUrl)?;
    if url.path() != "/" || url.port() == Some(0) {
        return Err(WrongUrl::NotAnUrl);
    }
    let loopback = match url.host() {
        Some(::url::Host::Domain(domain)) => {
            if domain.is_empty() || domain.starts_with('.') {
                return Err(WrongUrl::NotAnUrl);
            }
            domain == "localhost" || domain.ends_with(".localhost")
        }
        Some(::url::Host::Ipv4(address)) => address.is_loopback(),
        Some(::url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(WrongUrl::NotAnUrl),
    };
    let host = url.host_str().ok_or(WrongUrl::NotAnUrl)?.to_owned();
    Ok((host, url.port(), loopback))
}

/// `getBackendSafeRoomName`: decode, NFKC, lower case, encode, lower case again.
fn normalise(part: &str) -> String {
    let plain: String = decode(part).nfkc().collect();
    encode(&plain.to_lowercase()).to_lowercase()
}

/// `decodeURIComponent`, which leaves a text alone that is not properly encoded.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let proper = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| {
            let hex = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
            hex(1) && hex(2)
        });
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if proper => decoded.into_owned(),
        _ => text.to_owned(),
    }
}

/// `encodeURIComponent`.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(url: &str) -> String {
        RoomUrl::parse(url).unwrap().room
    }

    /// Address, tenant, room.
    const GOLDEN: &[(&str, Option<&str>, &str)] = &[
        ("https://meet.example/Standup", None, "standup"),
        ("https://meet.example/standup/", None, "standup"),
        ("https://meet.example//standup", None, "standup"),
        ("meet.example/standup", None, "standup"),
        ("  https://meet.example/stand up\n", None, "standup"),
        ("HTTPS://MEET.EXAMPLE/STANDUP", None, "standup"),
        (
            "https://meet.example/standup#config.startWithAudioMuted=true",
            None,
            "standup",
        ),
        ("https://meet.example/standup?jwt=a.b.c", None, "standup"),
        (
            "https://meet.example/standup?lang=fr&jwt=a.b.c#x?jwt=d",
            None,
            "standup",
        ),
        ("https://meet.example/Acme/Standup", Some("Acme"), "standup"),
        ("https://meet.example/acme/sub/standup", Some("acme/sub"), "standup"),
        ("https://meet.example/Réunion", None, "r%c3%a9union"),
        ("https://meet.example/R%C3%A9union", None, "r%c3%a9union"),
        ("https://meet.example/R%c3%89union", None, "r%c3%a9union"),
        ("https://meet.example/Re\u{301}union", None, "r%c3%a9union"),
        ("https://meet.example/\u{fb01}let", None, "filet"),
        ("https://meet.example/ＦＵＬＬ", None, "full"),
        ("https://meet.example/ÇA%20Va", None, "%c3%a7a%20va"),
        ("https://meet.example/100%", None, "100%25"),
        ("https://meet.example/100%25", None, "100%25"),
        ("https://meet.example/a%zzb", None, "a%25zzb"),
        ("https://meet.example/%E0%A4%A", None, "%25e0%25a4%25a"),
        ("https://meet.example/%FF", None, "%25ff"),
        (
            "https://meet.example/a:b@c!d$e&f'g(h)i*j+k,l;m=n",
            None,
            "abcdefghijklmn",
        ),
        ("https://meet.example/a%2Fb", None, "a%2fb"),
        ("https://meet.example/a.b-c_d~e", None, "a.b-c_d~e"),
        ("https://meet.example/会議", None, "%e4%bc%9a%e8%ad%b0"),
        ("https://meet.example/İstanbul", None, "i%cc%87stanbul"),
        ("https://meet.example:8443/standup", None, "standup"),
        ("https://user:secret@meet.example/standup", None, "standup"),
        ("org.jitsi.meet://meet.example/standup", None, "standup"),
        ("http://127.0.0.1:8000/standup", None, "standup"),
        ("http://localhost/standup", None, "standup"),
        ("http://[::1]:8000/standup", None, "standup"),
    ];

    #[test]
    fn every_way_of_writing_a_room_leads_to_the_same_room_as_in_a_browser() {
        for (url, tenant, room) in GOLDEN {
            let parsed = RoomUrl::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(
                (parsed.tenant.as_deref(), parsed.room.as_str()),
                (*tenant, *room),
                "{url}"
            );
        }
    }

    #[test]
    fn normalising_twice_changes_nothing_where_no_percent_sign_was_typed() {
        for (_, _, name) in GOLDEN.iter().filter(|(url, ..)| !url.contains('%')) {
            assert_eq!(room(&format!("https://meet.example/{name}")), *name);
        }
    }

    #[test]
    fn what_is_not_a_room_is_refused_with_its_reason() {
        for (url, reason) in [
            ("", WrongUrl::NoRoom),
            ("hello", WrongUrl::NoRoom),
            ("https://meet.example", WrongUrl::NoRoom),
            ("https://meet.example/", WrongUrl::NoRoom),
            ("https://meet.example/?room=x", WrongUrl::NoRoom),
            ("https://meet.example/#/x", WrongUrl::NoRoom),
            ("https://meet.example/:@!", WrongUrl::NoRoom),
            ("http://meet.example/standup", WrongUrl::NotSecure),
            ("http://127.0.0.1.example/standup", WrongUrl::NotSecure),
            ("http://localhost.example/standup", WrongUrl::NotSecure),
            ("ftp://meet.example/standup", WrongUrl::WrongScheme),
            ("sip:room@meet.example/x", WrongUrl::NotAnUrl),
            ("https:///standup", WrongUrl::NotAnUrl),
            ("https://meet.example:99999/standup", WrongUrl::NotAnUrl),
            ("https://me et\u{0}.exa\\mple/standup", WrongUrl::NotAnUrl),
            ("https://[::1/standup", WrongUrl::NotAnUrl),
        ] {
            assert_eq!(RoomUrl::parse(url), Err(reason), "{url}");
        }
        assert_eq!(RoomUrl::parse(&"a".repeat(MAX_BYTES + 1)), Err(WrongUrl::TooLong));
        assert_eq!(
            RoomUrl::parse(&format!("https://meet.example/{}", "a".repeat(1024))),
            Err(WrongUrl::TooLong)
        );
    }

    #[test]
    fn the_token_is_read_and_never_shown() {
        let url = RoomUrl::parse("https://meet.example/secretroom?jwt=eyJh.b.c%3D").unwrap();
        assert_eq!(url.token.as_deref(), Some("eyJh.b.c="));
        let shown = format!("{url:?}");
        assert!(!shown.contains("eyJh") && !shown.contains("secretroom"), "{shown}");
    }

    #[test]
    fn the_configuration_is_asked_with_the_tenant() {
        let url = RoomUrl::parse("https://Meet.Example:8443/Acme/Réunion").unwrap();
        assert_eq!(
            url.config_url(),
            "https://meet.example:8443/Acme/config.js?room=r%25c3%25a9union"
        );
        let url = RoomUrl::parse("http://[::1]:81/x").unwrap();
        assert_eq!(url.config_url(), "http://[::1]:81/config.js?room=x");
    }

    #[test]
    fn an_international_host_becomes_ascii() {
        assert_eq!(
            RoomUrl::parse("https://réunion.example/x").unwrap().host,
            "xn--runion-bva.example"
        );
    }
}
