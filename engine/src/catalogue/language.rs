//! Languages of names, as BCP 47 tags in their normal form (`de`, `pt-BR`, `zh-Hant`).
//!
//! Tags are taken for what they say: whether anybody speaks the language is not looked up.

use std::fmt;

use icu_locale_core::LanguageIdentifier;

use super::limits::LANGUAGE_BYTES_MAX;

/// A language, in the normal form of its tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Language(String);

impl Language {
    /// Reads a tag in any case, with `-` or `_`: language, script, region and variants, at
    /// most [`LANGUAGE_BYTES_MAX`] bytes (RFC 5646, the subset of Unicode TR 35).
    pub fn parse(tag: &str) -> Option<Self> {
        if tag.len() > LANGUAGE_BYTES_MAX {
            return None;
        }
        let normal = LanguageIdentifier::normalize(&tag.replace('_', "-")).ok()?.into_owned();
        Some(Self(normal))
    }

    /// Reads what [`Language::to_key`] wrote, and no other spelling of it.
    pub(super) fn from_key(key: &str) -> Option<Self> {
        Self::parse(key).filter(|language| language.to_key() == key)
    }

    /// The spelling in keys of the document: lower case, with `_`.
    pub(super) fn to_key(&self) -> String {
        self.0.to_ascii_lowercase().replace('-', "_")
    }

    /// The tag in its normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[track_caller]
    fn check(tag: &str, normal: Option<&str>, key: &str) {
        let found = Language::parse(tag);
        assert_eq!(found.as_ref().map(Language::as_str), normal, "{tag}");
        if let Some(language) = found {
            assert_eq!(language.to_key(), key, "{tag}");
            assert_eq!(Language::from_key(key), Some(language), "{tag}");
        }
    }

    #[test]
    fn every_spelling_of_a_tag_is_one_language() {
        for tag in ["pt-BR", "pt-br", "PT-BR", "pt_BR", "pt_br"] {
            check(tag, Some("pt-BR"), "pt_br");
        }
        check("zh-hant-tw", Some("zh-Hant-TW"), "zh_hant_tw");
        check("es-419", Some("es-419"), "es_419");
        check("DE", Some("de"), "de");
    }

    #[test]
    fn what_is_no_tag_is_no_language() {
        for tag in ["", "-", "d", "deutsch-de-de", "de-", "de--at", "d/e", "de at", "\u{e9}s"] {
            check(tag, None, "");
        }
        check(&format!("de{}", "-abcde".repeat(5)), None, "");
    }

    #[test]
    fn a_key_is_read_in_one_spelling_alone() {
        for key in ["pt-br", "pt_BR", "PT_BR"] {
            assert_eq!(Language::from_key(key), None, "{key}");
        }
    }
}
