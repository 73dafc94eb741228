//! Where a broker is.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Port of a broker, where none is written.
const PORT: u16 = 8883;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or address. Its certificate must be for it.
    pub host: String,
    /// 8883, or 443 where nothing else passes.
    pub port: u16,
}

/// No broker can be there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no broker: HOST or HOST:PORT")]
pub struct NoEndpoint(String);

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    /// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`.
    fn from_str(text: &str) -> Result<Self, NoEndpoint> {
        let no = || NoEndpoint(text.chars().take(300).collect());
        let url: Url = format!("mqtts://{text}").parse().map_err(|_| no())?;
        let plain = url.path().is_empty() && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| plain && nobody).ok_or_else(no)?;
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(PORT),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_perhaps_a_port() {
        let read = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        assert_eq!(read("broker.example"), Ok("broker.example:8883".into()));
        assert_eq!(read("broker.example:443"), Ok("broker.example:443".into()));
        assert_eq!(read("[::1]:1"), Ok("[::1]:1".into()));
        for wrong in [
            "",
            "mqtts://broker",
            "a/b",
            "a#b",
            "a?b",
            "user@host",
            ":secret@host",
            "host:99999",
        ] {
            assert_eq!(read(wrong), Err(NoEndpoint(wrong.into())));
        }
    }
}
