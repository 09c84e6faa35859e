//! Private files: written whole or not at all, readable by their owner alone.
//!
//! Secrets and small documents of a data directory are kept this way. A file that others can
//! read is refused, never quietly repaired: its content may have been seen.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// Why a private file or directory could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such file.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// There is such a file already, and it is not to be replaced.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// Group or others may read or write it.
    #[error(
        "{} has mode {mode:04o}, so that others can use it; if nobody has, run `chmod 600 {}`, \
         else replace it",
        path.display(), path.display()
    )]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a directory, a pipe or the like.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is longer than such a file can be.
    #[error("{} is longer than {max} bytes; it is not the file this program wrote", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes it may have.
        max: usize,
    },
    /// It was read, and its content is not what it should be.
    #[error("{} does not hold {expected}; restore it from a copy, or remove it", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// The system refused.
    #[error("{} cannot be {doing}: {cause}", path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, as a participle.
        doing: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

/// Makes a directory with mode 0700, with its parents, if there is none.
///
/// A directory that exists keeps its mode: whoever made it may have had a reason, and the files
/// in it are guarded one by one.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    let failed = |cause| FileError::System { path: path.to_owned(), doing: "created", cause };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    sync_dir(parent(path)).map_err(failed)
}

/// Writes `bytes` to `path` with mode 0600, replacing what is there.
///
/// After a crash at any moment the file has the old content or the new, and once this returns,
/// the new also after a power cut. The directory must exist.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    place(path, bytes, |new| std::fs::rename(new, path))
}

/// Like [`write_private`], but fails with [`FileError::Exists`] and changes nothing if there is
/// a file at `path`, also when two processes try at once.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    place(path, bytes, |new| {
        std::fs::hard_link(new, path)?;
        std::fs::remove_file(new)
    })
}

/// Reads the whole of a private file of at most `max` bytes.
pub fn read_private(path: &Path, max: usize) -> Result<Vec<u8>, FileError> {
    let file = open_file(path)?;
    let mode = file.metadata().map_err(|cause| read_failure(path, cause))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(FileError::ReadableByOthers { path: path.to_owned(), mode: mode & 0o7777 });
    }
    read_whole(path, file, max)
}

/// Reads the whole of a file that anybody may know, of at most `max` bytes.
pub fn read_public(path: &Path, max: usize) -> Result<Vec<u8>, FileError> {
    read_whole(path, open_file(path)?, max)
}

fn open_file(path: &Path) -> Result<File, FileError> {
    let failed = |cause| read_failure(path, cause);
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::NotAFile(path.to_owned()));
    }
    File::open(path).map_err(failed)
}

fn read_whole(path: &Path, file: File, max: usize) -> Result<Vec<u8>, FileError> {
    let failed = |cause| read_failure(path, cause);
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > max {
        return Err(FileError::TooLong { path: path.to_owned(), max });
    }
    Ok(bytes)
}

/// Removes a file; one that is not there is fine.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            Err(FileError::System { path: path.to_owned(), doing: "removed", cause })
        }
        _ => Ok(()),
    }
}

/// Writes a synced file beside `path`, then lets `publish` give it that name.
fn place(
    path: &Path,
    bytes: &[u8],
    publish: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), FileError> {
    let new = unused_name(path);
    let placed = write_synced(&new, bytes)
        .and_then(|()| publish(&new))
        .and_then(|()| sync_dir(parent(path)));
    placed.map_err(|cause| {
        // The first failure is the one to report.
        let _ = std::fs::remove_file(&new);
        match cause.kind() {
            ErrorKind::AlreadyExists => FileError::Exists(path.to_owned()),
            _ => FileError::System { path: path.to_owned(), doing: "written", cause },
        }
    })
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The umask may have taken bits from the owner too.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name beside `path` that no other process or thread picks.
fn unused_name(path: &Path) -> PathBuf {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{serial}.new", std::process::id()));
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// Makes the names in a directory durable.
fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn read_failure(path: &Path, cause: io::Error) -> FileError {
    match cause.kind() {
        ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::System { path: path.to_owned(), doing: "read", cause },
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("secret");
        (dir, file)
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(dir: &TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_reads_back() {
        let (dir, file) = folder();
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(read_private(&file, 3).unwrap(), b"two");
        assert_eq!(names(&dir), ["secret"], "no temporary file stays behind");
    }

    #[test]
    fn a_file_is_created_once_and_then_left_alone() {
        let (dir, file) = folder();
        create_private(&file, b"first").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert!(matches!(create_private(&file, b"second"), Err(FileError::Exists(_))));
        assert_eq!(read_private(&file, 64).unwrap(), b"first");
        assert_eq!(names(&dir), ["secret"], "no temporary file stays behind");
    }

    #[test]
    fn of_many_that_create_one_file_at_once_exactly_one_succeeds() {
        let (_dir, file) = folder();
        let create = &|n: u8| create_private(&file, &[n; 32]);
        let created: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || create(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(created.iter().filter(|result| result.is_ok()).count(), 1);
        let content = read_private(&file, 32).unwrap();
        assert!(created[usize::from(content[0])].is_ok(), "the winner's content is there, whole");
        assert_eq!(content, [content[0]; 32]);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_mend() {
        let (_dir, file) = folder();
        write_private(&file, b"secret").unwrap();
        for loose in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&file, Permissions::from_mode(loose)).unwrap();
            let text = read_private(&file, 64).unwrap_err().to_string();
            assert!(text.contains(&format!("chmod 600 {}", file.display())), "{text}");
            assert!(text.contains(&format!("{loose:04o}")), "{text}");
        }
    }

    #[test]
    fn a_file_longer_than_the_bound_is_refused() {
        let (_dir, file) = folder();
        write_private(&file, &[1; 65]).unwrap();
        assert_eq!(read_private(&file, 65).unwrap().len(), 65);
        assert!(matches!(read_private(&file, 64), Err(FileError::TooLong { max: 64, .. })));
    }

    #[test]
    fn what_is_missing_or_no_file_is_told_apart() {
        let (dir, file) = folder();
        assert!(matches!(read_private(&file, 64), Err(FileError::Missing(_))));
        assert!(matches!(read_private(dir.path(), 64), Err(FileError::NotAFile(_))));
    }

    #[test]
    fn writing_where_no_directory_is_fails_and_names_the_file() {
        let (dir, _) = folder();
        let file = dir.path().join("absent/secret");
        let text = write_private(&file, b"x").unwrap_err().to_string();
        assert!(text.contains("absent/secret cannot be written"), "{text}");
    }

    #[test]
    fn a_new_directory_is_private_and_an_old_one_keeps_its_mode() {
        let (dir, _) = folder();
        let path = dir.path().join("a/b");
        create_private_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        std::fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        create_private_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o750);
    }

    #[test]
    fn a_file_in_the_way_of_a_directory_is_an_error() {
        let (_dir, file) = folder();
        write_private(&file, b"x").unwrap();
        assert!(create_private_dir(&file).is_err());
    }

    #[test]
    fn removing_twice_is_fine() {
        let (_dir, file) = folder();
        write_private(&file, b"x").unwrap();
        remove(&file).unwrap();
        remove(&file).unwrap();
        assert!(matches!(read_private(&file, 64), Err(FileError::Missing(_))));
    }
}
