//! The same content has the same fingerprint, whoever wrote it down: SHA-256 over RFC 8785 (JSON Canonicalization Scheme).

use openssl::sha::sha256;
use serde::Serialize;
use serde_json::{Number, Value};

use super::configuration::Configuration;

/// Of a document, hexadecimal. Nothing for what is no JSON.
#[must_use]
pub fn fingerprint<T: Serialize>(document: &T) -> String {
    let mut text = String::new();
    write_value(&serde_json::to_value(document).unwrap_or_default(), &mut text);
    let hash = sha256(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Configuration {
    /// What `sha256` has to say: the fingerprint of `{"cfg":…,"secrets":…}`, `secrets` being `{}` when there are none.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&serde_json::json!({"cfg": self.cfg, "secrets": self.secrets}))
    }
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => write_number(number, text),
        Value::Array(list) => {
            text.push('[');
            for (index, value) in list.iter().enumerate() {
                separate(index, text);
                write_value(value, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                separate(index, text);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_value(value, text);
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

fn separate(index: usize, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
}

/// As ECMAScript writes it (ECMA-262, Number::toString).
fn write_number(number: &Number, text: &mut String) {
    let written = match number.as_f64().filter(|_| number.is_f64()) {
        None => number.to_string(),
        Some(0.0) => "0".into(),
        Some(float) if (1e-6..1e21).contains(&float.abs()) => float.to_string(),
        Some(float) => {
            let written = format!("{float:e}");
            if written.contains("e-") {
                written
            } else {
                written.replace('e', "e+")
            }
        }
    };
    text.push_str(&written);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut written = String::new();
        write_value(&serde_json::from_str(text).unwrap(), &mut written);
        written
    }

    #[test]
    fn the_examples_of_rfc_8785_come_out_as_printed_there() {
        let original = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let printed = concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(canonical(original), printed);
        let names = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        let printed = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(names), printed, "by UTF-16, not by code point");
        for (number, printed) in [
            ("-0.0", "0"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("5e-324", "5e-324"),
            ("-1.0", "-1"),
        ] {
            assert_eq!(canonical(number), printed);
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_the_bytes_that_other_tools_make() {
        // printf '{"cfg":{"a":1,"b":[2]},"secrets":{}}' | sha256sum
        let document = serde_json::json!({"secrets": {}, "cfg": {"b": [2], "a": 1.0}});
        assert_eq!(
            fingerprint(&document),
            "916781d1eaf7fcfba3d4fdfcdc3a5cca189c63665fce60362183d1e03ef1e11e"
        );
    }
}
