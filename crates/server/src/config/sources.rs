//! Reads the sources in their order.

use std::io;
use std::path::{Path, PathBuf};

use super::{Config, Settings, environment};

/// Where a configuration comes from, kept so that it can be read again when told to reload.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file, if any.
    pub file: Option<PathBuf>,
    /// What the command line says.
    pub flags: Settings,
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there, or not readable.
    #[error("cannot read the configuration file {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is no TOML, names a setting that does not exist, or holds a bad value.
    #[error("in {}, {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and on which line.
        reason: String,
    },
    /// A variable holds a bad value.
    #[error("the variable {name}: {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl Sources {
    /// Reads the file, then the process' environment, then lays the flags over them.
    pub fn load(&self) -> Result<Config, LoadError> {
        self.load_with(|name| std::env::var(name).ok())
    }

    /// Like [`Sources::load`], with the environment that `lookup` finds.
    pub fn load_with(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Config, LoadError> {
        let mut config = Config::default();
        if let Some(path) = &self.file {
            config = config.with(read_file(path)?);
        }
        let environment = environment::settings(lookup);
        let environment = environment.map_err(|(name, reason)| LoadError::Variable { name, reason })?;
        Ok(config.with(environment).with(self.flags.clone()))
    }
}

fn read_file(path: &Path) -> Result<Settings, LoadError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
    Settings::from_toml(&text).map_err(|error| {
        // The library's own rendering quotes the line, which may hold a secret: say where, not what.
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let line = line.map_or_else(String::new, |line| format!("line {line}: "));
        LoadError::File { path: path.to_owned(), reason: format!("{line}{}", error.message()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, LogLevel, Secret};

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn later_sources_override_earlier_ones() {
        let file = file(
            "listen = ['127.0.0.1:1', '127.0.0.1:2']\nsecrets = ['from the file']\nanonymous_read = false\n\
             [limits]\nmax_frame = 4096\nmax_connections = 5\n[log]\nlevel = 'warn'\n",
        );
        let mut flags =
            Settings { secrets: Some(vec!["flag".parse::<Secret>().unwrap()]), ..Settings::default() };
        flags.log.level = Some(LogLevel::Trace);
        let sources = Sources { file: Some(file.path().to_owned()), flags };
        let config = sources.load_with(|name| match name {
            "HYRAX_MAX_FRAME" => Some("8KiB".to_owned()),
            "HYRAX_LOG_LEVEL" => Some("error".to_owned()),
            _ => None,
        });
        let config = config.unwrap();
        assert_eq!(config.listen.len(), 2, "the file overrides the default");
        assert!(!config.anonymous_read);
        assert_eq!(config.limits.max_connections, 5);
        assert_eq!(ByteSize(config.limits.max_frame).to_string(), "8KiB", "a variable overrides the file");
        assert_eq!(config.log.level, LogLevel::Trace, "a flag overrides a variable");
        assert_eq!(config.secrets, ["flag".parse::<Secret>().unwrap()], "a list replaces the one before");
        assert_eq!(config.limits.ekgs_per_session, Config::default().limits.ekgs_per_session);
    }

    #[test]
    fn a_bad_file_is_named_with_its_line_and_without_its_secrets() {
        let check = |text: &str, expected: &[&str]| {
            let file = file(text);
            let sources = Sources { file: Some(file.path().to_owned()), flags: Settings::default() };
            let error = sources.load_with(|_| None).unwrap_err().to_string();
            assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            for part in expected {
                assert!(error.contains(part), "{error} lacks {part}");
            }
        };
        check("insecure = true\nlistne = []\n", &["line 2", "listne", "listen"]);
        check("[limits]\nmax_fram = 1\n", &["line 2", "max_fram"]);
        check("sudo = ['10.0.0.0/33']", &["line 1", "10.0.0.0/33"]);
        check("operators = ['hunter2']", &["NAME:PASSWORD"]);
        check("secrets = ['hunter2', ''", &["line 1"]);
        check("secrets = 'hunter2'", &["line 1"]);
        check("secrets = ['hunter2', 5]", &["line 1: expected a list of texts"]);
        check("secrets = ['hunter2', '']", &["line 1: a secret must not be empty"]);
        check("listen = [", &["line 1"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let sources = Sources { file: Some("/nowhere/hyrax.toml".into()), flags: Settings::default() };
        let error = sources.load_with(|_| None).unwrap_err().to_string();
        assert!(error.contains("/nowhere/hyrax.toml"), "{error}");
    }
}
