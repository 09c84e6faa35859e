//! Links between documents. Only links within the workspace are looked at; nothing is fetched.

use super::tree::Source;

/// A relative link in a document leads to a file or folder of the workspace.
pub fn lead_somewhere(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, link) in links(&source.text) {
            let target = link.split('#').next().unwrap_or_default();
            let elsewhere =
                target.is_empty() || target.contains("://") || target.contains("mailto:");
            if !elsewhere && !resolve(folder, target).is_some_and(|path| exists(sources, &path)) {
                findings.push(format!("{}:{line}: {target} does not exist", source.path));
            }
        }
    }
    findings
}

/// The targets of `[text](target)` and `[label]: target`, outside code blocks.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        found.extend(inline.map(|link| (at + 1, link)));
        if let Some((_, link)) = line.strip_prefix('[').and_then(|label| label.split_once("]: ")) {
            found.push((at + 1, link.trim()));
        }
    }
    found
}

/// The path of `target` seen from `folder`, unless it leaves the workspace.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn exists(sources: &[Source], path: &str) -> bool {
    sources.iter().any(|source| {
        let rest = source.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_dead_link_is_found() {
        let text = "[a](docs/a.md) and [b](docs/b.md#part)\n[c]: docs/c.md\n";
        let files = [("README.md", text), ("docs/a.md", "[up](../../out.md)")];
        check(lead_somewhere, &files, &["README.md:1", "README.md:2", "docs/a.md:1"]);
    }

    #[test]
    fn links_to_files_folders_parts_and_other_sites_pass() {
        let text = "[a](a.md) [b](../README.md) [c](../engine/) [d](#d) [e](https://f.example/)\n\
                    ```\nx[0](g)\n```\n";
        let files = [("docs/a.md", text), ("README.md", ""), ("engine/src/lib.rs", "")];
        check(lead_somewhere, &files, &[]);
    }
}
