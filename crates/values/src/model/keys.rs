//! Keys and strings in the model.

use super::{Run, Stored, count, integer};
use crate::{Error, Reply};

impl Run<'_> {
    pub(super) fn get(&mut self) -> Result<Reply, Error> {
        Ok(self.read(self.words[1])?.map_or(Reply::Null, Reply::Bulk))
    }

    /// `SET key value [NX|XX] [PX ms|KEEPTTL]`
    pub(super) fn set(&mut self) -> Result<Reply, Error> {
        let key = self.words[1];
        let mut options = self.words[3..].iter();
        let old = self.model.keys.get(key);
        let mut is_wanted = true;
        let mut expires_at = None;
        while let Some(option) = options.next() {
            match *option {
                b"nx" => is_wanted = old.is_none(),
                b"xx" => is_wanted = old.is_some(),
                b"keepttl" => expires_at = old.and_then(|entry| entry.expires_at),
                b"px" => {
                    let ms = integer(options.next().ok_or(Error::Syntax)?)?;
                    if ms <= 0 {
                        return Err(Error::InvalidExpire("set"));
                    }
                    expires_at = Some(self.now_ms + ms as u64);
                }
                _ => return Err(Error::Syntax),
            }
        }
        if !is_wanted {
            return Ok(Reply::Null);
        }
        self.put(key, Stored::String(self.words[2].to_vec()));
        self.expire_at(key, expires_at);
        self.changed(key, false);
        Ok(Reply::Status("OK"))
    }

    fn expire_at(&mut self, key: &[u8], at: Option<u64>) {
        if let Some(entry) = self.model.keys.get_mut(key) {
            entry.expires_at = at;
        }
    }

    pub(super) fn getdel(&mut self) -> Result<Reply, Error> {
        let reply = self.get()?;
        let key = self.words[1];
        if self.model.keys.remove(key).is_some() {
            self.told(key, b"del", &[]);
        }
        Ok(reply)
    }

    pub(super) fn mset(&mut self) -> Result<Reply, Error> {
        let pairs: Vec<_> = self.words[1..].chunks(2).collect();
        for pair in &pairs {
            self.put(pair[0], Stored::String(pair[1].to_vec()));
        }
        self.changed_each(pairs.iter().map(|pair| pair[0]).collect());
        Ok(Reply::Status("OK"))
    }

    /// Tells each of these keys once, all of them being keys of this command.
    fn changed_each(&mut self, mut keys: Vec<&[u8]>) {
        let named = if self.words[0] == b"mset" { self.words[1..].len() / 2 } else { self.words[1..].len() };
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.changed(key, named > 1);
        }
    }

    pub(super) fn append(&mut self) -> Result<Reply, Error> {
        let (key, tail) = (self.words[1], self.words[2]);
        let value: &mut Vec<u8> = self.write(key)?;
        value.extend(tail);
        let len = value.len();
        self.changed(key, false);
        Ok(count(len))
    }

    pub(super) fn incrby(&mut self, by: &[u8]) -> Result<Reply, Error> {
        let key = self.words[1];
        let by = integer(by)?;
        let old = self.read(key)?.map_or(Ok(0), |value: Vec<u8>| integer(&value))?;
        let new = old.checked_add(by).ok_or(Error::Overflow)?;
        *self.write(key)? = new.to_string().into_bytes();
        self.changed(key, false);
        Ok(Reply::Integer(new))
    }

    pub(super) fn strlen(&mut self) -> Result<Reply, Error> {
        Ok(count(self.read(self.words[1])?.map_or(0, |value: Vec<u8>| value.len())))
    }

    pub(super) fn del(&mut self) -> Result<Reply, Error> {
        let gone: Vec<&[u8]> =
            self.words[1..].iter().copied().filter(|&key| self.model.keys.remove(key).is_some()).collect();
        let reply = count(gone.len());
        self.changed_each(gone);
        Ok(reply)
    }

    pub(super) fn exists(&mut self) -> Result<Reply, Error> {
        Ok(count(self.words[1..].iter().filter(|&&key| self.model.keys.contains_key(key)).count()))
    }

    pub(super) fn type_name(&mut self) -> Result<Reply, Error> {
        Ok(Reply::Status(match self.model.keys.get(self.words[1]).map(|entry| &entry.value) {
            None => "none",
            Some(Stored::String(_)) => "string",
            Some(Stored::Hash(_)) => "hash",
            Some(Stored::List(_)) => "list",
            Some(Stored::Set(_)) => "set",
            Some(Stored::SortedSet(_)) => "zset",
        }))
    }

    pub(super) fn pexpire(&mut self) -> Result<Reply, Error> {
        let key = self.words[1];
        let ms = integer(self.words[2])?;
        if ms.checked_add(self.now_ms as i64).is_none() {
            return Err(Error::InvalidExpire("pexpire"));
        }
        if !self.model.keys.contains_key(key) {
            return Ok(Reply::Integer(0));
        }
        if ms <= 0 {
            self.model.keys.remove(key);
            self.told(key, b"del", &[]);
        } else {
            self.expire_at(key, Some(self.now_ms + ms as u64));
            self.changed(key, false);
        }
        Ok(Reply::Integer(1))
    }

    pub(super) fn persist(&mut self) -> Result<Reply, Error> {
        let key = self.words[1];
        if self.model.expiry(key).is_none() {
            return Ok(Reply::Integer(0));
        }
        self.expire_at(key, None);
        self.changed(key, false);
        Ok(Reply::Integer(1))
    }

    pub(super) fn pttl(&mut self) -> Result<Reply, Error> {
        let key = self.words[1];
        Ok(match self.model.keys.get(key).map(|entry| entry.expires_at) {
            None => Reply::Integer(-2),
            Some(None) => Reply::Integer(-1),
            Some(Some(at)) => Reply::Integer((at - self.now_ms) as i64),
        })
    }

    pub(super) fn rename(&mut self) -> Result<Reply, Error> {
        let (from, to) = (self.words[1], self.words[2]);
        let entry = self.model.keys.get(from).cloned().ok_or(Error::NoSuchKey)?;
        if from != to {
            self.model.keys.remove(from);
            self.model.keys.insert(to.to_vec(), entry);
            self.changed(from, true);
            self.changed(to, true);
        }
        Ok(Reply::Status("OK"))
    }
}
