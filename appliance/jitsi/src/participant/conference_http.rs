//! The conference request by HTTP, where the deployment names an address for it (`specs/jitsi-client.md §2`).

use std::time::Duration;

use super::context::Context;
use super::keep_alive::with_room;
use super::meeting::Meeting;
use super::{HttpBody, HttpRequest, HttpResponse, NetworkError, Output};
use crate::conference_request::{ConferenceRequest, Reply};
use crate::stanza::StanzaError;

/// For the answer; the driver's own limit is shorter.
const ANSWER: Duration = Duration::from_secs(15);

impl Meeting {
    /// Asks the focus by HTTP.
    pub fn post_conference(&mut self, url: &str, request: &ConferenceRequest, cx: &mut Context) {
        let id = cx.connection();
        self.conference_http = Some((id, cx.after(ANSWER)));
        cx.output(Output::Http {
            id,
            request: HttpRequest {
                url: with_room(url, &self.url.room),
                bearer: request.token.clone(),
                body: Some(HttpBody {
                    content_type: "application/json",
                    text: request.to_json(),
                }),
            },
        });
    }

    /// The focus has answered by HTTP, or the network has not.
    pub fn conference_http_reply(&mut self, result: Result<HttpResponse, NetworkError>, cx: &mut Context) {
        self.conference_http = None;
        let reply = match result {
            Ok(response) => Reply::parse_http(response.status, &response.body),
            Err(error) => {
                tracing::info!(%error, "the conference request by HTTP has failed");
                Reply::Refused(StanzaError::default())
            }
        };
        self.conference_answered(reply, cx);
    }

    pub fn tick_conference_http(&mut self, cx: &mut Context) {
        if self.conference_http.is_some_and(|(_, deadline)| deadline <= cx.now) {
            self.conference_http = None;
            self.conference_answered(Reply::Refused(StanzaError::default()), cx);
        }
    }
}
