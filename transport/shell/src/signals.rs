//! The signals that ask a daemon to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Ready when the process gets SIGINT or SIGTERM.
///
/// The handlers are in place when this returns; the error is that they cannot be set.
pub fn stop_requested() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_termination_signal_is_heard_instead_of_killing_the_process() {
        let mut stop = Box::pin(stop_requested().unwrap());
        let early = tokio::time::timeout(Duration::from_millis(20), &mut stop).await;
        assert!(early.is_err(), "no signal was sent yet");
        let kill = format!("kill -TERM {}", std::process::id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        tokio::time::timeout(Duration::from_secs(10), stop).await.unwrap();
    }
}
