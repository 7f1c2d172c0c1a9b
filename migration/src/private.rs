//! Files and folders that only their owner can access.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Creates a folder with mode 0700 if it is missing. Missing folders above it get the usual mode. A folder that exists is not
/// changed.
///
/// # Errors
/// The system's error.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Creates an empty file with mode 0600 if it is missing. A file that exists is neither opened nor changed: SQLite would lose its
/// locks on a file that this process opens and closes again.
///
/// # Errors
/// The system's error.
pub(crate) fn create_private_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_what_is_created_gets_the_private_mode() {
        let outside = tempfile::tempdir().unwrap();
        let (above, folder) = (outside.path().join("above"), outside.path().join("above/data"));
        let file = folder.join("tasks.db");
        create_private_folder(&folder).unwrap();
        create_private_file(&file).unwrap();
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        assert_ne!(mode(&above), 0o700);

        for (path, other) in [(&folder, 0o750), (&file, 0o640)] {
            fs::set_permissions(path, fs::Permissions::from_mode(other)).unwrap();
        }
        fs::write(&file, "content").unwrap();
        create_private_folder(&folder).unwrap();
        create_private_file(&file).unwrap();
        assert_eq!((mode(&folder), mode(&file)), (0o750, 0o640));
        assert_eq!(fs::read(&file).unwrap(), b"content");
        assert!(create_private_folder(&file).is_err());
    }
}
