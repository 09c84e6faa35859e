//! GTINs, the numbers in barcodes: whether one is written whole and its check digit holds.
//!
//! It says nothing about whether the number was ever issued.

/// Whether a text is a GTIN-8, -12, -13 or -14, digits alone, with its check digit right
/// (GS1 General Specifications, section 7.9).
///
/// Counted from the right, the digits before the check digit weigh 3, 1, 3 and so on; the
/// check digit brings the sum to a multiple of ten.
pub fn is_gtin(text: &str) -> bool {
    let whole = matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|b| b.is_ascii_digit());
    let digits = text.bytes().rev().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let weights = [1, 3].into_iter().cycle();
    whole && digits.zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::is_gtin;
    use proptest::prelude::*;

    /// Numbers from the GS1 specification, from shelves, and their four lengths.
    const GOOD: [&str; 7] = [
        "96385074",
        "73513537",
        "036000291452",
        "4006381333931",
        "9780306406157",
        "00036000291452",
        "10614141543219",
    ];

    #[test]
    fn numbers_on_real_goods_check() {
        for text in GOOD {
            assert!(is_gtin(text), "{text}");
        }
    }

    #[test]
    fn other_lengths_and_other_signs_do_not_check() {
        for text in
            ["", "0", "0000000", "000000000", "0000000000", "00000000000", "000000000000000"]
        {
            assert!(!is_gtin(text), "{text}");
        }
        for text in ["9638507a", "4006381 333931", "-96385074", "+6385074", "\u{664}006381333931"] {
            assert!(!is_gtin(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_wrong_digit_never_checks(of in 0..GOOD.len(), at in 0_usize..14, by in 1_u8..10) {
            let mut digits = GOOD[of].as_bytes().to_vec();
            let at = at % digits.len();
            digits[at] = b'0' + (digits[at] - b'0' + by) % 10;
            let wrong = String::from_utf8(digits).unwrap();
            prop_assert!(!is_gtin(&wrong), "{wrong}");
        }
    }
}
