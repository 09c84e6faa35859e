//! The problem that a refused fact is answered with, the same at both daemons.

use engine::decide::Refusal;
use engine::replica::own_book::BookError;
use engine::store::ReadError;

use crate::problem::Problem;

/// The problem of a refusal.
pub fn problem(refusal: &Refusal) -> Problem {
    let text = refusal.to_string();
    match refusal {
        Refusal::KeyReused(_) => Problem::key_reused(text),
        Refusal::WrongCurrency { .. } => Problem::wrong_currency(text),
        Refusal::UnknownSku { .. } => Problem::unknown_sku(text),
        Refusal::BadQuantity { .. } => Problem::bad_quantity(text),
        Refusal::BadAmount { .. } => Problem::bad_amount(text),
        Refusal::Tenders { .. } => Problem::tenders_short(text),
        Refusal::BadReference(_) => Problem::bad_reference(text),
        Refusal::Rebuilding { .. } | Refusal::Read(ReadError::NotWhole(_)) => {
            Problem::rebuilding(text)
        }
        Refusal::Unavailable { .. } => Problem::not_available(text),
        Refusal::BadTime(_) => Problem::bad_time(text),
        Refusal::Read(_) | Refusal::Book(BookError::Read(_)) => Problem::halted(text),
        Refusal::Book(_) => Problem::bad_reference(text),
        _ => Problem::malformed(text),
    }
}
