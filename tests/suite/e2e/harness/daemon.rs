//! One daemon: its program, its data directory, its process.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Api, eventually, within};

/// The end of a log that a failed test shows.
const SHOWN_BYTES: usize = 3_000;

/// A daemon with its process, which may have been stopped or killed.
pub struct Daemon {
    /// Its data directory.
    pub data: PathBuf,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// What `run` is given beside the addresses; takes effect at the next start.
    pub flags: Vec<String>,
    name: String,
    program: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// What a command said.
#[derive(Debug)]
pub struct Output {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its answer.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

impl Output {
    /// The one JSON value that it answered.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Expects it to have failed with this code and these words.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

/// A program of the workspace, which stands two levels above this test.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this test has a path");
    let folder = own.parent().and_then(Path::parent).expect("target/PROFILE/deps/suite");
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not built; run `cargo build -p tentpole-node -p tentpole-control`, or all tests \
         with `make test`",
        path.display()
    );
    path
}

/// The path of `tentpole-node`.
pub fn node() -> PathBuf {
    program("tentpole-node")
}

/// The path of `tentpole-control`.
pub fn control() -> PathBuf {
    program("tentpole-control")
}

/// Copies a data directory at rest, modes and all.
pub async fn copy_directory(from: &Path, to: &Path) {
    let done = tokio::process::Command::new("cp").arg("-a").arg(from).arg(to).status().await;
    assert!(done.expect("cp runs").success());
}

/// A UDP address on loopback that nobody uses now.
pub fn free_address() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("its address")
}

/// Runs a program on a data directory to its end.
pub async fn run_command(program: &Path, data: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(program);
    command.arg("--data").arg(data).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let done = within(&format!("{arguments:?} ends"), command.output()).await;
    let done = done.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    Output {
        code: done.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

impl Daemon {
    /// `tentpole-control` in this folder, not started.
    pub fn control(folder: &Path) -> Self {
        Self::new("tentpole-control", folder, "control")
    }

    /// `tentpole-node` in this folder, not started.
    pub fn stall(folder: &Path, name: &str) -> Self {
        Self::new("tentpole-node", folder, name)
    }

    fn new(program_name: &str, folder: &Path, name: &str) -> Self {
        Self {
            data: folder.join(name),
            listen: free_address(),
            flags: Vec::new(),
            name: name.to_owned(),
            program: program(program_name),
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it, and waits until it answers.
    pub async fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut command = Command::new(&self.program);
        command.arg("--data").arg(&self.data).arg("run");
        command.args(["--api", "127.0.0.1:0", "--listen", &self.listen.to_string()]);
        command.args(&self.flags).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        self.child = Some(command.spawn().expect("a process"));
        eventually(&format!("{} answers", self.name), async || {
            let child = self.child.as_mut().expect("it was started");
            if let Some(status) = child.try_wait().expect("a status") {
                panic!("{} ended at its start: {status}", self.name);
            }
            // The address may be the last start's, but then the token is not known there.
            self.operator()?.try_get("/v1/status").await
        })
        .await;
    }

    /// SIGKILL: returns once it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Asks it to stop, and waits for a clean end.
    pub async fn stop(&mut self) {
        self.api().post("/v1/shutdown", &Value::Null).await;
        let mut child = self.child.take().expect("it runs");
        let status = eventually(&format!("{} stops", self.name), async || {
            child.try_wait().expect("a status").ok_or("it runs".to_owned())
        })
        .await;
        assert!(status.success(), "{} did not stop cleanly", self.name);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its API, for anybody who has a token.
    pub fn door(&self) -> Api {
        let address = std::fs::read_to_string(self.data.join("api.addr")).expect("an address");
        Api::at(address.trim().parse().expect("an address"))
    }

    /// Its API, for the operator.
    pub fn api(&self) -> Api {
        self.operator().unwrap_or_else(|said| panic!("{said}"))
    }

    /// The operator's token.
    pub fn operator_token(&self) -> String {
        let text = std::fs::read_to_string(self.data.join("admin.token")).expect("a token");
        text.trim().to_owned()
    }

    fn operator(&self) -> Result<Api, String> {
        let read = |name: &str| {
            let text = std::fs::read_to_string(self.data.join(name));
            text.map(|text| text.trim().to_owned()).map_err(|error| format!("{name}: {error}"))
        };
        let address = read("api.addr")?.parse().map_err(|error| format!("api.addr: {error}"))?;
        Ok(Api::at(address).with_token(&read("admin.token")?))
    }

    /// Runs one of its program's commands on its data directory.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        run_command(&self.program, &self.data, arguments).await
    }

    /// Runs a command that must succeed, and gives its answer in JSON.
    pub async fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.command(&[&["--json"], arguments].concat()).await;
        assert_eq!(output.code, 0, "{} {arguments:?}: {output:?}", self.name);
        output.json()
    }

    /// How it stands.
    pub async fn status(&self) -> Value {
        self.api().get("/v1/status").await
    }

    /// What its books come to, and over which events: equal on replicas that hold the same.
    pub async fn digests(&self) -> Value {
        self.api().get("/v1/digest").await["digests"].clone()
    }

    /// Its sums over all stalls.
    pub async fn total(&self) -> Value {
        self.api().get("/v1/sales/summary").await["total"].clone()
    }

    /// Expects every log on its disk to check out.
    pub async fn must_verify(&self) {
        let report = self.api().get("/v1/verify").await;
        assert_eq!(report["ok"], true, "{}: {report:#}", self.name);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let text = self.log().into_bytes();
            let end = &text[text.len().saturating_sub(SHOWN_BYTES)..];
            eprintln!("the log of {} ends:\n{}", self.name, String::from_utf8_lossy(end));
        }
    }
}
