//! The tokens of JavaScript, as far as a configuration file has any.

use std::iter::Peekable;
use std::str::Chars;

/// Most tokens that are looked at.
const MAX_TOKENS: usize = 200_000;
/// Longest string literal in characters; the rest is dropped.
const MAX_STRING: usize = 8 * 1024;
/// Longest number that is understood.
const MAX_DIGITS: usize = 15;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Identifier or keyword.
    Name(String),
    /// String literal, escapes resolved.
    Text(String),
    /// Whole decimal number.
    Number(i64),
    /// Any other number, regular expression, or template with expressions: a value nobody needs.
    Opaque,
    /// One character of punctuation.
    Sign(char),
}

/// Cuts a file into tokens. Never fails: what it does not understand is skipped or becomes punctuation.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = source.chars().peekable();
    while let Some(first) = rest.next() {
        if tokens.len() >= MAX_TOKENS {
            break;
        }
        match first {
            c if c.is_whitespace() || c == '\u{feff}' => {}
            '/' if rest.peek() == Some(&'/') => skip_line(&mut rest),
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            '/' if expects_operand(tokens.last()) => {
                skip_regular_expression(&mut rest);
                tokens.push(Token::Opaque);
            }
            '\'' | '"' => tokens.push(Token::Text(string(&mut rest, first))),
            '`' => tokens.push(template(&mut rest)),
            c if c.is_alphabetic() || c == '_' || c == '$' => tokens.push(Token::Name(name(c, &mut rest))),
            c if c.is_ascii_digit() => {
                tokens.push(number(c, &mut rest));
            }
            c => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

/// Whether a `/` here begins a regular expression rather than a division.
fn expects_operand(last: Option<&Token>) -> bool {
    match last {
        None => true,
        Some(Token::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
        Some(Token::Name(name)) => name == "return",
        Some(_) => false,
    }
}

fn skip_line(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| *c != '\n').is_some() {}
}

fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    rest.next();
    let mut star = false;
    for c in rest.by_ref() {
        if star && c == '/' {
            break;
        }
        star = c == '*';
    }
}

fn skip_regular_expression(rest: &mut Peekable<Chars<'_>>) {
    let mut class = false;
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\\' => {
                rest.next_if(|c| *c != '\n');
            }
            '[' => class = true,
            ']' => class = false,
            '/' if !class => break,
            _ => {}
        }
    }
}

/// The rest of a quoted string. A server-side include inside may hold the same quotes
/// (`"<!--# echo var="subdomain" -->"`): up to its end quotes do not count. A line end closes an open string.
fn string(rest: &mut Peekable<Chars<'_>>, quote: char) -> String {
    let mut text = String::new();
    let mut length = 0;
    let mut include = false;
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        let c = match c {
            '\\' => match escape(rest) {
                Some(c) => c,
                None => continue,
            },
            c if c == quote && !include => break,
            c => c,
        };
        if length < MAX_STRING {
            text.push(c);
            length += 1;
        }
        if text.ends_with("<!--#") {
            include = true;
        } else if text.ends_with("-->") {
            include = false;
        }
    }
    text
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let hex = |rest: &mut Peekable<Chars<'_>>, count: usize| {
        let mut value = 0;
        for _ in 0..count {
            value = value * 16 + rest.next_if(char::is_ascii_hexdigit)?.to_digit(16)?;
        }
        char::from_u32(value)
    };
    match rest.next()? {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'x' => hex(rest, 2),
        'u' => hex(rest, 4),
        '\n' => None,
        c => Some(c),
    }
}

/// A template without expressions is a string; one with expressions is opaque.
fn template(rest: &mut Peekable<Chars<'_>>) -> Token {
    let mut text = String::new();
    let mut opaque = false;
    let mut length = 0;
    while let Some(c) = rest.next() {
        match c {
            '`' => break,
            '\\' => {
                rest.next();
            }
            '$' if rest.peek() == Some(&'{') => opaque = true,
            c if length < MAX_STRING => {
                text.push(c);
                length += 1;
            }
            _ => {}
        }
    }
    if opaque { Token::Opaque } else { Token::Text(text) }
}

/// Digits and what else belongs to a number; one that is not whole, not decimal or very long is opaque.
fn number(first: char, rest: &mut Peekable<Chars<'_>>) -> Token {
    let mut digits = String::from(first);
    while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '.') {
        if digits.len() <= MAX_DIGITS {
            digits.push(c);
        }
    }
    let whole = digits.len() <= MAX_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = whole.then(|| digits.parse().ok()).flatten();
    value.map_or(Token::Opaque, Token::Number)
}

fn name(first: char, rest: &mut Peekable<Chars<'_>>) -> String {
    let mut name = String::from(first);
    while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '$') {
        if name.len() < 256 {
            name.push(c);
        }
    }
    name
}
