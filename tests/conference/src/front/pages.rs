//! Plain HTTP: the room page, `config.js`, and what the far side sees as picture and JSON.

use std::net::SocketAddr;

use super::{Surroundings, config_js};

/// The answer to a request.
pub(super) fn respond(around: &Surroundings, address: SocketAddr, method: &str, target: &str) -> Page {
    if method != "GET" && method != "HEAD" {
        return response("405 Method Not Allowed", "text/plain", b"");
    }
    let path = target.split('?').next().unwrap_or_default();
    let tenant = around.options.tenant.as_deref();
    match path {
        "/far-side.jpg" => match around.far_sides.jpeg(None) {
            Some(jpeg) => response("200 OK", "image/jpeg", &jpeg),
            None => response("404 Not Found", "text/plain", b"nothing decoded yet"),
        },
        "/far-side.json" => json(&around.far_sides.report(None)),
        "/participants.json" => json(&around.participants.all()),
        "/verdict.json" => json(&around.verdict.all()),
        _ if path.ends_with("/config.js") => {
            let asked = path.trim_end_matches("/config.js").trim_matches('/');
            let asked = if asked.is_empty() { None } else { Some(asked) };
            // A web server substitutes the tenant of the path; without it the client lands in the wrong room.
            let authority = match &around.options.secure_authority {
                Some(authority) => (true, authority.clone()),
                None => (false, address.to_string()),
            };
            let authority = (authority.0, authority.1.as_str());
            match config_js::script(&around.options, &around.hosts, authority, asked.and(tenant).or(asked)) {
                Some(script) => response("200 OK", "application/javascript", script.as_bytes()),
                None => response("404 Not Found", "text/plain", b""),
            }
        }
        _ if path.ends_with("/http-bind") || path.ends_with("/_unlock") => response("200 OK", "text/plain", b""),
        _ => response(
            "200 OK",
            "text/html; charset=utf-8",
            b"<!doctype html><title>Conference</title><p>A conference in a box. Join this address with a room box.</p>\
              <p><img src='/far-side.jpg' width='640' alt='what the far side sees'></p>",
        ),
    }
}

fn json(value: &impl serde::Serialize) -> Page {
    match serde_json::to_vec_pretty(value) {
        Ok(body) => response("200 OK", "application/json", &body),
        Err(error) => response("500 Internal Server Error", "text/plain", error.to_string().as_bytes()),
    }
}

pub(super) fn response(status: &str, kind: &str, body: &[u8]) -> Page {
    Page::new(status, kind, body)
}

/// An answer by HTTP.
pub(super) struct Page {
    status: String,
    kind: String,
    body: Vec<u8>,
}

impl Page {
    pub(super) fn new(status: &str, kind: &str, body: &[u8]) -> Self {
        Self {
            status: status.to_owned(),
            kind: kind.to_owned(),
            body: body.to_vec(),
        }
    }

    /// The whole response, from this shard.
    pub(super) fn bytes(&self, shard: &str) -> Vec<u8> {
        let mut out = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             x-jitsi-shard: {shard}\r\nConnection: close\r\n\r\n",
            self.status,
            self.kind,
            self.body.len()
        )
        .into_bytes();
        out.extend_from_slice(&self.body);
        out
    }
}
