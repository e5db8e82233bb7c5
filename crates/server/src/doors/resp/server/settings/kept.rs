//! Settings of Redis that tune what is done otherwise here: its forms of values, how it frees, expires and
//! defragments, what it samples. Clients and tools set them, so they are taken within Redis' bounds and shown
//! again, and nothing comes of it.

use super::value::{memory, number, one_of, percentiles, show_percentile};

/// A setting that is taken, and kept for whoever asks.
pub struct Kept {
    /// Its names: the one Redis prefers, and the one it had before, if any.
    pub names: &'static [&'static str],
    /// What it is until it is set.
    pub default: &'static str,
    kind: Kind,
}

/// What it can be set to.
enum Kind {
    Switch,
    Integer(i64, i64),
    /// Bytes, this many at least.
    Bytes(usize),
    OneOf(&'static [&'static str]),
    Percentiles,
    /// How often a second Redis does its chores, which it bounds without a word.
    Hertz,
}

use Kind::{Bytes, Hertz, Integer, OneOf, Percentiles, Switch};

const fn kept(names: &'static [&'static str], default: &'static str, kind: Kind) -> Kept {
    Kept { names, default, kind }
}

const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;

/// The percentiles that `INFO latencystats` shows: the one kept setting that is heeded.
pub const SHOWN_PERCENTILES: &str = "latency-tracking-info-percentiles";

/// All of them.
pub static KEPT: &[Kept] = &[
    kept(&["active-defrag-cycle-max"], "25", Integer(1, 99)),
    kept(&["active-defrag-cycle-min"], "1", Integer(1, 99)),
    kept(&["active-defrag-ignore-bytes"], "104857600", Bytes(1)),
    kept(&["active-defrag-max-scan-fields"], "1000", Integer(1, i64::MAX)),
    kept(&["active-defrag-threshold-lower"], "10", Integer(0, 1000)),
    kept(&["active-defrag-threshold-upper"], "100", Integer(0, 1000)),
    kept(&["active-expire-effort"], "1", Integer(1, 10)),
    kept(&["activerehashing"], "yes", Switch),
    kept(&["busy-reply-threshold", "lua-time-limit"], "5000", Integer(0, i64::MAX)),
    kept(&["dynamic-hz"], "yes", Switch),
    kept(&["hash-max-listpack-entries", "hash-max-ziplist-entries"], "512", Integer(0, i64::MAX)),
    kept(&["hash-max-listpack-value", "hash-max-ziplist-value"], "64", Bytes(0)),
    kept(&["hll-sparse-max-bytes"], "3000", Bytes(0)),
    kept(&["hz"], "10", Hertz),
    kept(&["latency-monitor-threshold"], "0", Integer(0, i64::MAX)),
    kept(&["latency-tracking"], "yes", Switch),
    kept(&[SHOWN_PERCENTILES], "50 99 99.9", Percentiles),
    kept(&["lazyfree-lazy-eviction"], "no", Switch),
    kept(&["lazyfree-lazy-expire"], "no", Switch),
    kept(&["lazyfree-lazy-server-del"], "no", Switch),
    kept(&["lazyfree-lazy-user-del"], "no", Switch),
    kept(&["lazyfree-lazy-user-flush"], "no", Switch),
    kept(&["lfu-decay-time"], "1", Integer(0, INT_MAX)),
    kept(&["lfu-log-factor"], "10", Integer(0, INT_MAX)),
    kept(&["list-compress-depth"], "0", Integer(0, INT_MAX)),
    kept(&["list-max-listpack-size", "list-max-ziplist-size"], "-2", Integer(INT_MIN, INT_MAX)),
    kept(&["maxmemory-eviction-tenacity"], "10", Integer(0, 100)),
    kept(&["rdbcompression"], "yes", Switch),
    kept(&["sanitize-dump-payload"], "no", OneOf(&["no", "yes", "clients"])),
    kept(&["set-max-intset-entries"], "512", Integer(0, i64::MAX)),
    kept(&["stop-writes-on-bgsave-error"], "yes", Switch),
    kept(&["zset-max-listpack-entries", "zset-max-ziplist-entries"], "128", Integer(0, i64::MAX)),
    kept(&["zset-max-listpack-value", "zset-max-ziplist-value"], "64", Bytes(0)),
];

impl Kept {
    /// What it is kept by: the name that Redis prefers.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// Reads a value, into the form in which it is shown.
    pub fn read(&self, value: &[u8]) -> Result<String, String> {
        let word = String::from_utf8_lossy(value).to_ascii_lowercase();
        match self.kind {
            Switch if word == "yes" || word == "no" => Ok(word),
            Switch => Err("argument must be 'yes' or 'no'".to_owned()),
            Integer(least, most) => number(value, least, most).map(|number| number.to_string()),
            Bytes(least) => memory(value, least).map(|bytes| bytes.to_string()),
            OneOf(words) if words.contains(&&*word) => Ok(word),
            OneOf(words) => Err(one_of(words)),
            Percentiles => {
                let shares = percentiles(value)?;
                Ok(shares.into_iter().map(show_percentile).collect::<Vec<_>>().join(" "))
            }
            Hertz => number(value, 0, INT_MAX).map(|hertz| hertz.clamp(1, 500).to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_setting_is_at_the_start_is_what_it_reads() {
        for kept in KEPT {
            assert_eq!(kept.read(kept.default.as_bytes()).as_deref(), Ok(kept.default), "{}", kept.name());
        }
    }
}
