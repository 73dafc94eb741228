//! `config.js` in the shapes that deployments have.

use crate::options::{ConfigStyle, Options};
use crate::prosody::Hosts;

/// The script; `subdomain` is `tenant.` or empty, `subdir` is `tenant/` or empty, as the web server substitutes them.
pub fn script(
    options: &Options,
    hosts: &Hosts,
    (secure, authority): (bool, &str),
    tenant: Option<&str>,
) -> Option<String> {
    let s = if secure { "s" } else { "" };
    let by_http = if options.conference_request_by_http {
        format!("config.conferenceRequestUrl = 'http{s}://{authority}/' + subdir + 'conference-request/v1';")
    } else {
        String::new()
    };
    let keep_alive = options
        .keep_alive_ms
        .map(|ms| format!("config.websocketKeepAlive = {ms};"))
        .unwrap_or_default();
    let subdomain = tenant.map(|t| format!("{}.", t.to_lowercase())).unwrap_or_default();
    let subdir = tenant.map(|t| format!("{t}/")).unwrap_or_default();
    let domain = &hosts.domain;
    let main = if options.accounts.is_empty() {
        domain.clone()
    } else {
        hosts.login()
    };
    let guests = (main != *domain).then(|| format!("config.hosts.anonymousdomain = '{domain}';\n"));
    let guests = guests.unwrap_or_default();
    let websocket = if options.websocket_named {
        "config.websocket"
    } else {
        "config.otherwise"
    };
    match options.config_style {
        ConfigStyle::Absent => None,
        ConfigStyle::Docker => Some(format!(
            r#"// Begin default config overrides.

config = {{}};

if (!config.hasOwnProperty('hosts')) config.hosts = {{}};

config.hosts.domain = '{main}';
{guests}config.hosts.focus = 'focus.{domain}';
config.focusUserJid = '{focus}';

var subdomain = "{subdomain}";
if (subdomain.startsWith("<!--")) {{
  subdomain = "";
}}
if (subdomain) {{
    subdomain = subdomain.substr(0,subdomain.length-1).split('.').join('_').toLowerCase() + '.';
}}
config.hosts.muc = 'conference.' + subdomain + '{domain}';
var subdir = "{subdir}";
if (subdir.startsWith("<!--")) {{
  subdir = "";
}}
config.bosh = 'http{s}://{authority}/' + subdir + 'http-bind';
{websocket} = 'ws{s}://{authority}/' + subdir + 'xmpp-websocket';
{by_http}
{keep_alive}
config.websocketKeepAliveUrl = 'http{s}://{authority}/' + subdir + '_unlock';

config.bridgeChannel = {{
    preferSctp: true
}};

// Video configuration.
if (!config.hasOwnProperty('constraints')) config.constraints = {{}};
config.startAudioMuted = 10;
config.startVideoMuted = 10;
config.p2p = {{ enabled: false }};
config.flags = {{ ssrcRewritingEnabled: true }};
"#,
            focus = hosts.focus_user(),
        )),
        ConfigStyle::Literal => Some(format!(
            r#"/* eslint-disable no-unused-vars, no-var */
var subdir = '{subdir}';
var subdomain = '{subdomain}';
var config = {{
    // Connection
    hosts: {{
        // XMPP domain.
        domain: '{domain}',
        /* anonymousdomain: 'guest.example.com', */
        muc: 'conference.' + subdomain + '{domain}', // MUC
        focus: 'focus.{domain}',
    }},
    bosh: 'http{s}://{authority}/' + subdir + 'http-bind',
    websocket: 'ws{s}://{authority}/' + subdir + 'xmpp-websocket',
    testing: {{
        // p2pTestMode: false,
    }},
    channelLastN: -1,
    p2p: {{ enabled: false, }},
}};
{by_http}
{keep_alive}
"#
        )),
    }
}
