//! A service that we have met before: the next join says at once what it need not wait for. What it was told is checked
//! against the configuration before anything is said, and what fails is done again in the careful way.

use super::context::Context;
use super::meeting::{Meeting, Phase};
use super::{Output, SocketEvent};
use crate::config_js::Deployment;
use crate::stream::Stream;

/// What the service of the last meeting was like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    /// Address of its configuration, without the room.
    configuration: String,
    deployment: Deployment,
    /// It let a guest in on a WebSocket.
    takes_guests: bool,
}

impl Meeting {
    /// Opens the socket while the configuration is still on its way.
    pub fn open_ahead(&mut self, cx: &mut Context) {
        let known = cx.acquaintance.as_ref();
        let known = known.filter(|known| known.configuration == self.configuration_address());
        if let Some(known) = known.filter(|known| !known.deployment.prefer_bosh) {
            self.deployment = Some(known.deployment.clone());
            self.open_socket(None, cx);
        }
    }

    /// What happens to that socket before the configuration is there.
    pub fn opened_ahead(&mut self, event: &SocketEvent) {
        match (event, &mut self.signalling) {
            (SocketEvent::Opened, Some(signalling)) => signalling.opened = true,
            (SocketEvent::Closed { .. } | SocketEvent::Failed(_), signalling) => *signalling = None,
            _ => {}
        }
    }

    /// Takes the socket that was opened ahead, if the service is what it was; false if there is none to take.
    pub fn take_ahead(&mut self, deployment: &Deployment, cx: &mut Context) -> bool {
        let Some(signalling) = &self.signalling else {
            return false;
        };
        if self.deployment.as_ref() != Some(deployment) {
            tracing::info!("the service has changed since the last meeting");
            cx.output(Output::CloseSocket { id: signalling.socket });
            self.signalling = None;
            return false;
        }
        let opened = signalling.opened;
        self.connecting(cx);
        if opened {
            self.begin_stream(cx);
        }
        true
    }

    /// A resource is bound: the service is known from now on.
    pub fn remember_service(&self, cx: &mut Context) {
        let acquaintance = self.deployment.clone().map(|deployment| Acquaintance {
            configuration: self.configuration_address(),
            deployment,
            takes_guests: !self.bosh && self.is_guest(cx),
        });
        cx.acquaint(acquaintance);
    }

    /// True when the service has let a guest in before, and we are one.
    pub fn known_as_guest(&self, cx: &Context) -> bool {
        let known = cx.acquaintance.as_ref();
        !self.bosh
            && self.is_guest(cx)
            && known.is_some_and(|known| known.takes_guests && self.deployment.as_ref() == Some(&known.deployment))
    }

    /// A stream that asked to be let in without waiting was lost before it was bound: the service is met as a stranger again. False
    /// if it was no such stream.
    pub fn quick_was_wrong(&mut self, stream: Option<&Stream>, cx: &mut Context) -> bool {
        let wrong = stream.is_some_and(Stream::is_quick) && matches!(self.phase, Phase::Connecting { .. });
        if wrong {
            tracing::info!("the service did not like the haste");
            cx.acquaint(None);
            self.connect(cx);
        }
        wrong
    }

    fn is_guest(&self, cx: &Context) -> bool {
        self.token().is_none() && self.account(cx).is_none()
    }

    fn configuration_address(&self) -> String {
        let url = self.url.config_url();
        url.split_once('?')
            .map_or(url.as_str(), |(address, _)| address)
            .to_owned()
    }
}
