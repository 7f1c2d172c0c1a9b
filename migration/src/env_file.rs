//! The file `.env`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dotenvor::{Error, ParseErrorKind};

/// The variables of a file `.env`, as Better Auth's reader of such files takes them: a value without quotes ends at the end of
/// the line or at a `#`, the last of several values of one name counts, and `$` has no meaning.
#[derive(Default)]
pub struct EnvFile {
    /// Names and values.
    pub variables: Vec<(String, String)>,
}

impl EnvFile {
    /// Reads `.env` in the working directory, or else in the nearest folder above that has one. Returns `None` if there is none.
    ///
    /// # Errors
    /// One sentence that names the file and, if possible, the line. It contains nothing of the file, which may hold secrets.
    pub fn find() -> Result<Option<Self>, String> {
        let folder =
            std::env::current_dir().map_err(|error| format!("the working directory cannot be read: {error}"))?;
        for folder in folder.ancestors() {
            let path = folder.join(".env");
            match fs::read(&path) {
                Ok(content) => return Self::parse(&path, &content).map(Some),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
            }
        }
        Ok(None)
    }

    fn parse(path: &Path, content: &[u8]) -> Result<Self, String> {
        let at = |line, problem| format!("{}, line {line}: {problem}", path.display());
        let text = std::str::from_utf8(content).map_err(|error| {
            let before = content.get(..error.valid_up_to()).unwrap_or_default();
            at(line_after(before), "the text is not UTF-8")
        })?;
        // Some editors begin a file with a byte order mark.
        let entries = dotenvor::parse_str(text.trim_start_matches('\u{feff}')).map_err(|error| match error {
            Error::Parse(error) => at(error.line.try_into().unwrap_or(usize::MAX), explain(&error.kind)),
            other => format!("{}: {other}", path.display()),
        })?;
        let variables = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
        Ok(Self { variables })
    }

    /// Returns the value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Returns the number of the line that comes after this text, from 1.
fn line_after(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count()
}

fn explain(kind: &ParseErrorKind) -> &'static str {
    match kind {
        ParseErrorKind::InvalidSyntax => "must be NAME=value, and nothing but a comment may follow a value in quotes",
        ParseErrorKind::MissingKey => "must be NAME=value, and the name is missing",
        ParseErrorKind::InvalidKey => "must be NAME=value, with a name of letters, digits and `_`",
        ParseErrorKind::UnterminatedQuote => "a quote begins here and does not end",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &[u8]) -> Result<Vec<(String, String)>, String> {
        EnvFile::parse(Path::new("/srv/.env"), content).map(|file| file.variables)
    }

    #[test]
    fn values_are_taken_whole_and_a_dollar_has_no_meaning() {
        for (line, value) in [
            ("NAME=My App", "My App"),
            ("export NAME = My App  # a comment", "My App"),
            ("NAME=pa$$word$HOME${HOME}", "pa$$word$HOME${HOME}"),
            ("NAME=\"pa$HOME # word\"", "pa$HOME # word"),
            ("NAME='it is \"quoted\"' # a comment", "it is \"quoted\""),
            ("NAME=\"one\\ntwo\"", "one\ntwo"),
            ("NAME='-----BEGIN KEY-----\nabc\n-----END KEY-----'", "-----BEGIN KEY-----\nabc\n-----END KEY-----"),
            ("\u{feff}NAME=value\r", "value"),
            ("NAME=first\n\n# a comment\nNAME=last", "last"),
            ("NAME=", ""),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(vec![("NAME".to_owned(), value.to_owned())]), "{line}");
        }
    }

    #[test]
    fn an_error_names_the_file_and_the_line_and_shows_nothing_of_it() {
        for (content, problem) in [
            (&b"A=1\n\nhunter2\n"[..], "/srv/.env, line 3: must be NAME=value"),
            (b"# a comment\n=hunter2", "/srv/.env, line 2: must be NAME=value, and the name is missing"),
            (b"MY NAME=hunter2", "/srv/.env, line 1: must be NAME=value, with a name of letters"),
            (b"A='1\n2'\nB='hunter2\nC=3", "/srv/.env, line 3: a quote begins here and does not end"),
            (b"A=1\nB=\"hunter2\" more", "/srv/.env, line 2: must be NAME=value, and nothing"),
            (b"A=1\nB=hunter2\xff", "/srv/.env, line 2: the text is not UTF-8"),
        ] {
            let told = parse(content).unwrap_err();
            assert!(told.starts_with(problem) && !told.contains("hunter2"), "{told}");
        }
    }
}
