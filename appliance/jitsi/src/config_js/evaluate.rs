//! The values a configuration file assigns, without executing it.

use std::collections::HashMap;

use super::tokens::{Token, tokens};
use crate::url::RoomUrl;

/// Deepest object literal that is followed.
const MAX_DEPTH: usize = 16;
/// Longest value of an expression in bytes.
const MAX_TEXT: usize = 8 * 1024;
/// Most bytes that all values together may cost: a short file can name the same long value very often.
const MAX_TOTAL: usize = 4 << 20;
/// What a value costs besides its texts.
const VALUE_COST: usize = 64;
/// Longest path of names.
const MAX_PATH: usize = 256;

/// A value that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Number(i64),
}

/// Values by their path, for example `config.hosts.muc`.
pub(super) type Values = HashMap<String, Value>;

/// Reads all declarations and assignments of a file, in order; later ones win.
pub(super) fn evaluate(source: &str, url: &RoomUrl) -> Values {
    let tokens = tokens(source);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        values: Values::new(),
        cost: 0,
        url,
    };
    while reader.at < tokens.len() {
        reader.statement();
    }
    reader.values
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    values: Values,
    /// Of all values that were ever taken.
    cost: usize,
    url: &'a RoomUrl,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn sign(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    /// Moves over one declaration or assignment, or over one token of anything else.
    fn statement(&mut self) {
        if let Some(Token::Name(name)) = self.peek()
            && matches!(name.as_str(), "var" | "let" | "const")
        {
            self.at += 1;
        }
        let Some(path) = self.path() else {
            self.at += 1;
            return;
        };
        let next = self.tokens.get(self.at + 1);
        if self.sign('=') && !matches!(next, Some(Token::Sign('=' | '>'))) {
            self.at += 1;
            self.value(&path, 0);
        }
    }

    /// `a.b['c']`, or nothing if no name stands here.
    fn path(&mut self) -> Option<String> {
        let Some(Token::Name(first)) = self.peek() else {
            return None;
        };
        let mut path = first.clone();
        self.at += 1;
        loop {
            let window = self.tokens.get(self.at..).unwrap_or_default();
            let part = match window {
                [Token::Sign('.'), Token::Name(part), ..] => {
                    self.at += 2;
                    part
                }
                [Token::Sign('['), Token::Text(part), Token::Sign(']'), ..] => {
                    self.at += 3;
                    part
                }
                _ => break,
            };
            if path.len() + part.len() < MAX_PATH {
                path.push('.');
                path.push_str(part);
            }
        }
        Some(path.strip_prefix("window.").map(str::to_owned).unwrap_or(path))
    }

    /// The value assigned to a path: an object literal or an expression.
    fn value(&mut self, path: &str, depth: usize) {
        if self.sign('{') {
            if depth < MAX_DEPTH {
                self.object(path, depth + 1);
            } else {
                self.skip_value();
            }
            return;
        }
        let value = self.expression();
        // The web server's variables are worked over by code that is not executed here: the first word counts.
        let computed = matches!(path, "subdomain" | "subdir");
        match value {
            Some(_) if computed && self.values.contains_key(path) => {}
            Some(Value::Text(text)) => {
                let Some(text) = self.fill_in(&text) else { return };
                let text = if path == "subdomain" { as_subdomain(&text) } else { text };
                self.take(path, Value::Text(text));
            }
            Some(value) => self.take(path, value),
            None => {}
        }
    }

    /// Keeps a value, unless the file has already made too many.
    fn take(&mut self, path: &str, value: Value) {
        let text = match &value {
            Value::Text(text) => text.len(),
            Value::Boolean(_) | Value::Number(_) => 0,
        };
        self.cost = self.cost.saturating_add(VALUE_COST + path.len() + text);
        if self.cost <= MAX_TOTAL {
            self.values.insert(path.to_owned(), value);
        }
    }

    fn object(&mut self, path: &str, depth: usize) {
        self.at += 1;
        while let Some(token) = self.peek() {
            let key = match token {
                Token::Sign('}') => {
                    self.at += 1;
                    return;
                }
                Token::Name(key) | Token::Text(key) if self.tokens.get(self.at + 1) == Some(&Token::Sign(':')) => {
                    key.clone()
                }
                Token::Sign(',') => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    self.skip_value();
                    if !self.sign(',') && !self.sign('}') {
                        self.at += 1;
                    }
                    continue;
                }
            };
            self.at += 2;
            if path.len() + key.len() < MAX_PATH {
                self.value(&format!("{path}.{key}"), depth);
            }
            self.skip_value();
        }
    }

    /// A concatenation of strings and known names, a boolean; none for anything else, which is passed over.
    fn expression(&mut self) -> Option<Value> {
        let mut text = String::new();
        loop {
            let operand = match self.peek()? {
                Token::Text(part) => {
                    let part = part.clone();
                    self.at += 1;
                    Some(Value::Text(part))
                }
                Token::Name(name) if name == "true" || name == "false" => {
                    let value = name == "true";
                    self.at += 1;
                    Some(Value::Boolean(value))
                }
                Token::Number(number) => {
                    let value = *number;
                    self.at += 1;
                    Some(Value::Number(value))
                }
                Token::Sign('-') if text.is_empty() => {
                    let number = match self.tokens.get(self.at + 1) {
                        Some(Token::Number(number)) => Some(Value::Number(-number)),
                        _ => None,
                    };
                    self.at += 1 + usize::from(number.is_some());
                    number
                }
                Token::Name(_) => self.path().and_then(|path| self.known(&path)),
                _ => None,
            };
            // `a.b` that ended in a call, an index or another operator is not a value.
            let ends = match self.peek() {
                None | Some(Token::Sign(';' | ',' | '}')) => true,
                Some(Token::Sign('+')) => false,
                Some(Token::Name(_)) => true,
                Some(_) => {
                    self.skip_value();
                    return None;
                }
            };
            match operand {
                Some(Value::Text(part)) if text.len() + part.len() <= MAX_TEXT => text.push_str(&part),
                Some(value @ (Value::Boolean(_) | Value::Number(_))) if ends && text.is_empty() => return Some(value),
                _ => {
                    self.skip_value();
                    return None;
                }
            }
            if ends {
                return Some(Value::Text(text));
            }
            self.at += 1;
        }
    }

    fn known(&self, path: &str) -> Option<Value> {
        match path {
            "location.host" => Some(Value::Text(self.url.authority())),
            "location.hostname" => Some(Value::Text(self.url.host.clone())),
            "location.protocol" => Some(Value::Text(if self.url.secure { "https:" } else { "http:" }.to_owned())),
            _ => self.values.get(path).cloned(),
        }
    }

    /// Passes over the rest of a value: up to a comma, a semicolon or a closing bracket that is not its own.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Sign('{' | '[' | '(') => depth += 1,
                Token::Sign('}' | ']' | ')') if depth == 0 => return,
                Token::Sign('}' | ']' | ')') => depth -= 1,
                Token::Sign(',' | ';') if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Fills in what the web server would have: `<!--# echo var="subdomain" default="" -->`. None: it becomes too long.
    fn fill_in(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, include)) = rest.split_once("<!--#") {
            let (include, after) = include.split_once("-->").unwrap_or((include, ""));
            filled.push_str(before);
            if include.contains("\"subdomain\"") {
                filled.push_str(&self.url.subdomain());
            } else if include.contains("\"subdir\"") {
                filled.push_str(self.url.base_path().trim_start_matches('/'));
            }
            if filled.len() > MAX_TEXT {
                return None;
            }
            rest = after;
        }
        filled.push_str(rest);
        Some(filled).filter(|filled| filled.len() <= MAX_TEXT)
    }
}

/// What the file's own code makes of the web server's word: lower case, inner dots as `_`, one dot at the end.
fn as_subdomain(text: &str) -> String {
    match text.trim_end_matches('.') {
        "" => String::new(),
        name => format!("{}.", name.replace('.', "_").to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &Values) -> usize {
        let text = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Boolean(_) | Value::Number(_) => 0,
        };
        values.iter().map(|(path, value)| path.len() + text(value)).sum()
    }

    #[test]
    fn a_long_value_that_is_named_often_does_not_multiply() {
        let url = RoomUrl::parse("https://visio.example/room").unwrap();
        let mut source = format!("a='{}';", "x".repeat(8000));
        for number in 0..100_000 {
            source.push_str(&format!("b{number}=a;"));
        }
        let values = evaluate(&source, &url);
        assert!(values.len() > 100, "what fits is kept");
        assert!(bytes(&values) <= MAX_TOTAL, "{}", bytes(&values));
    }

    #[test]
    fn what_the_web_server_would_have_filled_in_makes_no_value_longer_than_others() {
        let url = RoomUrl::parse(&format!("https://visio.example/{}/room", "t".repeat(60))).unwrap();
        let source = format!("a='{}';b='x';", "<!--#\"subdomain\"-->".repeat(400));
        let values = evaluate(&source, &url);
        assert_eq!(values.get("a"), None);
        assert_eq!(values.get("b"), Some(&Value::Text("x".into())));
    }
}
