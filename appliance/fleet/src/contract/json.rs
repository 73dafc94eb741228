//! Documents from the network: limits first, then types.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use super::code::Code;
use super::envelope::VERSION;

/// Arrays and objects inside each other.
pub const MAX_DEPTH: usize = 8;
/// Integers stay below it, so that every reader means the same number (RFC 7493 §2.2).
const MAX_INTEGER: u64 = 1 << 53;
/// Longest sentence of a refusal, characters.
const MAX_MESSAGE: usize = 200;

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct Refusal {
    /// In one word.
    pub code: Code,
    /// To the field (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// In a sentence.
    pub message: String,
}

/// Reads a document of at most `max_bytes`. Unknown fields are passed over.
///
/// # Errors
/// [`Code::TooLarge`]; [`Code::BadJson`]: not UTF-8 or JSON, deeper than [`MAX_DEPTH`], a duplicate key, an integer of 2^53
/// or more; [`Code::BadVersion`]; [`Code::InvalidParams`] with a pointer to the field.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], max_bytes: usize) -> Result<T, Refusal> {
    typed(&value(bytes, max_bytes)?)
}

/// The document, within the limits and of our version.
pub(super) fn value(bytes: &[u8], max_bytes: usize) -> Result<Value, Refusal> {
    if bytes.len() > max_bytes {
        return Err(Refusal {
            code: Code::TooLarge,
            pointer: String::new(),
            message: format!("{} bytes, {max_bytes} are allowed", bytes.len()),
        });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize::<_, Strict>(&mut reader)
        .map_err(|error| refusal(Code::BadJson, error.path(), error.inner()))?
        .0;
    reader.end().map_err(|error| Refusal {
        code: Code::BadJson,
        pointer: String::new(),
        message: shortened(&error),
    })?;
    let version = value.get("v").map(Value::as_u64);
    if version.is_some_and(|version| version != Some(u64::from(VERSION))) {
        return Err(Refusal {
            code: Code::BadVersion,
            pointer: "/v".into(),
            message: format!("version {VERSION} is spoken here"),
        });
    }
    Ok(value)
}

/// The same as a type.
pub(super) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| refusal(Code::InvalidParams, error.path(), error.inner()))
}

fn refusal(code: Code, path: &Path, error: &serde_json::Error) -> Refusal {
    Refusal {
        code,
        pointer: pointer(path),
        message: shortened(error),
    }
}

fn shortened(error: &serde_json::Error) -> String {
    error.to_string().chars().take(MAX_MESSAGE).collect()
}

/// RFC 6901. Variants of enums are no fields.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.extend(key.chars().take(64).map(|c| match c {
                    '~' => "~0".to_owned(),
                    '/' => "~1".to_owned(),
                    c => c.to_string(),
                }));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A JSON value within the limits.
struct Strict(Value);

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Within { depth: 0 }.deserialize(deserializer).map(Strict)
    }
}

/// Reads a value that lies so deep.
#[derive(Clone, Copy)]
struct Within {
    depth: usize,
}

impl Within {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!("deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value < MAX_INTEGER {
            Ok(value.into())
        } else {
            Err(E::custom("an integer of 2^53 or more"))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() < MAX_INTEGER {
            Ok(value.into())
        } else {
            Err(E::custom("an integer of -2^53 or less"))
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // A long integer arrives here as well.
        if value.fract() == 0.0 && value.abs() >= MAX_INTEGER as f64 {
            return Err(E::custom("an integer of 2^53 or more"));
        }
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut values = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom("a key that stands twice"));
            }
            let value = object.next_value_seed(inside)?;
            values.insert(key, value);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Example {
        n: u8,
        list: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Inner {
        x: bool,
    }

    fn refused(text: &str) -> (Code, String) {
        let refusal = parse::<Example>(text.as_bytes(), 1_000).unwrap_err();
        assert!(!refusal.message.is_empty() && refusal.message.chars().count() <= MAX_MESSAGE);
        (refusal.code, refusal.pointer)
    }

    #[test]
    fn what_is_right_is_read_and_unknown_fields_are_passed_over() {
        let text = br#"{"v":1,"n":7,"list":[{"x":true,"later":{}}],"new":[1.5,-3,null,"e"]}"#;
        let read: Example = parse(text, 1_000).unwrap();
        assert_eq!(
            read,
            Example {
                n: 7,
                list: vec![Inner { x: true }]
            }
        );
    }

    #[test]
    fn each_refusal_has_its_code_and_points_at_the_field() {
        assert_eq!(
            refused(r#"{"n":7,"list":[{"x":true},{"x":1}]}"#),
            (Code::InvalidParams, "/list/1/x".into())
        );
        assert_eq!(refused(r#"{"n":700,"list":[]}"#), (Code::InvalidParams, "/n".into()));
        assert_eq!(refused(r#"{"v":2,"n":700}"#), (Code::BadVersion, "/v".into()));
        assert_eq!(refused(r#"{"v":"1"}"#), (Code::BadVersion, "/v".into()));
        assert_eq!(refused("no JSON").0, Code::BadJson);
        assert_eq!(refused(r#"{"n":7,"list":[]} x"#).0, Code::BadJson);
        assert_eq!(
            refused(r#"{"a/b~":{"c":9007199254740992}}"#),
            (Code::BadJson, "/a~1b~0/c".into())
        );
        assert_eq!(refused(r#"{"a":-9007199254740992}"#).0, Code::BadJson);
        assert_eq!(refused(r#"{"a":123456789012345678901234567890}"#).0, Code::BadJson);
        assert_eq!(refused(r#"{"n":7,"n":8,"list":[]}"#).0, Code::BadJson);
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        assert_eq!(refused(&deep).0, Code::BadJson);
        assert_eq!(
            parse::<Example>(b"{\"n\":1}\xff", 1_000).unwrap_err().code,
            Code::BadJson
        );
        assert_eq!(parse::<Example>(b"{}", 1).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn the_deepest_and_the_largest_that_is_allowed_is_read() {
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(parse::<Value>(deep.as_bytes(), deep.len()).is_ok());
        assert_eq!(
            parse::<Value>(b"9007199254740991", 16).unwrap(),
            9_007_199_254_740_991_u64
        );
    }
}
