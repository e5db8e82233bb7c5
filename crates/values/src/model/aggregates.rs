//! Hashes, lists, sets and sorted sets in the model.

use super::{Run, Stored, between, count, integer};
use crate::{Error, Reply, parse_double};
use std::collections::{BTreeMap, BTreeSet};

type Fields = BTreeMap<Vec<u8>, Vec<u8>>;
type Elements = Vec<Vec<u8>>;
type Members = BTreeSet<Vec<u8>>;
type Scores = Vec<(Vec<u8>, f64)>;

impl Run<'_> {
    pub(super) fn hset(&mut self) -> Result<Reply, Error> {
        let (key, pairs) = (self.words[1], self.words[2..].chunks(2));
        let fields: &mut Fields = self.write(key)?;
        let new = pairs.filter(|pair| fields.insert(pair[0].to_vec(), pair[1].to_vec()).is_none()).count();
        self.changed(key, false);
        Ok(count(new))
    }

    pub(super) fn hdel(&mut self) -> Result<Reply, Error> {
        let (key, names) = (self.words[1], &self.words[2..]);
        let fields: &mut Fields = self.write(key)?;
        let gone = names.iter().filter(|&&name| fields.remove(name).is_some()).count();
        if gone > 0 {
            self.changed(key, false);
        }
        Ok(count(gone))
    }

    pub(super) fn hget(&mut self) -> Result<Reply, Error> {
        let fields: Fields = self.read(self.words[1])?.unwrap_or_default();
        Ok(fields.get(self.words[2]).map_or(Reply::Null, |value| Reply::Bulk(value.clone())))
    }

    pub(super) fn hgetall(&mut self) -> Result<Reply, Error> {
        let fields: Fields = self.read(self.words[1])?.unwrap_or_default();
        let pairs = fields.into_iter().map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value)));
        Ok(Reply::Map(pairs.collect()))
    }

    pub(super) fn hincrby(&mut self) -> Result<Reply, Error> {
        let (key, field, by) = (self.words[1], self.words[2], integer(self.words[3])?);
        let fields: Fields = self.read(key)?.unwrap_or_default();
        let old = fields.get(field).map_or(Ok(0), |value| integer(value));
        let old = old.map_err(|_| Error::text("ERR hash value is not an integer"))?;
        let new = old.checked_add(by).ok_or(Error::Overflow)?;
        self.write::<Fields>(key)?.insert(field.to_vec(), new.to_string().into_bytes());
        self.changed(key, false);
        Ok(Reply::Integer(new))
    }

    pub(super) fn push(&mut self, at_front: bool) -> Result<Reply, Error> {
        let (key, new) = (self.words[1], &self.words[2..]);
        let elements: &mut Elements = self.write(key)?;
        for element in new {
            elements.insert(if at_front { 0 } else { elements.len() }, element.to_vec());
        }
        let len = elements.len();
        self.changed(key, false);
        Ok(count(len))
    }

    pub(super) fn pop(&mut self, at_front: bool) -> Result<Reply, Error> {
        let key = self.words[1];
        let wanted = match self.words.get(2) {
            None => None,
            Some(word) => {
                let refusal = Error::text("ERR value is out of range, must be positive");
                Some(integer(word).ok().and_then(|wanted| usize::try_from(wanted).ok()).ok_or(refusal)?)
            }
        };
        let Some(mut elements) = self.read::<Elements>(key)? else { return Ok(Reply::Null) };
        let mut popped = Vec::new();
        while popped.len() < wanted.unwrap_or(1) && !elements.is_empty() {
            popped.push(Reply::Bulk(elements.remove(if at_front { 0 } else { elements.len() - 1 })));
        }
        if !popped.is_empty() {
            *self.write(key)? = elements;
            self.changed(key, false);
        }
        Ok(if wanted.is_some() { Reply::Array(popped) } else { popped.remove(0) })
    }

    pub(super) fn lrange(&mut self) -> Result<Reply, Error> {
        between(self.words[2], self.words[3], 0)?;
        let elements: Elements = self.read(self.words[1])?.unwrap_or_default();
        let range = between(self.words[2], self.words[3], elements.len())?;
        Ok(Reply::Array(elements[range].iter().cloned().map(Reply::Bulk).collect()))
    }

    /// `LMOVE from to LEFT|RIGHT LEFT|RIGHT`
    pub(super) fn lmove(&mut self) -> Result<Reply, Error> {
        let (from, to) = (self.words[1], self.words[2]);
        let Some(mut source) = self.read::<Elements>(from)? else { return Ok(Reply::Null) };
        self.read::<Elements>(to)?;
        let at = if self.words[3] == b"left" { 0 } else { source.len() - 1 };
        let element = source.remove(at);
        *self.write(from)? = source;
        let to_front = self.words[4] == b"left";
        let target: &mut Elements = self.write(to)?;
        target.insert(if to_front { 0 } else { target.len() }, element.clone());
        self.changed(from, true);
        if from != to {
            self.changed(to, true);
        }
        Ok(Reply::Bulk(element))
    }

    pub(super) fn sadd(&mut self) -> Result<Reply, Error> {
        let (key, new) = (self.words[1], &self.words[2..]);
        let members: &mut Members = self.write(key)?;
        let added = new.iter().filter(|member| members.insert(member.to_vec())).count();
        if added > 0 {
            self.changed(key, false);
        }
        Ok(count(added))
    }

    pub(super) fn srem(&mut self) -> Result<Reply, Error> {
        let (key, old) = (self.words[1], &self.words[2..]);
        let members: &mut Members = self.write(key)?;
        let removed = old.iter().filter(|&&member| members.remove(member)).count();
        if removed > 0 {
            self.changed(key, false);
        }
        Ok(count(removed))
    }

    pub(super) fn smembers(&mut self) -> Result<Reply, Error> {
        let members: Members = self.read(self.words[1])?.unwrap_or_default();
        Ok(Reply::Set(members.into_iter().map(Reply::Bulk).collect()))
    }

    pub(super) fn sismember(&mut self) -> Result<Reply, Error> {
        let members: Members = self.read(self.words[1])?.unwrap_or_default();
        Ok(count(usize::from(members.contains(self.words[2]))))
    }

    pub(super) fn smove(&mut self) -> Result<Reply, Error> {
        let (from, to, member) = (self.words[1], self.words[2], self.words[3]);
        let Some(mut source) = self.read::<Members>(from)? else { return Ok(Reply::Integer(0)) };
        self.read::<Members>(to)?;
        if !source.contains(member) || from == to {
            return Ok(count(usize::from(source.contains(member))));
        }
        source.remove(member);
        *self.write(from)? = source;
        self.changed(from, true);
        if self.write::<Members>(to)?.insert(member.to_vec()) {
            self.changed(to, true);
        }
        Ok(Reply::Integer(1))
    }

    pub(super) fn sinterstore(&mut self) -> Result<Reply, Error> {
        let to = self.words[1];
        let sources: Vec<Members> = self.words[2..]
            .iter()
            .map(|key| Ok(self.read(key)?.unwrap_or_default()))
            .collect::<Result<_, Error>>()?;
        let mut common = sources[0].clone();
        common.retain(|member| sources.iter().all(|source| source.contains(member)));
        let len = common.len();
        let was_there = self.model.keys.remove(to).is_some();
        if len > 0 {
            self.put(to, Stored::Set(common));
        }
        if len > 0 || was_there {
            self.changed(to, true);
        }
        Ok(count(len))
    }

    pub(super) fn zadd(&mut self) -> Result<Reply, Error> {
        let (key, pairs) = (self.words[1], self.words[2..].chunks(2));
        let scores: Vec<f64> = pairs
            .clone()
            .map(|pair| parse_double(pair[0]).ok_or(Error::NotFloat))
            .collect::<Result<_, _>>()?;
        let (mut added, mut moved) = (0, 0);
        let members: &mut Scores = self.write(key)?;
        for (pair, score) in pairs.zip(scores) {
            match put_score(members, pair[1], score) {
                None => added += 1,
                Some(old) if old != score => moved += 1,
                Some(_) => {}
            }
        }
        if added + moved > 0 {
            self.changed(key, false);
        }
        Ok(count(added))
    }

    pub(super) fn zincrby(&mut self) -> Result<Reply, Error> {
        let (key, member) = (self.words[1], self.words[3]);
        let by = parse_double(self.words[2]).ok_or(Error::NotFloat)?;
        let mut members: Scores = self.read(key)?.unwrap_or_default();
        let old = score_of(&members, member);
        let new = old.unwrap_or(0.0) + by;
        if new.is_nan() {
            return Err(Error::text("ERR resulting score is not a number (NaN)"));
        }
        put_score(&mut members, member, new);
        *self.write(key)? = members;
        if old != Some(new) {
            self.changed(key, false);
        }
        Ok(Reply::Double(new))
    }

    pub(super) fn zrem(&mut self) -> Result<Reply, Error> {
        let (key, old) = (self.words[1], &self.words[2..]);
        let members: &mut Scores = self.write(key)?;
        let before = members.len();
        members.retain(|(member, _)| !old.contains(&&member[..]));
        let removed = before - members.len();
        if removed > 0 {
            self.changed(key, false);
        }
        Ok(count(removed))
    }

    pub(super) fn zscore(&mut self) -> Result<Reply, Error> {
        let members: Scores = self.read(self.words[1])?.unwrap_or_default();
        Ok(score_of(&members, self.words[2]).map_or(Reply::Null, Reply::Double))
    }

    pub(super) fn zrank(&mut self) -> Result<Reply, Error> {
        let members: Scores = self.read(self.words[1])?.unwrap_or_default();
        Ok(members.iter().position(|(member, _)| *member == self.words[2]).map_or(Reply::Null, count))
    }

    /// `ZRANGE key start end WITHSCORES`
    pub(super) fn zrange(&mut self) -> Result<Reply, Error> {
        between(self.words[2], self.words[3], 0)?;
        let members: Scores = self.read(self.words[1])?.unwrap_or_default();
        let range = between(self.words[2], self.words[3], members.len())?;
        let pairs = members[range].iter().cloned();
        let pairs: Vec<_> =
            pairs.map(|(member, score)| (Reply::Bulk(member), Reply::Double(score))).collect();
        Ok(if pairs.is_empty() { Reply::Array(Vec::new()) } else { Reply::Pairs(pairs) })
    }
}

fn score_of(members: &Scores, name: &[u8]) -> Option<f64> {
    members.iter().find(|(member, _)| member == name).map(|(_, score)| *score)
}

/// Gives a member a score; the one it had.
fn put_score(members: &mut Scores, name: &[u8], score: f64) -> Option<f64> {
    let old = score_of(members, name);
    members.retain(|(member, _)| member != name);
    members.push((name.to_vec(), score));
    members.sort_by(|(name, score), (other, other_score)| {
        score.total_cmp(other_score).then_with(|| name.cmp(other))
    });
    old
}
