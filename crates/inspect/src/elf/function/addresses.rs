// SPDX-License-Identifier: Apache-2.0
//! Sets of addresses within one stretch of code: a bit for every second byte.

use crate::bits::ones;
use crate::elf::code::Code;

/// A set of even addresses in a text; others are not taken in.
#[derive(Debug)]
pub(super) struct Addresses {
    first: u64,
    bits: Vec<u64>,
    len: u64,
}

impl Addresses {
    pub(super) fn within(text: &Code<'_>) -> Self {
        let places = text.bytes.len().div_ceil(2);
        Self {
            first: text.address,
            bits: vec![0; places.div_ceil(64)],
            len: text.bytes.len() as u64,
        }
    }

    /// The number of the word, and the bit in it.
    fn place(&self, address: u64) -> Option<(usize, u64)> {
        let distance = address.wrapping_sub(self.first);
        let is_in = distance < self.len && distance & 1 == 0;
        is_in.then_some(((distance / 128) as usize, 1 << (distance / 2 % 64)))
    }

    pub(super) fn insert(&mut self, address: u64) {
        if let Some((word, bit)) = self.place(address)
            && let Some(bits) = self.bits.get_mut(word)
        {
            *bits |= bit;
        }
    }

    pub(super) fn remove(&mut self, address: u64) {
        if let Some((word, bit)) = self.place(address)
            && let Some(bits) = self.bits.get_mut(word)
        {
            *bits &= !bit;
        }
    }

    pub(super) fn contains(&self, address: u64) -> bool {
        let distance = address.wrapping_sub(self.first);
        let bits = usize::try_from(distance / 128).ok().and_then(|word| self.bits.get(word));
        bits.is_some_and(|bits| bits >> (distance / 2 % 64) & 1 == 1) && distance & 1 == 0
    }

    /// Of 64 places in a row, the lowest bit that of the first.
    pub(super) fn bits(&self, number: usize) -> u64 {
        self.bits.get(number).copied().unwrap_or(0)
    }

    pub(super) fn extend(&mut self, addresses: impl IntoIterator<Item = u64>) {
        addresses.into_iter().for_each(|address| self.insert(address));
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0_u64..).zip(&self.bits).filter(|(_, bits)| **bits != 0).flat_map(move |(number, bits)| {
            let first = self.first.wrapping_add(128 * number);
            ones(*bits).map(move |bit| first.wrapping_add(2 * u64::from(bit)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_in_order() {
        let bytes = [0; 301];
        let mut set = Addresses::within(&Code::little(0x1002, &bytes));
        set.extend([0x1102, 0x1002, 0x1082, 0x1003, 0x1000, 0x112e, 0x1130, 0x1004, 0x1004]);
        set.remove(0x1082);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0x1002, 0x1004, 0x1102, 0x112e]);
        assert!(set.contains(0x1102) && !set.contains(0x1082) && !set.contains(0x1003));
    }
}
