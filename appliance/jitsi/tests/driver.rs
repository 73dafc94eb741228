//! The driver against real sockets on this machine: every way the network fails has its name, and limits hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jitsi::{Handle, Options};
use room::conference::{ConferenceCommand, ConferenceEvent, JoinRequest, Muted, Sources};
use room::outcome::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

const PATIENCE: Duration = Duration::from_secs(60);

fn request(url: &str) -> Box<JoinRequest> {
    Box::new(JoinRequest {
        url: url.into(),
        name: "Salle 4".into(),
        password: None,
        token: None,
        muted: Muted {
            audio: true,
            video: true,
        },
        sources: Sources::BOTH,
    })
}

/// Joins and gives the outcome.
async fn outcome(url: &str) -> Outcome {
    let mut handle = jitsi::spawn(Options::default());
    handle
        .commands
        .send(ConferenceCommand::Join(request(url)))
        .await
        .unwrap();
    ended(&mut handle).await
}

async fn ended(handle: &mut Handle) -> Outcome {
    tokio::time::timeout(PATIENCE, async {
        loop {
            match handle.events.recv().await.expect("an end") {
                ConferenceEvent::Ended(outcome) => return outcome,
                _ => continue,
            }
        }
    })
    .await
    .expect("in time")
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    (listener, authority)
}

/// Reads one request head.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers every request by what `answer` makes of its first line.
async fn serve(listener: TcpListener, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) {
    let answer = std::sync::Arc::new(answer);
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            return;
        };
        let answer = answer.clone();
        tokio::spawn(async move {
            let head = head(&mut stream).await;
            let _ = stream.write_all(&answer(head.lines().next().unwrap_or_default())).await;
            let _ = stream.shutdown().await;
        });
    }
}

fn response(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn config(authority: &str) -> String {
    format!("var config = {{ hosts: {{ domain: 'meet.example' }}, websocket: 'ws://{authority}/xmpp-websocket' }};")
}

#[tokio::test]
async fn a_port_where_nothing_listens_and_a_name_that_does_not_exist() {
    let (listener, authority) = listener().await;
    drop(listener);
    assert_eq!(
        outcome(&format!("http://{authority}/room")).await,
        Outcome::HostUnreachable
    );
    assert_eq!(
        outcome("https://no-such-host.invalid/room").await,
        Outcome::HostUnreachable
    );
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for() {
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::ssl::{SslAcceptor, SslMethod};
    use openssl::x509::{X509, X509NameBuilder};

    let key = EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap();
    let key = PKey::from_ec_key(key).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate.build()).unwrap();
    let acceptor = acceptor.build();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let _ = acceptor.accept(stream);
        }
    });
    assert_eq!(
        outcome(&format!("https://localhost:{port}/room")).await,
        Outcome::CertificateRefused
    );
}

#[tokio::test]
async fn a_web_server_that_is_no_conference() {
    let (listener, authority) = listener().await;
    tokio::spawn(serve(listener, |_| response("404 Not Found", "<html>")));
    assert_eq!(
        outcome(&format!("http://{authority}/room")).await,
        Outcome::NotAConference
    );
}

#[tokio::test]
async fn something_that_does_not_even_speak_http() {
    let (listener, authority) = listener().await;
    tokio::spawn(serve(listener, |_| b"220 mail.example ESMTP\r\n".to_vec()));
    assert_eq!(
        outcome(&format!("http://{authority}/room")).await,
        Outcome::NotAConference
    );
}

#[tokio::test]
async fn a_configuration_without_end() {
    let (listener, authority) = listener().await;
    tokio::spawn(serve(listener, |_| response("200 OK", &"x".repeat((1 << 20) + 1))));
    assert_eq!(
        outcome(&format!("http://{authority}/room")).await,
        Outcome::NotAConference
    );
}

#[tokio::test]
async fn redirects_without_end() {
    let (listener, authority) = listener().await;
    tokio::spawn(serve(listener, |_| {
        b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    }));
    assert_eq!(
        outcome(&format!("http://{authority}/room")).await,
        Outcome::NotAConference
    );
}

#[tokio::test]
async fn a_service_that_refuses_the_upgrade() {
    let (listener, authority) = listener().await;
    let config = config(&authority);
    tokio::spawn(serve(listener, move |line| {
        if line.contains("config.js") {
            response("200 OK", &config)
        } else {
            response("403 Forbidden", "")
        }
    }));
    assert_eq!(
        outcome(&format!("http://{authority}/room")).await,
        Outcome::ConnectionRefused
    );
}

/// Serves the configuration once and then hands out one WebSocket.
async fn socket(listener: &TcpListener, authority: &str) -> tokio_tungstenite::WebSocketStream<TcpStream> {
    let (mut stream, _) = listener.accept().await.unwrap();
    head(&mut stream).await;
    stream.write_all(&response("200 OK", &config(authority))).await.unwrap();
    stream.shutdown().await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    #[allow(clippy::result_large_err)] // the library's own type
    let check = |request: &Request, mut response: Response| {
        assert_eq!(request.uri().query(), Some("room=room&token=a.b.c"));
        assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "xmpp");
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", "xmpp".parse().unwrap());
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async(stream, check).await.unwrap()
}

#[tokio::test]
async fn a_refused_token_over_a_real_web_socket() {
    let (listener, authority) = listener().await;
    let url = format!("http://{authority}/Room?jwt=a.b.c");
    let server = tokio::spawn(async move {
        let mut socket = socket(&listener, &authority).await;
        let open = socket.next().await.unwrap().unwrap();
        assert!(open.to_text().unwrap().starts_with("<open "));
        let features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
            xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
        socket.send(Message::text(features)).await.unwrap();
        socket.next().await.unwrap().unwrap();
        let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-allowed/><text>Not acceptable by exp</text></failure>";
        socket.send(Message::text(failure)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    });
    assert_eq!(outcome(&url).await, Outcome::TokenExpired);
    tokio::time::timeout(PATIENCE, server)
        .await
        .expect("the socket is closed")
        .unwrap();
}

#[tokio::test]
async fn letting_go_of_the_handle_closes_the_socket_and_ends_the_task() {
    let (listener, authority) = listener().await;
    let mut handle = jitsi::spawn(Options::default());
    let url = format!("http://{authority}/room?jwt=a.b.c");
    handle
        .commands
        .send(ConferenceCommand::Join(request(&url)))
        .await
        .unwrap();
    let mut socket = socket(&listener, &authority).await;
    assert!(
        socket
            .next()
            .await
            .unwrap()
            .unwrap()
            .to_text()
            .unwrap()
            .starts_with("<open ")
    );
    drop(handle.commands);
    let closed = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(PATIENCE, closed)
        .await
        .expect("the socket is closed");
    let over = async { while handle.events.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, over).await.expect("the task has ended");
}

#[tokio::test]
async fn a_frame_above_the_limit_is_not_taken() {
    let (listener, authority) = listener().await;
    let url = format!("http://{authority}/Room?jwt=a.b.c");
    let server = tokio::spawn(async move {
        let mut socket = socket(&listener, &authority).await;
        socket.next().await.unwrap().unwrap();
        let _ = socket.send(Message::text("x".repeat((1 << 20) + 1))).await;
        while let Some(Ok(_)) = socket.next().await {}
        // Nobody is there when the box tries again.
        drop(listener);
    });
    assert_eq!(outcome(&url).await, Outcome::HostUnreachable);
    server.await.unwrap();
}
