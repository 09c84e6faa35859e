//! What a command prints: the answer for a script, or words for a person.

use serde::Serialize;

/// Prints an answer as one line of JSON, or in words. It goes to text directly: a
/// `serde_json::Value` cannot hold every sum.
pub fn show(json: bool, answer: &impl Serialize, words: &str) {
    if json {
        let json = serde_json::to_string(answer);
        println!("{}", json.expect("invariant: an answer is plain data"));
    } else {
        println!("{words}");
    }
}
