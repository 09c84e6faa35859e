//! The daemons as child processes: started with their logs on disk, stopped, killed, started
//! again, and never left behind.
//!
//! A [`Daemon`] that is dropped is killed and reaped, so every way out of a run ends them all; the
//! one exception is [`Daemon::keep`]. It knows nothing of what the daemons do.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::replay::limits::{ASK_EVERY, SHOWN_BYTES, STOP_WITHIN};

/// Where the daemons' programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// `tentpole-control`.
    pub control: PathBuf,
    /// `tentpole-node`.
    pub node: PathBuf,
}

impl Programs {
    /// Finds both in the given directory, or beside this program.
    pub fn find(dir: Option<&Path>) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let dir = dir.unwrap_or_else(|| own.parent().unwrap_or(Path::new(".")));
        let find = |name: &str| {
            let path = dir.join(name);
            match path.is_file() {
                true => Ok(path),
                false => bail!("{} is not there; build it, or say --bin-dir", path.display()),
            }
        };
        Ok(Self { control: find("tentpole-control")?, node: find("tentpole-node")? })
    }
}

/// Where one daemon listens, on loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// HTTP.
    pub api: SocketAddr,
    /// QUIC.
    pub quic: SocketAddr,
}

/// Picks free ports for so many daemons. All are held until the last is picked, so no two are the
/// same; another program can still take one before the daemon does, which then says so.
pub(crate) fn free_addresses(count: usize) -> anyhow::Result<Vec<Addresses>> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let pick = || anyhow::Ok((TcpListener::bind(any)?, UdpSocket::bind(any)?));
    let held = (0..count).map(|_| pick()).collect::<Result<Vec<_>, _>>();
    let held = held.context("cannot find free ports on 127.0.0.1")?;
    let addresses = |(tcp, udp): &(TcpListener, UdpSocket)| {
        anyhow::Ok(Addresses { api: tcp.local_addr()?, quic: udp.local_addr()? })
    };
    held.iter().map(addresses).collect()
}

/// A daemon under this program's care.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// What people call it: `control`, `store 367`.
    pub name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    log: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    /// Starts a daemon whose standard error goes to the end of `log`.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: &[A],
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let mut daemon = Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: arguments.iter().map(|a| a.as_ref().to_owned()).collect(),
            log,
            child: None,
        };
        daemon.start_again()?;
        Ok(daemon)
    }

    /// Starts it with the arguments it had before. A daemon that still runs is left alone.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        // A group of its own: ctrl-c reaches this program only, which then ends its daemons.
        command.process_group(0);
        let child = command.spawn();
        self.child = Some(child.with_context(|| format!("cannot run {}", self.program.display()))?);
        Ok(())
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Fails, with the end of its log, when the daemon stopped by itself.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        let Some(child) = &mut self.child else { bail!("{} does not run", self.name) };
        match child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                self.child = None;
                bail!("{} stopped by itself ({status}); {}", self.name, self.log_end())
            }
        }
    }

    /// SIGKILL, as when the power goes: returns once it is gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().with_context(|| format!("cannot kill {}", self.name))?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks all these to stop, and waits. One that is late or not clean is an error.
    pub async fn stop_all<'a>(
        daemons: impl IntoIterator<Item = &'a mut Self>,
    ) -> anyhow::Result<()> {
        let mut daemons: Vec<&mut Self> = daemons.into_iter().collect();
        for daemon in &mut daemons {
            daemon.still_runs()?;
            let id = daemon.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
            let id = id.with_context(|| format!("{} has no process id", daemon.name))?;
            kill_process(id, Signal::TERM)?;
        }
        for daemon in daemons {
            let status = daemon.ended().await?;
            if !status.success() {
                bail!("{} did not stop cleanly ({status}); {}", daemon.name, daemon.log_end());
            }
        }
        Ok(())
    }

    async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let asked = Instant::now();
        loop {
            let Some(child) = &mut self.child else { bail!("{} does not run", self.name) };
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok(status);
            }
            if asked.elapsed() > STOP_WITHIN {
                bail!("{} did not stop within {STOP_WITHIN:?}; {}", self.name, self.log_end());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Lets it run on after this program ends. Gives its process id.
    pub fn keep(mut self) -> Option<u32> {
        self.child.take().map(|child| child.id())
    }

    /// The most memory it ever held at once, in bytes, as the kernel counts it. `None` where there
    /// is no `/proc`.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }

    /// Where its log is, and how that ends.
    pub fn log_end(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let end = text.get(text.len().saturating_sub(SHOWN_BYTES)..).unwrap_or_default();
        format!("{} ends: {}", self.log.display(), String::from_utf8_lossy(end).trim())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nobody is left to tell about a process that cannot be killed.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Daemon, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("log");
        let sh = Path::new("/bin/sh");
        (Daemon::start("a shell", sh, &["-c", script], log).expect("a shell"), dir)
    }

    /// Waits for the shell to have set its trap.
    async fn says_ready(daemon: &Daemon) {
        while !daemon.log_end().contains("ready") {
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    #[tokio::test]
    async fn a_daemon_that_stops_by_itself_is_an_error_with_the_end_of_its_log() {
        let (mut daemon, _dir) = shell("echo no such disk >&2; exit 3");
        let said = loop {
            match daemon.still_runs() {
                Ok(()) => tokio::time::sleep(ASK_EVERY).await,
                Err(e) => break e.to_string(),
            }
        };
        assert!(said.contains("exit status: 3") && said.contains("no such disk"), "{said}");
    }

    #[tokio::test]
    async fn a_clean_stop_and_another_are_told_apart() {
        let sleeps = "while :; do sleep 0.01; done";
        for (exit, is_clean) in [(0, true), (1, false)] {
            let script = format!("trap 'exit {exit}' TERM; echo ready; {sleeps}");
            let (mut daemon, _dir) = shell(&script);
            says_ready(&daemon).await;
            assert_eq!(Daemon::stop_all([&mut daemon]).await.is_ok(), is_clean);
        }
    }

    #[tokio::test]
    async fn a_killed_daemon_starts_again_and_a_dropped_one_is_gone() {
        let (mut daemon, _dir) = shell("echo ready; while :; do sleep 0.01; done");
        let first = daemon.pid().expect("a process");
        assert!(daemon.peak_memory().expect("a figure") > 0);
        daemon.kill().expect("a kill");
        assert_eq!(daemon.pid(), None);
        daemon.start_again().expect("a start");
        let second = daemon.pid().expect("a process");
        assert_ne!(first, second);
        drop(daemon);
        assert!(!Path::new(&format!("/proc/{second}")).exists());
    }

    #[test]
    fn no_two_daemons_get_one_port() {
        let picked = free_addresses(40).expect("ports");
        let ports: std::collections::BTreeSet<u16> = picked.iter().map(|a| a.api.port()).collect();
        assert_eq!(ports.len(), 40);
    }

    #[test]
    fn missing_programs_are_named_with_the_mend() {
        let refusal = Programs::find(Some(Path::new("/nowhere"))).expect_err("a refusal");
        assert!(refusal.to_string().contains("/nowhere/tentpole-control"), "{refusal}");
    }
}
