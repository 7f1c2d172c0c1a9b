use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::geteuid;
use secrecy::SecretString;

use super::variables::ConfigError;

/// The file of the development secret, below the working directory.
pub(super) const PATH: &str = "data/development-secret";

/// The number of random bytes. They are written as hexadecimal digits.
const BYTES: usize = 32;

/// Reads the secret. The first call creates it, in a file that only its owner can read.
///
/// Another user of the machine must not choose the secret: a symbolic link is refused, and so is a file that belongs to another
/// user than the one who runs this process, root included.
pub(super) fn load(path: &Path, notices: &mut Vec<String>) -> Result<SecretString, ConfigError> {
    let shown = path.display();
    let wrong = |problem: String| ConfigError::new("BETTER_AUTH_SECRET", format!("is not set, and {shown} {problem}"));
    let failed = |error: io::Error| wrong(format!("failed: {error}"));
    // Without waiting for a writer, if it is a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut opened = open(path, flags, Mode::empty());
    if matches!(opened, Err(Errno::NOENT)) {
        create(path).map_err(failed)?;
        opened = open(path, flags, Mode::empty());
    }
    let mut file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(wrong("is a symbolic link: delete it".to_owned())),
        Err(error) => return Err(failed(error.into())),
    };
    // What is checked is the file that was opened, whatever its name leads to by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(wrong("is no file: delete it".to_owned()));
    }
    if metadata.uid() != geteuid().as_raw() {
        return Err(wrong("belongs to another user: delete it".to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(wrong("can be read by others: chmod 600 it".to_owned()));
    }
    let mut secret = String::new();
    file.read_to_string(&mut secret).map_err(failed)?;
    if secret.trim().len() < BYTES {
        return Err(wrong("contains no secret: delete that file".to_owned()));
    }
    notices.push(format!(
        "BETTER_AUTH_SECRET is not set: this development server verifies tokens with a random secret, which it keeps in {shown}"
    ));
    Ok(secret.trim().into())
}

/// Creates the file atomically, so that two servers that start at once use the same secret.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    service::create_private_folder(folder)?;
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(io::Error::from)?;
    let mut secret = String::new();
    for byte in random {
        let _ = write!(secret, "{byte:02x}");
    }
    // Temporary files are readable by their owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{secret}")?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_development_secret_is_created_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/secret");
        let first = load(&path, &mut Vec::new()).unwrap();
        let second = load(&path, &mut Vec::new()).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load(&path, &mut Vec::new()).unwrap_err().to_string().contains("chmod 600"));
    }

    fn refusal(path: &Path) -> String {
        load(path, &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn a_symbolic_link_to_a_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        symlink(&real, &link).unwrap();
        assert!(refusal(&link).contains("is a symbolic link"), "the link leads nowhere");
        assert!(!real.exists());
        load(&real, &mut Vec::new()).unwrap();
        assert!(refusal(&link).contains("is a symbolic link"));
    }

    #[test]
    fn a_secret_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        load(&path, &mut Vec::new()).unwrap();
        if chown(&path, Some(65_534), None).is_ok() {
            assert!(refusal(&path).contains("belongs to another user"));
        } else {
            // Only root can give a file away. This one is root's, and every user can read it.
            assert!(refusal(Path::new("/etc/passwd")).contains("belongs to another user"));
        }
    }

    #[test]
    fn a_folder_or_a_pipe_in_place_of_the_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refusal(folder.path()).contains("is no file"));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(refusal(&pipe).contains("is no file"));
    }
}
