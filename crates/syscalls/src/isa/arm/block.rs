// SPDX-License-Identifier: Apache-2.0
//! Loads and stores of a list of registers.

use super::super::bytes::bit;
use super::super::{Effect, Flow, Instruction, Target};
use super::memory::add_constant;
use super::{COUNTER, Offset, Place, STACK, address, general};

/// Old frames (APCS) return by loading the counter through the frame pointer.
const FRAME: u32 = 11;

/// One `ldm` or `stm`.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) load: bool,
    pub(super) base: u32,
    /// A bit for each register.
    pub(super) list: u32,
    /// Addresses rise from the base.
    pub(super) up: bool,
    /// The first address is not the base itself.
    pub(super) before: bool,
    pub(super) write_back: bool,
    /// A return from an exception, if the counter is loaded.
    pub(super) exception: bool,
}

impl Block {
    /// None for an empty list, which is no instruction.
    pub(super) fn decode(self, place: Place) -> Option<Instruction> {
        let count = self.list.count_ones();
        if count == 0 {
            return None;
        }
        let length = (count * 4).cast_signed();
        let mut effects = Vec::with_capacity(17);
        for (position, register) in self.registers().enumerate() {
            let at = self.lowest(length) + (position * 4) as i32;
            effects.extend(self.access(place, register, at));
        }
        effects.extend(self.base_effect(place, length));
        let instruction = place.instruction(effects);
        Some(if self.loads(COUNTER) {
            instruction.going(self.flow(place, length))
        } else {
            instruction
        })
    }

    fn registers(self) -> impl Iterator<Item = u32> {
        (0..16).filter(move |register| bit(self.list, *register))
    }

    fn loads(self, register: u32) -> bool {
        self.load && bit(self.list, register)
    }

    /// Distance of the lowest address from the base.
    fn lowest(self, length: i32) -> i32 {
        match (self.up, self.before) {
            (true, false) => 0,
            (true, true) => 4,
            (false, true) => -length,
            (false, false) => 4 - length,
        }
    }

    /// One register; the base comes later, since the others are reached through it.
    fn access(self, place: Place, register: u32, at: i32) -> Option<Effect> {
        let at = address(place, self.base, Offset::Constant(at))?;
        match (self.load, register) {
            (true, COUNTER) => None,
            (true, _) if register == self.base => None,
            (true, _) => Some(Effect::Load {
                register: general(register),
                address: at,
                bytes: 4,
                signed: false,
            }),
            (false, _) => {
                Some(Effect::Store { address: at, value: place.read(register), bytes: 4 })
            }
        }
    }

    fn base_effect(self, place: Place, length: i32) -> Option<Effect> {
        let moved = if self.up { length } else { -length };
        match (self.loads(self.base), self.write_back) {
            _ if self.base == COUNTER => None,
            (true, true) => Some(Effect::Clobber(general(self.base))),
            (true, false) => {
                let position =
                    self.registers().take_while(|register| *register != self.base).count();
                let at = Offset::Constant(self.lowest(length) + (position * 4) as i32);
                let address = address(place, self.base, at)?;
                Some(Effect::Load {
                    register: general(self.base),
                    address,
                    bytes: 4,
                    signed: false,
                })
            }
            (false, true) => Some(add_constant(self.base, moved)),
            (false, false) => None,
        }
    }

    fn flow(self, place: Place, length: i32) -> Flow {
        if self.exception || matches!(self.base, STACK | FRAME) {
            return Flow::Return;
        }
        let last = self.lowest(length) + length - 4;
        match address(place, self.base, Offset::Constant(last)) {
            Some(at) => Flow::Jump(Target::Memory(at)),
            None => Flow::Jump(Target::Unknown),
        }
    }
}
