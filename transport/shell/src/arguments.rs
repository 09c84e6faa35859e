//! Arguments that the commands of both programs take. Clap reads them, so what cannot be read is a
//! wrong use of the command: nothing is asked of a daemon, and the exit code says so.

use serde_json::{Value, json};

/// A quantity of one SKU, as in `tea:1000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsLine {
    /// The SKU, which may have colons in it.
    pub sku: String,
    /// Thousandths.
    pub quantity: u64,
}

impl GoodsLine {
    /// What it is in a body in which the quantity is called `field`.
    pub fn body(&self, field: &str) -> Value {
        json!({ "sku": self.sku, field: self.quantity })
    }
}

/// Reads `SKU:THOUSANDTHS`.
///
/// # Errors
/// When it is anything else; says how it is written.
pub fn goods_line(text: &str) -> Result<GoodsLine, String> {
    let parts = text.rsplit_once(':').map(|(sku, quantity)| (sku, quantity.parse()));
    match parts {
        Some((sku, Ok(quantity))) if !sku.is_empty() => {
            Ok(GoodsLine { sku: sku.to_owned(), quantity })
        }
        _ => Err("write it as SKU:THOUSANDTHS, as in tea:1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, u64)>) {
        let found = goods_line(text).ok();
        assert_eq!(found.as_ref().map(|line| (line.sku.as_str(), line.quantity)), expected);
    }

    #[test]
    fn a_line_is_a_sku_and_thousandths_and_nothing_else() {
        check("tea:1000", Some(("tea", 1_000)));
        check("urn:tea:0", Some(("urn:tea", 0)));
        for text in ["", "tea", "tea:", ":1000", "tea:1.5", "tea:-1", "tea:1000 "] {
            check(text, None);
        }
    }
}
