//! Sales as people read them: each stall's and in sum, refunds and voids beside them.

use maud::{Markup, html};

use super::words::{amount, count};
use crate::read::{Summary, Totals};

/// The table of every stall and the sum.
pub fn table(summary: &Summary) -> Markup {
    let currency = summary.currency.as_str();
    html! {
        table {
            thead {
                tr {
                    th { "Stall" }
                    th .number { "Sales" }
                    th .number { "Sold, " (currency) }
                    th .number { "Refunded" }
                    th .number { "Voided" }
                    th .number { "Net, " (currency) }
                }
            }
            tbody {
                @for stall in &summary.stalls {
                    (row(stall.name.as_deref().unwrap_or("unnamed"), &stall.totals, currency))
                }
            }
            tfoot { (row("All stalls", &summary.total, currency)) }
        }
        @if summary.stalls.is_empty() {
            p .note { "Nothing was sold yet." }
        }
    }
}

fn row(name: &str, totals: &Totals, currency: &str) -> Markup {
    let sums = &totals.sums;
    html! {
        tr {
            th scope="row" { (name) }
            td .number { (sums.baskets) }
            td .number { (amount(sums.amount, currency)) }
            td .number { (reversed(sums.refunded, sums.refunds, "refund", currency)) }
            td .number { (reversed(sums.voided, sums.voids, "void", currency)) }
            td .number .strong { (amount(totals.net, currency)) }
        }
    }
}

fn reversed(minor: i128, number: i128, noun: &str, currency: &str) -> Markup {
    html! {
        (amount(minor, currency))
        @if number > 0 {
            br;
            small { (count(number, noun)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::ids::DeviceId;
    use engine::projections::sales::Sums;

    use super::*;
    use crate::read::StallTotals;

    #[test]
    fn refunds_and_voids_stand_beside_what_was_sold() {
        let sums = Sums {
            baskets: 12,
            amount: 123_450,
            refunds: 1,
            refunded: 450,
            voids: 2,
            voided: 3_000,
            ..Sums::default()
        };
        let stall = StallTotals {
            stall: DeviceId([7; 32]),
            name: Some("<b>tea</b>".to_owned()),
            totals: sums.into(),
        };
        let summary = Summary {
            vector: String::new(),
            currency: "EUR".to_owned(),
            total: sums.into(),
            stalls: vec![stall],
        };
        let html = table(&summary).into_string();
        for part in ["1'234.50", "4.50", "1 refund<", "30.00", "2 voids", "1'200.00"] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(html.contains("&lt;b&gt;tea") && !html.contains("<b>tea"), "{html}");
    }
}
