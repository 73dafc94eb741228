//! Answers of a BOSH server, one a line, in and out of order.
#![no_main]

use jitsi::bosh::Bosh;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut bosh = Bosh::new(text.len() as u64);
    bosh.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.example' version='1.0'/>".into());
    let mut open = Vec::new();
    for (number, answer) in text.lines().enumerate() {
        bosh.send(format!("<message xmlns='jabber:client' id='{number}'/>"));
        while let Some(request) = bosh.next_request() {
            open.push(request.number);
        }
        assert!(open.len() <= 2, "two requests at once and no more");
        let next = if answer.len() % 2 == 0 { open.pop() } else { (!open.is_empty()).then(|| open.remove(0)) };
        if let Some(request) = next
            && bosh.receive(request, answer).is_err()
        {
            assert!(bosh.next_request().is_none(), "it is over");
            return;
        }
    }
});
