//! Whole numbers of any length: just what it takes to read and print decimals exactly.

use std::cmp::Ordering;

/// The largest power of ten in one limb.
const CHUNK_DIGITS: usize = 19;

/// A whole number, 64 bits at a time from the lowest. No limb at the end is zero.
#[derive(Clone, Debug)]
pub(super) struct Natural(Vec<u64>);

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        Natural(if value == 0 { Vec::new() } else { vec![value] })
    }
}

impl Natural {
    /// The number with these decimal digits (0 to 9 each).
    pub fn of_digits(digits: &[u8]) -> Natural {
        let mut number = Natural::from(0);
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let value = chunk.iter().fold(0, |value, &digit| value * 10 + u64::from(digit));
            number.multiply_and_add(10_u64.pow(chunk.len() as u32), value);
        }
        number
    }

    pub fn multiply_by_power_of_ten(&mut self, power: u32) {
        let chunk = CHUNK_DIGITS as u32;
        for _ in 0..power / chunk {
            self.multiply_and_add(10_u64.pow(chunk), 0);
        }
        self.multiply_and_add(10_u64.pow(power % chunk), 0);
    }

    fn multiply_and_add(&mut self, factor: u64, summand: u64) {
        let mut carry = summand;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    /// How many bits it takes.
    pub fn bit_length(&self) -> u32 {
        self.0.last().map_or(0, |last| self.0.len() as u32 * 64 - last.leading_zeros())
    }

    pub fn shift_left(&mut self, by: u32) {
        let (limbs, bits) = (by as usize / 64, by % 64);
        if bits > 0 {
            let mut carry = 0;
            for limb in &mut self.0 {
                let shifted = u128::from(*limb) << bits | u128::from(carry);
                *limb = shifted as u64;
                carry = (shifted >> 64) as u64;
            }
            if carry != 0 {
                self.0.push(carry);
            }
        }
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
    }

    /// The first `bits` bits of the quotient, the one before the point first, and whether anything
    /// is left. The divisor must be above half of `self`.
    pub fn divide_bitwise(mut self, divisor: &Natural, bits: u32) -> (u128, bool) {
        let mut quotient = 0_u128;
        for _ in 0..bits {
            quotient <<= 1;
            if self.compare(divisor) != Ordering::Less {
                self.subtract(divisor);
                quotient |= 1;
            }
            self.shift_left(1);
        }
        (quotient, !self.0.is_empty())
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away a number that is not above this one.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        for (limb, other) in self.0.iter_mut().zip(others) {
            let (difference, below) = limb.overflowing_sub(other);
            let (difference, below_borrowed) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = below || below_borrowed;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The decimal digits.
    pub fn into_decimal(mut self) -> String {
        let mut chunks = Vec::new();
        while !self.0.is_empty() {
            chunks.push(self.divide_by_chunk());
        }
        let mut chunks = chunks.iter().rev();
        let mut text = chunks.next().map_or("0".to_owned(), u64::to_string);
        for chunk in chunks {
            text.push_str(&format!("{chunk:0CHUNK_DIGITS$}"));
        }
        text
    }

    /// Divides by the largest power of ten in one limb; gives what is left over.
    fn divide_by_chunk(&mut self) -> u64 {
        let divisor = u128::from(10_u64.pow(CHUNK_DIGITS as u32));
        let mut rest = 0_u128;
        for limb in self.0.iter_mut().rev() {
            let dividend = rest << 64 | u128::from(*limb);
            *limb = (dividend / divisor) as u64;
            rest = dividend % divisor;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        rest as u64
    }
}
