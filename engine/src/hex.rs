//! Byte arrays that read as hexadecimal text and travel as plain bytes.
//!
//! The text form is lower case and of fixed length; nothing shorter or longer is taken.

use thiserror::Error;

/// The text is not hexadecimal of the expected length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected lower-case hexadecimal of fixed length, copied whole")]
pub struct ParseError;

/// Lower-case hexadecimal of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// The bytes of lower-case hexadecimal `text`.
pub fn decode(text: &str) -> Result<Vec<u8>, ParseError> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(ParseError),
    };
    let text = text.as_bytes();
    if !text.len().is_multiple_of(2) {
        return Err(ParseError);
    }
    text.chunks_exact(2).map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Defines newtypes over byte arrays: hex for people and JSON, raw bytes for the codecs.
macro_rules! fixed_bytes {
    ($($(#[$doc:meta])* pub struct $name:ident($len:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::hex::encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::hex::encode(&self.0[..self.0.len().min(8)]))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::hex::ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bytes = $crate::hex::decode(text)?;
                Ok(Self(bytes.try_into().map_err(|_| $crate::hex::ParseError)?))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple;
                if out.is_human_readable() {
                    return out.collect_str(self);
                }
                let mut tuple = out.serialize_tuple($len)?;
                for byte in &self.0 {
                    tuple.serialize_element(byte)?;
                }
                tuple.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                struct Bytes;
                impl<'de> serde::de::Visitor<'de> for Bytes {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "{} bytes, or their hexadecimal text", $len)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_seq<A: serde::de::SeqAccess<'de>>(
                        self,
                        mut seq: A,
                    ) -> Result<$name, A::Error> {
                        let mut out = [0; $len];
                        for (at, byte) in out.iter_mut().enumerate() {
                            *byte = seq
                                .next_element()?
                                .ok_or_else(|| serde::de::Error::invalid_length(at, &self))?;
                        }
                        Ok($name(out))
                    }
                }
                if input.is_human_readable() {
                    input.deserialize_str(Bytes)
                } else {
                    input.deserialize_tuple($len, Bytes)
                }
            }
        }
    )*};
}
pub(crate) use fixed_bytes;
