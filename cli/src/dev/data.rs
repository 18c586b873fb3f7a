//! The folder of `hookrail dev --data`: used by one process at a time, and readable for its owner only.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Mode of the folder when `hookrail dev` creates it.
const FOLDER_MODE: u32 = 0o700;
/// Mode of each file: they hold tokens, secrets and events.
const FILE_MODE: u32 = 0o600;
/// The file that names the process that has the folder.
const PROCESS: &str = "hookrail.pid";
const CREDENTIALS: &str = "credentials.json";
const JOURNAL: &str = "queues.jsonl";
const TABLES: &str = "tables.db";
/// The files of the database. It gives new ones the mode of the first, and leaves those of an earlier run as they are.
const TABLES_FILES: [&str; 3] = [TABLES, "tables.db-wal", "tables.db-shm"];

/// The data folder, locked for this process until dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// The folder itself, open: the lock is on it, so that no file in it can be removed to get around the lock.
    _lock: File,
}

/// A data folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(
        "the data folder {folder} is in use by {owner}. \
        Stop that process, or give another folder with --data"
    )]
    InUse { folder: String, owner: String },
    #[error("the data folder {folder} cannot be {action}")]
    Io { folder: String, action: &'static str, source: io::Error },
}

impl DataFolder {
    /// Creates the folder if it is missing, and locks it. Nothing in it is read or changed before.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let folder = || path.display().to_string();
        let failed = |action| move |source| DataError::Io { folder: folder(), action, source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(failed("created"))?;
        let lock = File::open(path).map_err(failed("opened"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataError::InUse { folder: folder(), owner: owner(path) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
        }
        let data = Self { path: path.to_owned(), _lock: lock };
        data.prepare().map_err(failed("written to"))?;
        Ok(data)
    }

    /// Returns the path of the tables.
    #[must_use]
    pub fn tables(&self) -> PathBuf {
        self.path.join(TABLES)
    }

    /// Returns the path of the journal of the queues.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Returns the path of the file with company and tokens.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.path.join(CREDENTIALS)
    }

    /// Names this process in the folder, and makes the tables' files private before the database opens them.
    fn prepare(&self) -> io::Result<()> {
        let mut process = private_file(&self.path.join(PROCESS))?;
        process.set_len(0)?;
        writeln!(process, "{}", std::process::id())?;
        private_file(&self.tables())?;
        for name in TABLES_FILES {
            match fs::set_permissions(self.path.join(name), Permissions::from_mode(FILE_MODE)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Opens a file for writing, creating it for its owner only.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

/// Describes the process that has the folder, as far as the folder names it.
fn owner(path: &Path) -> String {
    let text = fs::read_to_string(path.join(PROCESS)).unwrap_or_default();
    match text.trim().parse::<u32>() {
        Ok(process) => format!("another `hookrail dev`, process {process}"),
        Err(_) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("hookrail-data-{name}-{}", std::process::id()));
        fs::remove_dir_all(&path).unwrap_or(());
        path
    }

    #[test]
    fn a_second_process_is_rejected_with_folder_and_process_id() {
        let path = folder("lock");
        let first = DataFolder::open(&path).unwrap();
        // Other spellings of the path, and a removed file, make no difference.
        let spelling = path.join("..").join(path.file_name().unwrap());
        let expected = format!("is in use by another `hookrail dev`, process {}", std::process::id());
        let refused = DataFolder::open(&spelling).unwrap_err().to_string();
        assert!(refused.contains(&expected) && refused.contains("Stop that process"), "{refused}");
        fs::remove_file(path.join(PROCESS)).unwrap();
        let refused = DataFolder::open(&path).unwrap_err().to_string();
        assert!(refused.contains("is in use by another process"), "{refused}");
        assert!(refused.contains(&path.display().to_string()), "{refused}");
        drop(first);
        DataFolder::open(&path).unwrap();
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn only_the_owner_can_access_the_folder_and_its_files() {
        let path = folder("modes").join("inner");
        drop(DataFolder::open(&path).unwrap());
        assert_eq!(mode(&path), FOLDER_MODE);
        // As an earlier version left them.
        for name in TABLES_FILES {
            let file = path.join(name);
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        }
        let data = DataFolder::open(&path).unwrap();
        for name in TABLES_FILES {
            assert_eq!(mode(&path.join(name)), FILE_MODE, "{name}");
        }
        assert_eq!(mode(&path.join(PROCESS)), FILE_MODE);
        drop(data);
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn names_the_folder_that_cannot_be_created() {
        let path = folder("file");
        fs::write(&path, "").unwrap();
        let refused = DataFolder::open(&path).unwrap_err().to_string();
        assert!(refused.contains(&path.display().to_string()), "{refused}");
        fs::remove_file(path).unwrap();
    }
}
