//! One-shot commands beside a daemon: run, bounded in time, their JSON taken from stdout.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::replay::api::shown;
use crate::replay::limits::COMMAND_WITHIN;

/// Runs `program --data DATA ARGUMENTS --json` to its end and gives the JSON it printed.
///
/// # Errors
///
/// The command and what it said, when it fails, takes too long or prints something else.
pub(crate) async fn ask(program: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let printed = run(program, data, &[arguments, &["--json"]].concat()).await?;
    let parsed = serde_json::from_slice(&printed);
    parsed.with_context(|| {
        format!("`{}` printed no JSON: {}", shown_command(program, arguments), shown(&printed))
    })
}

/// Runs `program --data DATA ARGUMENTS` to its end and gives what it printed.
pub(crate) async fn run(
    program: &Path,
    data: &Path,
    arguments: &[&str],
) -> anyhow::Result<Vec<u8>> {
    let mut command = tokio::process::Command::new(program);
    command.arg("--data").arg(data).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let name = shown_command(program, arguments);
    let output = tokio::time::timeout(COMMAND_WITHIN, command.output())
        .await
        .with_context(|| format!("`{name}` took longer than {COMMAND_WITHIN:?}"))?
        .with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        bail!("`{name}` failed ({}): {}", output.status, shown(&said));
    }
    Ok(output.stdout)
}

/// The program and its first argument; not the others, a join token is one of them.
fn shown_command(program: &Path, arguments: &[&str]) -> String {
    format!("{} {}", program.display(), arguments.first().unwrap_or(&""))
}

/// A text member of an answer.
pub(crate) fn text(answer: &Value, member: &str) -> anyhow::Result<String> {
    let found = answer.get(member).and_then(Value::as_str).map(str::to_owned);
    found.with_context(|| format!("an answer has no text `{member}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> Result<Value, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, executable).expect("a program");
        ask(&program, Path::new("d"), &["join", "secret"]).await.map_err(|e| format!("{e:#}"))
    }

    #[tokio::test]
    async fn a_command_gives_its_json() {
        let given = sh("echo \"{\\\"given\\\": \\\"$*\\\"}\"").await.expect("an answer");
        assert_eq!(given, serde_json::json!({"given": "--data d join secret --json"}));
    }

    #[tokio::test]
    async fn a_failed_command_is_told_without_its_arguments() {
        let said = sh("echo the token is used up >&2; exit 4").await.expect_err("an error");
        assert!(said.contains("join") && said.contains("the token is used up"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        let said = sh("echo ok").await.expect_err("an error");
        assert!(said.contains("printed no JSON: ok"), "{said}");
    }
}
