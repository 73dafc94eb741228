//! The answer of a proxy to `CONNECT`.
#![no_main]

use media_protocol::Proxy;

libfuzzer_sys::fuzz_target!(|answer: &[u8]| {
    let proxy = Proxy {
        host: "proxy.example".into(),
        port: 3128,
        username: None,
        password: None,
    };
    let mut stream = tokio::io::join(answer, tokio::io::sink());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let asked = runtime.map(|runtime| runtime.block_on(network::ask_proxy(&mut stream, "meet.example", 443, &proxy)));
    if matches!(asked, Ok(Ok(()))) {
        assert!(answer.trim_ascii_start().starts_with(b"HTTP/1."), "a tunnel without an answer in HTTP");
    }
});
