//! The `HYRAX_*` variables, named like the flags.

use toml::{Table, Value};

use super::Settings;

/// How a variable's text becomes a setting's value.
#[derive(Clone, Copy)]
enum Form {
    /// As it is.
    Text,
    /// `true`, `false`, `1`, `0`.
    Boolean,
    /// A whole number.
    Number,
    /// Several, separated by blanks. A secret that holds a blank belongs in the file.
    List,
}

/// Each variable (without `HYRAX_`) with the table and the name of its setting.
const VARIABLES: [(&str, &str, &str, Form); 31] = [
    ("LISTEN", "", "listen", Form::List),
    ("SECRET", "", "secrets", Form::List),
    ("OPERATOR", "", "operators", Form::List),
    ("SUDO", "", "sudo", Form::List),
    ("INSECURE", "", "insecure", Form::Boolean),
    ("ANONYMOUS_READ", "", "anonymous_read", Form::Boolean),
    ("ALLOW_LEGACY_SECRETS", "", "allow_legacy_secrets", Form::Boolean),
    ("ALLOWED_ORIGIN", "", "allowed_origins", Form::List),
    ("NODE_NAME", "", "node_name", Form::Text),
    ("VALUES", "", "values", Form::Text),
    ("COORDINATION", "", "coordination", Form::Text),
    ("DATA_DIR", "", "data_dir", Form::Text),
    ("AUTO_COMPACTION_MODE", "", "auto_compaction_mode", Form::Text),
    ("AUTO_COMPACTION_RETENTION", "", "auto_compaction_retention", Form::Text),
    ("NOTIFY_KEYSPACE_EVENTS", "", "notify_keyspace_events", Form::Text),
    ("TLS_CERT", "tls", "cert", Form::Text),
    ("TLS_KEY", "tls", "key", Form::Text),
    ("MAX_FRAME", "limits", "max_frame", Form::Text),
    ("MAX_CONNECTIONS", "limits", "max_connections", Form::Number),
    ("QUEUE_BYTES", "limits", "queue_bytes", Form::Text),
    ("MONITORS_PER_SESSION", "limits", "monitors_per_session", Form::Number),
    ("EKGS_PER_SESSION", "limits", "ekgs_per_session", Form::Number),
    ("PROTO_MAX_BULK_LEN", "limits", "proto_max_bulk_len", Form::Text),
    ("MAXMEMORY", "limits", "maxmemory", Form::Text),
    ("MAXMEMORY_POLICY", "limits", "maxmemory_policy", Form::Text),
    ("MAXMEMORY_SAMPLES", "limits", "maxmemory_samples", Form::Number),
    ("HALF_OPEN", "limits", "half_open", Form::Text),
    ("DRAIN", "limits", "drain", Form::Text),
    ("NODE_LEASE", "limits", "node_lease", Form::Text),
    ("LOG_LEVEL", "log", "level", Form::Text),
    ("LOG_FORMAT", "log", "format", Form::Text),
];

/// The names of all the variables that configure a server.
pub fn variables() -> impl Iterator<Item = String> {
    VARIABLES.into_iter().map(|(name, ..)| format!("HYRAX_{name}"))
}

/// Variables of the clients and of the command line.
const OTHERS: [&str; 3] = ["CONFIG", "URL", "USER"];

/// How many letters may be wrong in a name that is still taken for a misspelling of another.
const LETTERS_WRONG_MAX: usize = 2;

/// The variable that was meant, where `name` is one of nearly the same name that nobody reads.
pub fn meant_variable(name: &str) -> Option<String> {
    let name = name.strip_prefix("HYRAX_")?;
    let known = || VARIABLES.iter().map(|(known, ..)| *known).chain(OTHERS);
    if known().any(|known| known == name) {
        return None;
    }
    let distance = |known: &str| strsim::damerau_levenshtein(known, name);
    let nearest = known().min_by_key(|known| distance(known))?;
    (distance(nearest) <= LETTERS_WRONG_MAX).then(|| format!("HYRAX_{nearest}"))
}

/// What the environment says, as `lookup` finds it. Other `HYRAX_*` variables are left alone: clients
/// have their own, and orchestrators make up more.
pub(super) fn settings(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings, (String, String)> {
    let mut all = Table::new();
    for (name, section, setting, form) in VARIABLES {
        let name = format!("HYRAX_{name}");
        let Some(text) = lookup(&name) else { continue };
        let value = value(&text, form).map_err(|reason| (name.clone(), reason))?;
        // Read alone first, so that what is wrong is said of this variable.
        let mut alone = Table::new();
        insert(&mut alone, section, setting, value.clone());
        alone.try_into::<Settings>().map_err(|error| (name, error.message().to_owned()))?;
        insert(&mut all, section, setting, value);
    }
    all.try_into().map_err(|error: toml::de::Error| ("HYRAX_*".to_owned(), error.message().to_owned()))
}

fn insert(table: &mut Table, section: &str, setting: &str, value: Value) {
    if section.is_empty() {
        table.insert(setting.to_owned(), value);
        return;
    }
    let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        inner.insert(setting.to_owned(), value);
    }
}

fn value(text: &str, form: Form) -> Result<Value, String> {
    match form {
        Form::Text => Ok(Value::String(text.to_owned())),
        Form::List => {
            Ok(Value::Array(text.split_whitespace().map(|item| Value::String(item.to_owned())).collect()))
        }
        Form::Boolean => match text {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" | "" => Ok(Value::Boolean(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        Form::Number => text.parse().map(Value::Integer).map_err(|_| format!("`{text}` is no whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, LogLevel};

    fn check(variables: &[(&str, &str)]) -> Result<Settings, (String, String)> {
        settings(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn variables_become_settings() {
        let found = check(&[
            ("HYRAX_LISTEN", "127.0.0.1:1 unix:/tmp/h.sock?doors=line,http"),
            ("HYRAX_INSECURE", "1"),
            ("HYRAX_SUDO", ""),
            ("HYRAX_MAX_FRAME", "2MiB"),
            ("HYRAX_QUEUE_BYTES", "65536"),
            ("HYRAX_MAX_CONNECTIONS", "10"),
            ("HYRAX_LOG_LEVEL", "debug"),
            ("HYRAX_PORT_2379_TCP_ADDR", "10.0.0.1"),
        ])
        .unwrap();
        assert_eq!(found.listen.unwrap().len(), 2);
        assert_eq!(found.insecure, Some(true));
        assert_eq!(found.sudo, Some(Vec::new()));
        assert_eq!(found.limits.max_frame, Some(ByteSize(2 << 20)));
        assert_eq!(found.limits.queue_bytes, Some(ByteSize(65536)));
        assert_eq!(found.limits.max_connections, Some(10));
        assert_eq!(found.log.level, Some(LogLevel::Debug));
        assert_eq!(found.secrets, None);
    }

    #[test]
    fn a_bad_variable_is_named() {
        for (name, text) in [
            ("HYRAX_LISTEN", "2379"),
            ("HYRAX_INSECURE", "perhaps"),
            ("HYRAX_MAX_CONNECTIONS", "-1"),
            ("HYRAX_HALF_OPEN", "soon"),
            ("HYRAX_LOG_LEVEL", "loud"),
            ("HYRAX_OPERATOR", "admin"),
        ] {
            let (named, reason) = check(&[(name, text)]).unwrap_err();
            assert_eq!(named, name, "{reason}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_noticed() {
        assert_eq!(meant_variable("HYRAX_LISTN").as_deref(), Some("HYRAX_LISTEN"));
        assert_eq!(meant_variable("HYRAX_SECRETS").as_deref(), Some("HYRAX_SECRET"));
        for name in ["HYRAX_LISTEN", "HYRAX_URL", "HYRAX_PORT_2379_TCP_ADDR", "LISTN"] {
            assert_eq!(meant_variable(name), None, "{name}");
        }
    }

    #[test]
    fn every_setting_has_a_variable() {
        // Every optional setting is filled in, so that the printed configuration names them all.
        let mut config = crate::config::Config {
            node_name: Some("n".to_owned()),
            data_dir: Some("d".into()),
            ..Default::default()
        };
        config.tls = crate::config::Tls { cert: Some("c".into()), key: Some("k".into()) };
        let printed = Table::try_from(&config).unwrap();
        let mut names = Vec::new();
        for (name, value) in &printed {
            match value {
                Value::Table(inner) => names.extend(inner.keys().map(|key| (name.clone(), key.clone()))),
                _ => names.push((String::new(), name.clone())),
            }
        }
        for (section, name) in &names {
            assert!(
                VARIABLES.iter().any(|(_, s, n, _)| s == section && n == name),
                "no variable for {section}.{name}"
            );
        }
        assert_eq!(names.len(), VARIABLES.len());
    }
}
