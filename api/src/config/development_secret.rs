use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;

use super::variables::ConfigError;

/// The file of the development secret, below the working directory.
pub(super) const PATH: &str = "data/development-secret";

/// The number of random bytes. They are written as hexadecimal digits.
const BYTES: usize = 32;

/// Reads the secret. The first call creates it, in a file that only its owner can read.
pub(super) fn load(path: &Path, notices: &mut Vec<String>) -> Result<SecretString, ConfigError> {
    let shown = path.display();
    let wrong = |problem: String| ConfigError::new("BETTER_AUTH_SECRET", format!("is not set, and {shown} {problem}"));
    let failed = |error: io::Error| wrong(format!("failed: {error}"));
    if !path.exists() {
        create(path).map_err(failed)?;
    }
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(wrong("can be read by others: chmod 600 it".to_owned()));
    }
    let secret = fs::read_to_string(path).map_err(failed)?;
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
    fs::create_dir_all(folder)?;
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
}
