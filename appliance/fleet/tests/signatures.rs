//! Who may sign what, and what no signature gets through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fleet::contract::{Code, CommandName, DeviceId, Grant, SignatureError, Signer, Tenant, Verb};
use fleet::trust::{Anchors, Authority, SignedDocument, TrustedDocuments, Validity, new_key};
use jiff::{SignedDuration, Timestamp};
use openssl::pkey::{PKey, Private};

const PAYLOAD: &[u8] = br#"{"v":1, "exactly":  "these bytes"}"#;

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn tenant() -> Tenant {
    Tenant::try_from("etat").unwrap()
}

fn device() -> DeviceId {
    DeviceId::try_from("lyon-412").unwrap()
}

/// Where a document for this verb stands.
fn topic(verb: Verb) -> String {
    verb.topic(&tenant(), &device())
}

fn configuration() -> String {
    topic(Verb::Configure)
}

fn root() -> Authority {
    Authority::root("root", &tenant(), Validity::days(now(), 3650)).unwrap()
}

fn grants(texts: &[&str]) -> Vec<Grant> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn signer(authority: &Authority, texts: &[&str]) -> Signer {
    let key = new_key().unwrap();
    let leaf = authority.signer("ops", &key, &grants(texts), Validity::days(now(), 2));
    Signer::new(Arc::new(key), &[leaf.unwrap()]).unwrap()
}

fn trust(authority: &Authority) -> TrustedDocuments {
    TrustedDocuments {
        anchors: Anchors::new(vec![authority.certificate().to_owned()]).unwrap(),
        tenant: tenant(),
        device: device(),
        site: "lyon".try_into().unwrap(),
    }
}

fn checked(trust: &TrustedDocuments, text: &str, verb: Verb) -> Result<SignedDocument, SignatureError> {
    trust.check(text.as_bytes(), verb, Some(now()))
}

#[test]
fn what_was_signed_comes_back_byte_for_byte_with_the_name_of_the_signer() {
    let root = root();
    let signer = signer(&root, &["hemicycle://etat/lyon/configure"]);
    let text = signer.sign(&configuration(), PAYLOAD).unwrap();
    let signed = checked(&trust(&root), &text, Verb::Configure).unwrap();
    assert_eq!((signed.payload.as_slice(), signed.signer.as_str()), (PAYLOAD, "ops"));
}

#[test]
fn a_signer_may_do_what_the_certificate_says_and_nothing_else() {
    let root = root();
    let all = [
        Verb::Configure,
        Verb::Update,
        Verb::Notice,
        Verb::Command(CommandName::CallJoin),
        Verb::Command(CommandName::FactoryReset),
    ];
    let cases: [(&[&str], &[Verb]); 8] = [
        (&["hemicycle://etat/lyon/update"], &[Verb::Update]),
        (
            &["hemicycle://etat/*/notice", "hemicycle://etat/lyon/configure"],
            &[Verb::Configure, Verb::Notice],
        ),
        (&["hemicycle://etat/lyon/command:call.join"], &all[3..4]),
        (&["hemicycle://etat/*/command:*"], &all[3..]),
        (&["hemicycle://etat/lyon/*"], &all),
        (&["hemicycle://etat/paris/configure"], &[]),
        (&["hemicycle://other/lyon/configure", "hemicycle://other/*/update"], &[]),
        (&[], &[]),
    ];
    for (grants, expected) in cases {
        let signer = signer(&root, grants);
        for verb in all {
            let text = signer.sign(&topic(verb), PAYLOAD).unwrap();
            let result = checked(&trust(&root), &text, verb);
            match expected.contains(&verb) {
                true => assert!(result.is_ok(), "{grants:?} {verb:?}: {result:?}"),
                false => assert_eq!(result, Err(SignatureError::OutOfScope), "{grants:?} {verb:?}"),
            }
        }
    }
    assert_eq!(SignatureError::OutOfScope.code(), Code::NotAuthorised);
}

#[test]
fn a_document_is_worth_nothing_on_another_topic_of_the_box_or_at_another_box() {
    let root = root();
    let signer = signer(&root, &["hemicycle://etat/*/*"]);
    let paris = DeviceId::try_from("paris-07").unwrap();
    let elsewhere = [
        Verb::Configure.topic(&tenant(), &paris),
        topic(Verb::Update),
        topic(Verb::Notice),
        topic(Verb::NoticeAll),
    ];
    for topic in elsewhere {
        let text = signer.sign(&topic, PAYLOAD).unwrap();
        let result = checked(&trust(&root), &text, Verb::Configure);
        assert_eq!(result, Err(SignatureError::Elsewhere), "{topic}");
    }
}

#[test]
fn a_site_administrator_speaks_to_the_own_walls_and_not_to_everybody() {
    let root = root();
    for (grant, to_all) in [
        ("hemicycle://etat/lyon/notice", false),
        ("hemicycle://etat/*/notice", true),
    ] {
        let signer = signer(&root, &[grant]);
        let at = |verb| checked(&trust(&root), &signer.sign(&topic(verb), PAYLOAD).unwrap(), verb);
        assert!(at(Verb::Notice).is_ok());
        assert_eq!(at(Verb::NoticeAll).is_ok(), to_all, "{grant}");
    }
}

#[test]
fn a_stranger_and_a_certificate_out_of_its_time_are_not_trusted() {
    let (ours, theirs) = (root(), root());
    let grants = ["hemicycle://etat/lyon/configure"];
    let text = signer(&theirs, &grants).sign(&configuration(), PAYLOAD).unwrap();
    let refused = checked(&trust(&ours), &text, Verb::Configure).unwrap_err();
    assert!(matches!(refused, SignatureError::Untrusted(_)), "{refused}");
    let text = signer(&ours, &grants).sign(&configuration(), PAYLOAD).unwrap();
    let at = |now| trust(&ours).check(text.as_bytes(), Verb::Configure, now);
    for days in [-3, 3] {
        let refused = at(Some(now() + SignedDuration::from_hours(24 * days))).unwrap_err();
        assert_eq!(refused.code(), Code::Expired, "{days} days: {refused}");
    }
    assert!(at(None).is_ok(), "a box without a clock cannot tell");
}

/// The parts of a JWS, with one of them changed.
fn changed(text: &str, part: usize, change: impl Fn(String) -> String) -> String {
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    let decoded = URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
    parts[part] = URL_SAFE_NO_PAD.encode(change(String::from_utf8(decoded).unwrap()));
    parts.join(".")
}

#[test]
fn nothing_that_was_touched_gets_through() {
    let root = root();
    let trust = trust(&root);
    let grants = ["hemicycle://etat/lyon/configure"];
    let text = signer(&root, &grants).sign(&configuration(), PAYLOAD).unwrap();
    assert!(checked(&trust, &text, Verb::Configure).is_ok(), "as it is");
    let verdict = |text: &str| checked(&trust, text, Verb::Configure).map(|_| ()).unwrap_err();
    let malformed = |text: &str| assert!(matches!(verdict(text), SignatureError::Malformed(_)), "{text:.20}");
    assert_eq!(
        verdict(&changed(&text, 1, |payload| payload.replace("these", "those"))),
        SignatureError::Wrong
    );
    let elsewhere = changed(&text, 0, |header| header.replace("lyon-412", "lyon-413"));
    assert_eq!(verdict(&elsewhere), SignatureError::Wrong);
    for algorithm in ["none", "HS256", "RS256", "EdDSA", "ES384", "es256"] {
        malformed(&changed(&text, 0, |header| header.replace("ES256", algorithm)));
    }
    malformed(&changed(&text, 0, |header| header.replace("hemicycle+jws", "JWT")));
    malformed(&changed(&text, 0, |header| {
        header.replacen('{', r#"{"crit":["b64"],"b64":false,"#, 1)
    }));
    malformed(&changed(&text, 0, |header| header.replacen('{', r#"{"crit":null,"#, 1)));
    malformed(&changed(&text, 0, |header| {
        header.replacen('{', r#"{"alg":"ES256","#, 1)
    }));
    malformed(&(text.rsplit_once('.').unwrap().0.to_owned() + "."));
    malformed(&format!("{text}A"));
    malformed(&format!("{text}\n"));
    // The signature of another signer, who is as good, under this certificate.
    let other = signer(&root, &grants).sign(&configuration(), PAYLOAD).unwrap();
    let mixed = format!(
        "{}.{}",
        text.rsplit_once('.').unwrap().0,
        other.rsplit_once('.').unwrap().1
    );
    assert_eq!(verdict(&mixed), SignatureError::Wrong);
    let zero = format!(
        "{}.{}",
        text.rsplit_once('.').unwrap().0,
        URL_SAFE_NO_PAD.encode([0; 64])
    );
    assert_eq!(verdict(&zero), SignatureError::Wrong);
    for garbage in ["", ".", "..", "a.b.c", "e30.e30.e30", "{}"] {
        malformed(garbage);
    }
    assert_eq!(verdict("").code(), Code::BadSignature);
}

#[test]
fn the_limit_is_that_of_the_document_and_holds_before_anything_is_read() {
    let root = root();
    let signer = signer(&root, &["hemicycle://etat/lyon/configure"]);
    let most = Verb::Configure.max_bytes();
    let of = |bytes: usize| signer.sign(&configuration(), &vec![b'x'; bytes]).unwrap();
    assert!(checked(&trust(&root), &of(most), Verb::Configure).is_ok());
    assert_eq!(
        checked(&trust(&root), &of(most + 1), Verb::Configure),
        Err(SignatureError::TooLarge)
    );
    let garbage = "x".repeat(100_000);
    assert_eq!(
        checked(&trust(&root), &garbage, Verb::Configure),
        Err(SignatureError::TooLarge)
    );
    assert_eq!(SignatureError::TooLarge.code(), Code::TooLarge);
}

#[test]
fn nobody_hands_out_more_than_they_have() {
    let root = root();
    let text = |authority: &Authority, verb: Verb| {
        let key = new_key().unwrap();
        let all = grants(&["hemicycle://etat/*/*"]);
        let leaf = authority
            .signer("forged", &key, &all, Validity::days(now(), 2))
            .unwrap();
        let signer = Signer::new(Arc::new(key), &[leaf, authority.certificate().to_owned()]).unwrap();
        signer.sign(&topic(verb), PAYLOAD).unwrap()
    };
    let lyon = root
        .delegate(
            "lyon",
            &grants(&["hemicycle://etat/lyon/notice"]),
            Validity::days(now(), 30),
        )
        .unwrap();
    let trust = trust(&root);
    assert!(checked(&trust, &text(&lyon, Verb::Notice), Verb::Notice).is_ok());
    assert_eq!(
        checked(&trust, &text(&lyon, Verb::Configure), Verb::Configure),
        Err(SignatureError::OutOfScope)
    );
    let devices = root.delegate("boxes", &[], Validity::days(now(), 30)).unwrap();
    assert_eq!(
        checked(&trust, &text(&devices, Verb::Notice), Verb::Notice),
        Err(SignatureError::OutOfScope),
        "who issues certificates of boxes makes no signer"
    );
}

#[test]
fn whoever_holds_a_plain_certificate_issues_none() {
    let root = root();
    let key = new_key().unwrap();
    let all = grants(&["hemicycle://etat/*/*"]);
    let leaf = root.signer("plain", &key, &all, Validity::days(now(), 2)).unwrap();
    let pem = (key.private_key_to_pem_pkcs8().unwrap(), leaf.to_pem().unwrap());
    let plain = Authority::from_pem(&pem.0, &pem.1).unwrap();
    let key = new_key().unwrap();
    let forged = plain.signer("forged", &key, &all, Validity::days(now(), 2)).unwrap();
    let text = Signer::new(Arc::new(key), &[forged, leaf])
        .unwrap()
        .sign(&configuration(), PAYLOAD);
    let refused = checked(&trust(&root), &text.unwrap(), Verb::Configure).unwrap_err();
    assert!(matches!(refused, SignatureError::Untrusted(_)), "{refused}");
}

#[test]
fn a_signer_has_the_key_of_its_certificate_and_of_the_kind_that_is_taken() {
    let root = root();
    let made = |key: &PKey<Private>| root.signer("ops", key, &[], Validity::days(now(), 2)).unwrap();
    assert!(Signer::new(Arc::new(new_key().unwrap()), &[made(&new_key().unwrap())]).is_err());
    let rsa = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let edwards = PKey::generate_ed25519().unwrap();
    for key in [rsa, edwards] {
        assert!(
            Signer::new(Arc::new(key.clone()), &[made(&key)]).is_err(),
            "{:?}",
            key.id()
        );
    }
    assert!(Signer::new(Arc::new(new_key().unwrap()), &[]).is_err());
}
