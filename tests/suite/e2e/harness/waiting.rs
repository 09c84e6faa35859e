//! Waiting for what is due, by asking again and again.

use std::time::Duration;

use tokio::time::Instant;

/// What is due is there by then, also on a busy machine; a test that waits so long has failed.
const DUE_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const ASK_EVERY: Duration = Duration::from_millis(25);

/// Asks `probe` until it gives a value. Panics with what it said last when that takes too long.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let until = Instant::now() + DUE_WITHIN;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(said) if Instant::now() > until => {
                panic!("not within {DUE_WITHIN:?}: {what}; last seen:\n{said}")
            }
            Err(_) => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}

/// What `work` gives. Panics when that takes too long.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DUE_WITHIN, work).await;
    done.unwrap_or_else(|_| panic!("not within {DUE_WITHIN:?}: {what}"))
}
