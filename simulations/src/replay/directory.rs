//! Claims the directory that a run lives in, and wipes only what an earlier run left there.
//!
//! It never touches a directory that holds anything else, nor one whose daemons still run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Says that a directory belongs to a run; holds the ids of daemons that it left running.
const MARKER: &str = "tentpole-sim.pids";

/// Makes the directory, or empties it if an earlier run made it. Gives its absolute path.
pub(crate) fn claim(dir: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = fs::canonicalize(dir).with_context(|| format!("cannot find {}", dir.display()))?;
    let marker = dir.join(MARKER);
    match fs::read_to_string(&marker) {
        Ok(pids) => refuse_running(&dir, &pids)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => refuse_foreign(&dir)?,
        Err(e) => bail!("cannot read {}: {e}", marker.display()),
    }
    wipe(&dir).with_context(|| format!("cannot wipe {}", dir.display()))?;
    fs::write(&marker, "").with_context(|| format!("cannot write {}", marker.display()))?;
    Ok(dir)
}

/// Notes the daemons left running, so that no later run wipes the disks under them.
pub(crate) fn note_kept(dir: &Path, pids: &[u32]) -> anyhow::Result<()> {
    let lines: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
    fs::write(dir.join(MARKER), lines).context("cannot note the daemons left running")
}

fn refuse_foreign(dir: &Path) -> anyhow::Result<()> {
    if fs::read_dir(dir)?.next().is_some() {
        bail!("{} holds something else; name an empty directory with --dir", dir.display());
    }
    Ok(())
}

/// A process counts as ours when its command line names the directory: ids are reused.
fn refuse_running(dir: &Path, pids: &str) -> anyhow::Result<()> {
    let here = dir.as_os_str().as_encoded_bytes();
    let names_dir = |pid: &&str| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(here.len()).any(|part| part == here)
    };
    let numbers = pids.lines().filter(|pid| pid.parse::<u32>().is_ok());
    let running: Vec<&str> = numbers.filter(names_dir).collect();
    if !running.is_empty() {
        let running = running.join(" ");
        bail!("daemons of an earlier run still use {}; end them: kill {running}", dir.display());
    }
    Ok(())
}

fn wipe(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn check(prepare: impl FnOnce(&Path)) -> Result<bool, String> {
        let dir = tempfile::tempdir().expect("a directory");
        prepare(dir.path());
        match claim(dir.path()) {
            Ok(claimed) => Ok(fs::read_dir(claimed).expect("its entries").count() == 1),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    #[test]
    fn a_new_directory_is_claimed_and_an_earlier_run_wiped() {
        assert_eq!(check(|_| ()), Ok(true));
        let earlier = |dir: &Path| {
            fs::write(dir.join(MARKER), "4294967295\nx\n").expect("a marker");
            fs::create_dir(dir.join("control")).expect("a data directory");
            fs::write(dir.join("control.log"), "x").expect("a log");
        };
        assert_eq!(check(earlier), Ok(true));
    }

    #[test]
    fn what_another_program_left_is_not_touched() {
        let refusal = check(|dir| fs::write(dir.join("thesis.tex"), "x").expect("a file"));
        assert!(refusal.expect_err("a refusal").contains("--dir"));
    }

    #[test]
    fn a_directory_in_use_is_refused_with_what_to_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let claimed = claim(dir.path()).expect("a claim");
        let mut sleeper = std::process::Command::new("sh")
            .args(["-c", "echo ready; read line", &claimed.display().to_string()])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a process that names the directory");
        // The kernel shows a command line only some time after the start.
        let mut ready = [0];
        sleeper.stdout.take().expect("its output").read_exact(&mut ready).expect("a word");
        note_kept(&claimed, &[sleeper.id()]).expect("a note");
        let refusal = claim(dir.path()).expect_err("a refusal").to_string();
        let _ = sleeper.kill();
        let _ = sleeper.wait();
        assert!(refusal.contains(&format!("kill {}", sleeper.id())), "{refusal}");
        claim(dir.path()).expect("a claim once it ended");
    }
}
