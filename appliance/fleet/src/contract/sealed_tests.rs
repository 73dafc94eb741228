//! Sealed secrets, and the example of the standard.

use super::*;

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn jwk(x: &str, y: &str) -> Jwk {
    Jwk {
        kty: "EC".into(),
        crv: "P-256".into(),
        x: x.into(),
        y: y.into(),
    }
}

#[test]
fn the_example_of_rfc_7518_appendix_c_gives_its_key() {
    let bob = jwk(
        "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    );
    let alice = jwk(
        "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    );
    let number = URL_SAFE_NO_PAD
        .decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo")
        .unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let public = alice.key().unwrap().ec_key().unwrap();
    let number = BigNum::from_slice(&number).unwrap();
    let private = EcKey::from_private_components(&group, &number, public.public_key()).unwrap();
    let private = PKey::from_ec_key(private).unwrap();
    let other = bob.key().unwrap();
    let mut deriver = Deriver::new(&private).unwrap();
    deriver.set_peer(&other).unwrap();
    let derived = derived(&deriver.derive_to_vec().unwrap(), "A128GCM", ["Alice", "Bob"], 128);
    assert_eq!(URL_SAFE_NO_PAD.encode(&derived[..16]), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn only_the_key_that_it_was_sealed_for_opens_a_secret() {
    let (own, other) = (key(), key());
    let secret = Secret::seal("Sésame", &own, "mark").unwrap();
    assert_eq!(secret.open(&own).as_deref(), Ok("Sésame"));
    assert_eq!(secret.open(&other), Err(SealError::OtherKey));
    assert_eq!(secret.label().unwrap().mark, "mark");
    assert_ne!(
        secret.jwe,
        Secret::seal("Sésame", &own, "mark").unwrap().jwe,
        "never the same twice"
    );
    assert!(!format!("{secret:?}").contains(&secret.jwe));
}

#[test]
fn a_secret_that_somebody_changed_is_not_opened() {
    let own = key();
    let secret = Secret::seal("Sésame", &own, "").unwrap();
    for at in 0..secret.jwe.len() {
        let mut bytes = secret.jwe.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let jwe = String::from_utf8(bytes).unwrap();
        let opened = Secret { jwe }.open(&own);
        // The last letter of a part has bits that say nothing; those must be zero (RFC 4648 §3.5).
        assert!(opened.is_err(), "byte {at}: {opened:?}");
    }
}

#[test]
fn what_is_no_secret_of_ours_is_refused_whatever_it_is() {
    let own = key();
    let secret = Secret::seal("x", &own, "").unwrap();
    let (_, rest) = secret.jwe.split_once('.').unwrap();
    let with = |header: serde_json::Value| Secret {
        jwe: format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())),
    };
    let label = serde_json::to_value(secret.label().unwrap()).unwrap();
    for (field, value) in [("alg", "dir"), ("enc", "A128CBC-HS256"), ("zip", "DEF"), ("crit", "x")] {
        let mut header = label.clone();
        header[field] = value.into();
        assert!(
            matches!(with(header).open(&own), Err(SealError::Malformed(_))),
            "{field}"
        );
    }
    let mut header = label;
    header["epk"]["x"] = URL_SAFE_NO_PAD.encode([1; 32]).into();
    assert_eq!(
        with(header).open(&own),
        Err(SealError::Malformed("the key is not on its curve"))
    );
    for jwe in ["", "....", "a.b.c.d.e", &".".repeat(9_000), &"A".repeat(9_000)] {
        assert!(Secret { jwe: jwe.to_owned() }.open(&own).is_err(), "{}", jwe.len());
    }
    assert_eq!(Secret::seal(&"x".repeat(4_097), &own, ""), Err(SealError::TooLarge));
    assert!(
        Secret::seal(&"x".repeat(4_096), &own, &"f".repeat(64))
            .unwrap()
            .open(&own)
            .is_ok()
    );
}
