//! The bytes of a HyperLogLog, sparse or dense, and what they tell.
//!
//! A header (magic, encoding, the count when it was last estimated), then 16,384 registers, each the
//! longest run of zeros that the hash of an element there ended in. Dense registers take six bits;
//! sparse ones are runs of equal values.

use crate::Error;

/// Bits of a hash that choose the register.
const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// The bits that are left to find a run of zeros in.
const RUN_BITS: usize = 64 - REGISTER_BITS as usize;

const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
const HEADER_BYTES: usize = 16;
const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * 6 / 8;

/// A longer sparse sketch becomes dense: the default of Redis' `hll-sparse-max-bytes`.
const SPARSE_BYTES_MAX: usize = 3000;

const INVALID: Error = Error::text("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Error = Error::text("INVALIDOBJ Corrupted HLL object detected");

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits for each.
    Dense,
    /// Runs of equal values.
    Sparse,
}

/// The encoding of a sketch; refuses what is none.
pub fn encoding(bytes: &[u8]) -> Result<Encoding, Error> {
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
        return Err(INVALID);
    }
    match bytes[ENCODING_AT] {
        0 if bytes.len() == DENSE_BYTES => Ok(Encoding::Dense),
        1 => Ok(Encoding::Sparse),
        _ => Err(INVALID),
    }
}

/// The sketch of no elements.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = 1;
    Run { value: 0, len: REGISTERS }.write(&mut bytes);
    bytes
}

/// The count that was kept, if it still holds.
pub fn known_count(bytes: &[u8]) -> Option<i64> {
    let count =
        bytes[COUNT_AT..HEADER_BYTES].iter().rev().fold(0, |count, &byte| count << 8 | i64::from(byte));
    (count >= 0).then_some(count)
}

/// Keeps a count.
pub fn keep_count(bytes: &mut [u8], count: i64) {
    bytes[COUNT_AT..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
}

/// Notes that the count that was kept no longer holds.
pub fn forget_count(bytes: &mut [u8]) {
    bytes[HEADER_BYTES - 1] |= 0x80;
}

/// The register of an element, and the run of zeros that its hash has there, with the one behind it.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element, 0xadc8_3b19);
    let run = (hash >> REGISTER_BITS | 1 << RUN_BITS).trailing_zeros() + 1;
    (hash as usize & (REGISTERS - 1), run as u8)
}

/// MurmurHash2 in its 64-bit form, of bytes in little-endian order.
fn murmur(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        hash = (hash ^ (word ^ word >> 47).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let rest = rest.iter().rev().fold(0, |rest, &byte| rest << 8 | u64::from(byte));
        hash = (hash ^ rest).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}

/// Adds an element; whether a register changed, so that the count has to be forgotten.
pub fn add(bytes: &mut Vec<u8>, element: &[u8]) -> Result<bool, Error> {
    let (register, value) = place(element);
    raise(bytes, register, value)
}

/// Adds elements to a dense sketch; whether it changed.
pub fn add_to_dense(bytes: &mut [u8], elements: &[&[u8]]) -> bool {
    let mut has_changed = false;
    for element in elements {
        let (register, value) = place(element);
        has_changed |= raise_dense(&mut bytes[HEADER_BYTES..], register, value);
    }
    if has_changed {
        forget_count(bytes);
    }
    has_changed
}

/// Raises a register to a value; whether it was lower.
fn raise(bytes: &mut Vec<u8>, register: usize, value: u8) -> Result<bool, Error> {
    match encoding(bytes)? {
        Encoding::Dense => Ok(raise_dense(&mut bytes[HEADER_BYTES..], register, value)),
        Encoding::Sparse => raise_sparse(bytes, register, value),
    }
}

/// Where the six bits of a dense register begin: the byte, and the bit in it.
fn dense_place(register: usize) -> (usize, usize) {
    (register * 6 / 8, register * 6 % 8)
}

fn dense_value(registers: &[u8], register: usize) -> u8 {
    let (at, shift) = dense_place(register);
    let next = registers.get(at + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([registers[at], next]) >> shift & 63) as u8
}

fn raise_dense(registers: &mut [u8], register: usize, value: u8) -> bool {
    if value <= dense_value(registers, register) {
        return false;
    }
    let (at, shift) = dense_place(register);
    let next = registers.get(at + 1).copied().unwrap_or(0);
    let both = u16::from_le_bytes([registers[at], next]);
    let both = both & !(63 << shift) | u16::from(value) << shift;
    let changed = &mut registers[at..];
    let bytes = changed.len().min(2);
    changed[..bytes].copy_from_slice(&both.to_le_bytes()[..bytes]);
    true
}

/// Registers side by side that have the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    value: u8,
    len: usize,
}

impl Run {
    /// The most registers in a run of a value, or of zeros in one byte.
    const VALUES_MAX: usize = 4;
    const ZEROS_MAX: usize = 64;
    /// The highest value that a run can have.
    const VALUE_MAX: u8 = 32;

    /// The run that begins here.
    fn read(bytes: &[u8]) -> Option<Run> {
        let zeros = |len| Run { value: 0, len };
        Some(match *bytes {
            [] => return None,
            [value, ..] if value & 0x80 != 0 => {
                Run { value: (value >> 2 & 31) + 1, len: usize::from(value & 3) + 1 }
            }
            [high, ..] if high & 0x40 != 0 => {
                let low = bytes.get(1).copied().unwrap_or(0);
                zeros(usize::from(u16::from_be_bytes([high & 63, low])) + 1)
            }
            [len, ..] => zeros(usize::from(len) + 1),
        })
    }

    /// How many bytes the run takes whose first one this is.
    fn bytes(first: u8) -> usize {
        if first & 0xc0 == 0x40 { 2 } else { 1 }
    }

    fn write(self, bytes: &mut Vec<u8>) {
        match self {
            Run { len: 0, .. } => {}
            Run { value: 0, len } if len <= Run::ZEROS_MAX => bytes.push(len as u8 - 1),
            Run { value: 0, len } => bytes.extend(((len as u16 - 1) | 0x4000).to_be_bytes()),
            Run { value, len } => bytes.push(0x80 | (value - 1) << 2 | (len as u8 - 1)),
        }
    }
}

/// The runs of a sparse sketch.
fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = &bytes[HEADER_BYTES..];
    std::iter::from_fn(move || {
        let run = Run::read(rest)?;
        rest = rest.get(Run::bytes(rest[0])..).unwrap_or_default();
        Some(run)
    })
}

fn raise_sparse(bytes: &mut Vec<u8>, register: usize, value: u8) -> Result<bool, Error> {
    if value > Run::VALUE_MAX {
        return raise_as_dense(bytes, register, value);
    }
    let (mut at, mut first, mut previous) = (HEADER_BYTES, 0, HEADER_BYTES);
    let run = loop {
        let run = Run::read(&bytes[at..]).ok_or(CORRUPT)?;
        if register < first + run.len {
            break run;
        }
        previous = at;
        at += Run::bytes(bytes[at]);
        first += run.len;
        if at > bytes.len() {
            return Err(CORRUPT);
        }
    };
    if run.value >= value {
        return Ok(false);
    }
    let mut split = Vec::with_capacity(5);
    Run { len: register - first, ..run }.write(&mut split);
    Run { value, len: 1 }.write(&mut split);
    Run { len: first + run.len - 1 - register, ..run }.write(&mut split);
    let end = (at + Run::bytes(bytes[at])).min(bytes.len());
    if split.len() > end - at && bytes.len() + split.len() - (end - at) > SPARSE_BYTES_MAX {
        return raise_as_dense(bytes, register, value);
    }
    bytes.splice(at..end, split);
    join_runs(bytes, previous);
    Ok(true)
}

/// Joins runs of one value that came to lie side by side, looking at five as Redis does.
fn join_runs(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..5 {
        let Some(run) = bytes.get(at..).and_then(Run::read) else { return };
        let next = if run.value > 0 { Run::read(&bytes[at + 1..]) } else { None };
        match next {
            Some(next) if next.value == run.value && run.len + next.len <= Run::VALUES_MAX => {
                let mut joined = Vec::with_capacity(1);
                Run { value: run.value, len: run.len + next.len }.write(&mut joined);
                bytes.splice(at..at + 2, joined);
            }
            _ => at += Run::bytes(bytes[at]),
        }
    }
}

fn raise_as_dense(bytes: &mut Vec<u8>, register: usize, value: u8) -> Result<bool, Error> {
    make_dense(bytes)?;
    Ok(raise_dense(&mut bytes[HEADER_BYTES..], register, value))
}

/// Writes a sparse sketch anew as a dense one.
fn make_dense(bytes: &mut Vec<u8>) -> Result<(), Error> {
    if encoding(bytes)? == Encoding::Dense {
        return Ok(());
    }
    let mut dense = vec![0; DENSE_BYTES];
    dense[..HEADER_BYTES].copy_from_slice(&bytes[..HEADER_BYTES]);
    dense[ENCODING_AT] = 0;
    let registers = &mut dense[HEADER_BYTES..];
    each_run(bytes, |from, run| {
        (from..from + run.len).filter(|_| run.value > 0).for_each(|register| {
            raise_dense(registers, register, run.value);
        });
    })?;
    *bytes = dense;
    Ok(())
}

/// Calls `visit` with each run of a sparse sketch and its first register; together they must be all.
fn each_run(bytes: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Error> {
    let mut register = 0;
    for run in runs(bytes) {
        if register + run.len > REGISTERS {
            return Err(CORRUPT);
        }
        visit(register, run);
        register += run.len;
    }
    if register == REGISTERS { Ok(()) } else { Err(CORRUPT) }
}

/// The estimated count of a sketch.
pub fn count(bytes: &[u8]) -> Result<i64, Error> {
    let mut histogram = Histogram::default();
    match encoding(bytes)? {
        Encoding::Dense => {
            let registers = &bytes[HEADER_BYTES..];
            (0..REGISTERS).for_each(|register| histogram.add(dense_value(registers, register), 1));
        }
        Encoding::Sparse => each_run(bytes, |_, run| histogram.add(run.value, run.len))?,
    }
    Ok(histogram.estimate())
}

/// All registers of several sketches together.
pub struct Registers {
    values: Box<[u8]>,
    /// Whether one of them was dense.
    has_dense: bool,
}

impl Default for Registers {
    fn default() -> Self {
        Registers { values: vec![0; REGISTERS].into(), has_dense: false }
    }
}

impl Registers {
    /// Raises each register to that of a sketch.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let values = &mut self.values;
        match encoding(bytes)? {
            Encoding::Dense => {
                self.has_dense = true;
                let registers = &bytes[HEADER_BYTES..];
                for (register, value) in values.iter_mut().enumerate() {
                    *value = (*value).max(dense_value(registers, register));
                }
                Ok(())
            }
            Encoding::Sparse => each_run(bytes, |from, run| {
                values[from..from + run.len].iter_mut().for_each(|value| *value = (*value).max(run.value));
            }),
        }
    }

    /// The estimated count.
    pub fn count(&self) -> i64 {
        let mut histogram = Histogram::default();
        self.values.iter().for_each(|&value| histogram.add(value, 1));
        histogram.estimate()
    }

    /// Raises the registers of a sketch to these.
    pub fn store(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        if self.has_dense {
            make_dense(bytes)?;
        }
        for (register, &value) in self.values.iter().enumerate().filter(|(_, value)| **value > 0) {
            raise(bytes, register, value)?;
        }
        forget_count(bytes);
        Ok(())
    }
}

/// How many registers have each value.
struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 64])
    }
}

impl Histogram {
    fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value)] += registers as u32;
    }

    /// Ertl's estimator ("New cardinality estimation algorithms for HyperLogLog sketches",
    /// arXiv:1702.01284), in Redis' order of operations, so that it comes out the same to the last bit.
    fn estimate(&self) -> i64 {
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let registers = REGISTERS as f64;
        let at = |value: usize| f64::from(self.0[value]);
        let mut sum = registers * tau((registers - at(RUN_BITS + 1)) / registers);
        for value in (1..=RUN_BITS).rev() {
            sum = (sum + at(value)) * 0.5;
        }
        sum += registers * sigma(at(0) / registers);
        let estimate = (ALPHA * registers * registers / sum).round();
        // Registers that no element could have raised add up to nothing: C then has its lowest number.
        if estimate.is_finite() { estimate as i64 } else { i64::MIN }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_tell_the_same() {
        let (mut sparse, mut dense) = (empty(), empty());
        make_dense(&mut dense).expect("an empty sketch is sound");
        for number in 0..2000_u32 {
            let element = number.to_string();
            let raised = add(&mut sparse, element.as_bytes()).expect("sound");
            assert_eq!(raised, add_to_dense(&mut dense, &[element.as_bytes()]));
            assert_eq!(count(&sparse), count(&dense));
        }
        let estimate = count(&dense).expect("sound");
        assert!((1940..2060).contains(&estimate), "{estimate}");
    }

    #[test]
    fn what_is_cut_or_spoiled_is_refused_and_never_panics() {
        let mut sound = empty();
        for number in 0..300_u32 {
            add(&mut sound, &number.to_be_bytes()).expect("sound");
        }
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut bytes = sound.clone();
            bytes.truncate(random.usize(HEADER_BYTES..=sound.len()));
            if random.bool() {
                let at = random.usize(ENCODING_AT..bytes.len());
                bytes[at] = random.u8(..);
            }
            let _ = count(&bytes);
            let _ = Registers::default().merge(&bytes);
            let _ = add(&mut bytes, &random.u32(..).to_be_bytes());
        }
    }
}
