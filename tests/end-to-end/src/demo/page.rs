//! The page: two pictures, a few times a second, on loopback. As little HTTP as a browser needs.

use std::net::SocketAddr;

use conference::Conference;
use end_to_end::RoomBox;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Duration, timeout},
};

/// A request line is shorter than this.
const MAX_REQUEST: usize = 8 * 1024;
/// Whoever does not send or read within this time is dropped.
const PATIENCE: Duration = Duration::from_secs(2);

/// The listening page.
pub struct Page {
    listener: TcpListener,
    address: SocketAddr,
}

impl Page {
    /// Listens on 127.0.0.1.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn bind(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next browser that connects.
    pub async fn accept(&self) -> std::io::Result<TcpStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

/// Answers one request.
pub async fn serve(mut stream: TcpStream, conference: &Conference, room_box: &RoomBox) {
    // A browser that went away is none of our business.
    let _answered = timeout(PATIENCE, answer(&mut stream, conference, room_box)).await;
}

async fn answer(stream: &mut TcpStream, conference: &Conference, room_box: &RoomBox) -> std::io::Result<()> {
    let mut request = vec![0; MAX_REQUEST];
    let length = stream.read(&mut request).await?;
    let line = String::from_utf8_lossy(&request[..length]);
    let path = line
        .split_whitespace()
        .nth(1)
        .unwrap_or("/")
        .split('?')
        .next()
        .unwrap_or("/");
    let (kind, body) = match path {
        "/" => ("text/html; charset=utf-8", Some(PAGE.as_bytes().to_vec())),
        "/far.jpg" => ("image/jpeg", conference.far_side_jpeg()),
        "/wall.jpg" => ("image/jpeg", room_box.wall()),
        "/figures.json" => ("application/json", serde_json::to_vec(&conference.far_side()).ok()),
        _ => ("text/plain", None),
    };
    let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await
}

const PAGE: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>Hemicycle: the demo</title>
<style>
 body{margin:0;background:#16181d;color:#eee;font:16px system-ui,sans-serif}
 main{display:grid;grid-template-columns:1fr 1fr;gap:16px;padding:16px}
 h1{font-size:20px;margin:16px 16px 0} h2{font-size:16px;margin:0 0 8px} img{width:100%;background:#000}
 pre{margin:0 16px 16px;color:#9ab;white-space:pre-wrap} @media(max-width:900px){main{grid-template-columns:1fr}}
</style>
<h1>A room box in a Jitsi conference</h1>
<main><section><h2>What the far side sees of the room</h2><img id="far" alt="The picture the others receive from the room box"></section>
<section><h2>What the wall in the room shows</h2><img id="wall" alt="The picture on the wall of the room"></section></main>
<pre id="figures" aria-live="off"></pre>
<script>
const show=(id)=>{const image=document.getElementById(id),next=()=>setTimeout(load,200),
 load=()=>{image.src='/'+id+'.jpg?'+Date.now()};image.onload=next;image.onerror=()=>setTimeout(load,500);load()};
show('far');show('wall');
setInterval(async()=>{try{const f=await(await fetch('/figures.json')).json();
 document.getElementById('figures').textContent=f.layers.map(l=>`layer ${l.width}x${l.height}: ${l.fps.toFixed(1)} frames a second`)
 .concat([`tone heard: ${f.tone_heard}`,`sound against picture: ${f.av_offset_ms===null?'not measured yet':f.av_offset_ms.toFixed(0)+' ms'}`]).join('\n')}
 catch(e){document.getElementById('figures').textContent='The demo has ended.'}},1000);
</script></html>"#;
