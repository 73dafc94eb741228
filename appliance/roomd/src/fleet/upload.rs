//! Files that leave the box: by HTTPS PUT to an address for one time, never through the broker (`specs/fleet-mqtt.md §1`).

use std::error::Error;
use std::time::Duration;

use fleet::contract::Code;
use fleet::session::Reply;
use reqwest::StatusCode;
use url::Url;

/// For a file to arrive; whoever asked for it waits 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends a file there. A server that sends the box elsewhere is not followed: the address was for this one.
pub async fn put(http: &reqwest::Client, url: Url, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = http.put(url).header("content-type", kind).body(body).timeout(PATIENCE);
    let reply = match request.send().await {
        Ok(answer) if answer.status().is_success() => {
            let status = ("status".to_owned(), answer.status().as_u16().into());
            return Reply::done([status].into_iter().collect());
        }
        Ok(answer) => Reply::failed(code(answer.status()), format!("the server says {}", answer.status())),
        Err(error) if error.is_timeout() => Reply::failed(Code::Timeout, "the server has not taken it in 20 s"),
        Err(error) => Reply::failed(
            Code::Precondition,
            format!("the server is not reached: {}", cause(error)),
        ),
    };
    reply.at("/params/url")
}

/// What a status means, in the contract's word.
fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::Timeout,
        _ => Code::Precondition,
    }
}

/// What is behind an error, without the address, which may hold a secret.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut last: &dyn Error = &error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_has_its_word_in_the_contract() {
        for (status, expected) in [
            (307, Code::Precondition),
            (403, Code::Precondition),
            (408, Code::Timeout),
            (410, Code::Precondition),
            (413, Code::TooLarge),
            (500, Code::Precondition),
        ] {
            assert_eq!(code(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_the_address_is_not_said() {
        let url = "https://localhost:9/once?token=secret".parse().unwrap();
        let reply = put(&reqwest::Client::new(), url, "text/plain", "words").await;
        assert_eq!(
            (reply.code, reply.path.as_deref()),
            (Code::Precondition, Some("/params/url"))
        );
        assert!(
            !reply.msg.contains("secret") && !reply.msg.contains("localhost"),
            "{}",
            reply.msg
        );
    }
}
