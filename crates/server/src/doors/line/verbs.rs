//! The commands of the line door that are not Redis'.

/// A command of the line door's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each is the command of that name.
pub enum Verb {
    Madd,
    Mrem,
    Mprefix,
    Mpremove,
    Mlocal,
    Mlocalrem,
    Mglobal,
    Mglobalrem,
    Mon,
    Hmon,
    Lmon,
    Smon,
    Zmon,
    Emon,
    Amon,
    Eadd,
    Eaddq,
    Erem,
    Eremq,
    Emembers,
    Ecard,
    Eismember,
    Ping,
    Auth,
    Help,
    Status,
    GetSecretKeys,
    AddSecretKeys,
    RemSecretKeys,
    GetNodes,
    AddNodes,
    RemNodes,
    Aglobalsecrets,
    Aglobalsecretsadd,
    Aglobalsecretsrem,
    Asecrets,
    Asecretsadd,
    Asecretsset,
    Asecretsrem,
    Lock,
    Trylock,
    Relock,
    Unlock,
    Locks,
    Campaign,
    Resign,
    Leader,
    Observe,
    Unobserve,
    Gjoin,
    Gleave,
    Gmembers,
    Gmon,
    Gmrem,
}

/// Every command, by name in lower case.
const VERBS: &[(&str, Verb)] = &[
    ("madd", Verb::Madd),
    ("mrem", Verb::Mrem),
    ("mprefix", Verb::Mprefix),
    ("mpremove", Verb::Mpremove),
    ("mlocal", Verb::Mlocal),
    ("mlocalrem", Verb::Mlocalrem),
    ("mglobal", Verb::Mglobal),
    ("mglobalrem", Verb::Mglobalrem),
    ("mon", Verb::Mon),
    ("hmon", Verb::Hmon),
    ("lmon", Verb::Lmon),
    ("smon", Verb::Smon),
    ("zmon", Verb::Zmon),
    ("emon", Verb::Emon),
    ("amon", Verb::Amon),
    ("eadd", Verb::Eadd),
    ("eaddq", Verb::Eaddq),
    ("erem", Verb::Erem),
    ("eremq", Verb::Eremq),
    ("emembers", Verb::Emembers),
    ("ecard", Verb::Ecard),
    ("eismember", Verb::Eismember),
    ("ping", Verb::Ping),
    ("auth", Verb::Auth),
    ("help", Verb::Help),
    ("status", Verb::Status),
    ("get-secret-keys", Verb::GetSecretKeys),
    ("add-secret-keys", Verb::AddSecretKeys),
    ("rem-secret-keys", Verb::RemSecretKeys),
    ("get-nodes", Verb::GetNodes),
    ("add-nodes", Verb::AddNodes),
    ("rem-nodes", Verb::RemNodes),
    ("aglobalsecrets", Verb::Aglobalsecrets),
    ("aglobalsecretsadd", Verb::Aglobalsecretsadd),
    ("aglobalsecretsrem", Verb::Aglobalsecretsrem),
    ("asecrets", Verb::Asecrets),
    ("asecretsadd", Verb::Asecretsadd),
    ("asecretsset", Verb::Asecretsset),
    ("asecretsrem", Verb::Asecretsrem),
    ("lock", Verb::Lock),
    ("trylock", Verb::Trylock),
    ("relock", Verb::Relock),
    ("unlock", Verb::Unlock),
    ("locks", Verb::Locks),
    ("campaign", Verb::Campaign),
    ("resign", Verb::Resign),
    ("leader", Verb::Leader),
    ("observe", Verb::Observe),
    ("unobserve", Verb::Unobserve),
    ("gjoin", Verb::Gjoin),
    ("gleave", Verb::Gleave),
    ("gmembers", Verb::Gmembers),
    ("gmon", Verb::Gmon),
    ("gmrem", Verb::Gmrem),
];

/// The command of this name, in any case.
pub fn lookup(name: &str) -> Option<Verb> {
    let found = VERBS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, verb)| *verb)
}

/// Whether `args` of the command of this name may be an object.
pub fn takes_options(name: &str) -> bool {
    matches!(lookup(name), Some(Verb::Lock | Verb::Gjoin))
}

/// The names in the order in which the metrics count them.
pub fn names() -> impl Iterator<Item = &'static str> {
    VERBS.iter().map(|(name, _)| *name)
}

impl Verb {
    /// Its place in [`names`].
    pub fn number(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_listed_in_their_order() {
        for (position, (name, verb)) in VERBS.iter().enumerate() {
            assert_eq!(verb.number(), position, "{name}");
            assert_eq!(lookup(&name.to_uppercase()), Some(*verb));
            assert!(hyrax_values::command::lookup(name.as_bytes()).is_none(), "{name} is Redis' too");
        }
    }
}
