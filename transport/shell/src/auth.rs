//! Bearer tokens (RFC 6750): made, parsed, and compared without telling how much of one fits.
//!
//! Only hashes of tokens are kept and compared. What a token may do is the daemon's business.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use engine::hex;
use transport::env::Env;

use crate::limits::{SECRET_BYTES, TOKEN_BYTES_MAX};
use crate::problem::Problem;

const HASH_CONTEXT: &str = "tentpole v1 bearer token";

/// A bearer token. Its text is a secret: it is shown once and never logged.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A fresh token: 32 random bytes as 64 lower-case hexadecimal digits.
    pub fn new(env: &impl Env) -> Self {
        let mut secret = [0; SECRET_BYTES];
        env.fill_random(&mut secret);
        Self(hex::encode(&secret))
    }

    /// The token that `text` is: at most 128 bytes of the alphabet of RFC 6750, section 2.1.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.trim_end_matches('=');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let valid = !letters.is_empty() && letters.bytes().all(allowed);
        (valid && text.len() <= TOKEN_BYTES_MAX).then(|| Self(text.to_owned()))
    }

    /// The secret itself.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What a daemon keeps of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(blake3::derive_key(HASH_CONTEXT, self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// BLAKE3 of a token, in derive-key mode. Comparing two takes the same time wherever they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(blake3::Hash);

impl TokenHash {
    /// The hash kept as `bytes`.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.into())
    }

    /// The bytes to keep.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.into()
    }
}

/// The hash of the token that a request bears.
///
/// A missing, repeated or garbled `Authorization` header is [`Problem::unauthenticated`].
pub fn bearer(headers: &HeaderMap) -> Result<TokenHash, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let refuse = |detail: &str| Err(Problem::unauthenticated(detail));
    let Some(value) = values.next() else {
        return refuse("send the header `Authorization: Bearer TOKEN`");
    };
    if values.next().is_some() {
        return refuse("there are several `Authorization` headers; send one");
    }
    let scheme_and_token = value.to_str().ok().and_then(|text| text.split_once(' '));
    let token = scheme_and_token
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| Token::parse(token.trim_start_matches(' ')));
    match token {
        Some(token) => Ok(token.hash()),
        None => refuse("the `Authorization` header is not of the form `Bearer TOKEN`"),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::env::RealEnv;

    fn with(values: &[&[u8]]) -> Result<TokenHash, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers)
    }

    #[track_caller]
    fn check_refused(values: &[&[u8]]) {
        let problem = with(values).unwrap_err();
        assert_eq!((problem.name, problem.status.as_u16()), ("unauthenticated", 401));
    }

    #[tokio::test]
    async fn a_fresh_token_is_accepted_under_any_spelling_of_the_scheme() {
        let env = RealEnv::new().unwrap();
        let token = Token::new(&env);
        assert_eq!(token.text().len(), 64);
        for scheme in ["Bearer ", "bearer ", "BEARER  "] {
            let header = format!("{scheme}{}", token.text());
            assert_eq!(with(&[header.as_bytes()]).unwrap(), token.hash());
        }
        assert_ne!(Token::new(&env).text(), token.text());
    }

    #[test]
    fn one_other_letter_gives_another_hash() {
        let hash = |text: &str| Token::parse(text).unwrap().hash();
        assert_eq!(hash("abc"), hash("abc"));
        assert_ne!(hash("abc"), hash("abd"));
        assert_ne!(hash("abc"), hash("abc="));
        assert_eq!(TokenHash::from_bytes(hash("abc").to_bytes()), hash("abc"));
    }

    #[test]
    fn a_request_without_exactly_one_well_formed_token_is_refused() {
        check_refused(&[]);
        check_refused(&[b"Bearer a", b"Bearer a"]);
        check_refused(&[b""]);
        check_refused(&[b"Bearer"]);
        check_refused(&[b"Bearer "]);
        check_refused(&[b"Bearer =="]);
        check_refused(&[b"Bearer a b"]);
        check_refused(&[b"Bearer a,b"]);
        check_refused(&[b"Bearer \xff"]);
        check_refused(&[b"Basic YTpi"]);
    }

    #[test]
    fn an_overlong_token_is_refused() {
        assert!(Token::parse(&"a".repeat(TOKEN_BYTES_MAX)).is_some());
        assert!(Token::parse(&"a".repeat(TOKEN_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn a_token_does_not_show_in_a_log() {
        assert!(!format!("{:?}", Token::parse("sesame").unwrap()).contains("sesame"));
    }
}
