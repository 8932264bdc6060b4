// SPDX-License-Identifier: Apache-2.0
//! Symbol tables written here in each layout that kernels have had, read back.

// Helpers of tests may stop a test; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use kakoi_inspect::kernel::{Symbol, parse_kallsyms};
use numbers::Lcg;

/// A generator of numbers, so that tables are the same on each run.
mod numbers {
    pub(crate) struct Lcg(pub(crate) u64);
    impl Lcg {
        pub(crate) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.0 >> 33
        }
    }
}

/// How addresses are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Addresses {
    Absolute,
    Relative,
    /// `KALLSYMS_ABSOLUTE_PERCPU`.
    PerCpu,
    /// 7.x.
    OwnPlace,
}

#[derive(Debug, Clone, Copy)]
struct Layout {
    big: bool,
    wide: bool,
    /// Addresses after the tokens (6.4 and later).
    new_order: bool,
    wide_markers: bool,
    /// An index by name before the tokens (6.1 to 6.3).
    sequences: bool,
    addresses: Addresses,
    align: usize,
}

const OLD: Layout = Layout {
    big: true,
    wide: false,
    new_order: false,
    wide_markers: false,
    sequences: false,
    addresses: Addresses::Absolute,
    align: 16,
};

fn base(layout: Layout) -> u64 {
    match (layout.addresses, layout.wide) {
        (Addresses::OwnPlace, _) => 0,
        (_, true) => 0xffff_ffff_8100_0000,
        (_, false) => 0x8010_0400,
    }
}

fn symbols(layout: Layout) -> Vec<Symbol> {
    let mut numbers = Lcg(7);
    let mut address = base(layout);
    (0..1500)
        .map(|index| {
            if index > 0 {
                address += numbers.next() % 900 * 4;
            }
            let name = if index == 700 {
                "start_kernel".to_owned()
            } else {
                format!("function_{index}_{}", numbers.next() % 9999)
            };
            Symbol { address: Some(address), kind: b"TtDr"[index % 4], name }
        })
        .collect()
}

struct Writer(Vec<u8>, Layout);

impl Writer {
    fn align(&mut self) {
        let padded = self.0.len().next_multiple_of(self.1.align);
        self.0.resize(padded, 0);
    }
    fn number(&mut self, value: u64, width: usize) {
        let raw = if self.1.big {
            value.to_be_bytes()[8 - width..].to_vec()
        } else {
            value.to_le_bytes()[..width].to_vec()
        };
        self.0.extend(raw);
    }
    fn width(&self) -> usize {
        if self.1.wide { 8 } else { 4 }
    }

    fn addresses(&mut self, all: &[Symbol]) {
        self.align();
        let base = base(self.1);
        for (index, symbol) in all.iter().enumerate() {
            let address = symbol.address.unwrap();
            match self.1.addresses {
                Addresses::Absolute => self.number(address, self.width()),
                Addresses::Relative => self.number(address - base, 4),
                Addresses::PerCpu if index == 0 => self.number(0, 4),
                Addresses::PerCpu => {
                    self.number(u64::from(((base - 1).wrapping_sub(address) as u32).to_le()), 4)
                }
                Addresses::OwnPlace => {
                    self.number((address as i64 - 9_000_000 - 4 * index as i64) as u32 as u64, 4)
                }
            }
        }
        if matches!(self.1.addresses, Addresses::Relative | Addresses::PerCpu) {
            self.align();
            self.number(base, self.width());
        }
    }

    fn names(&mut self, all: &[Symbol], token: impl Fn(u8) -> u8) {
        self.align();
        self.number(all.len() as u64, if self.1.wide_markers { self.width() } else { 4 });
        self.align();
        let start = self.0.len();
        let mut markers = Vec::new();
        for (index, symbol) in all.iter().enumerate() {
            if index % 256 == 0 {
                markers.push((self.0.len() - start) as u64);
            }
            self.0.push(symbol.name.len() as u8 + 1);
            self.0.push(token(symbol.kind));
            self.0.extend(symbol.name.bytes().map(&token));
        }
        self.align();
        for marker in markers {
            self.number(marker, if self.1.wide_markers { 8 } else { 4 });
        }
        if self.1.sequences {
            self.align();
            for index in 0..all.len() {
                self.0.extend([0, (index >> 8) as u8, index as u8]);
            }
        }
    }

    fn tokens(&mut self) {
        self.align();
        let start = self.0.len();
        let mut index = Vec::new();
        for token in 0..=255_u8 {
            index.push((self.0.len() - start) as u64);
            if token.is_ascii_graphic() {
                self.0.push(token);
            } else if token >= 0xf0 {
                self.0.extend(b"function_");
            }
            self.0.push(0);
        }
        self.align();
        for offset in index {
            self.number(offset, 2);
        }
    }
}

fn image(layout: Layout, all: &[Symbol]) -> Vec<u8> {
    let mut writer = Writer(vec![0x5a; 4096], layout);
    // The ELF header tells the width, as a kernel's code does.
    let class = if layout.wide { 2 } else { 1 };
    writer.0[..7].copy_from_slice(&[
        0x7f,
        b'E',
        b'L',
        b'F',
        class,
        if layout.big { 2 } else { 1 },
        1,
    ]);
    writer.0[18..20].copy_from_slice(if layout.big { &[0, 8] } else { &[8, 0] });
    if !layout.new_order {
        writer.addresses(all);
    }
    writer.names(all, |byte| byte);
    writer.tokens();
    if layout.new_order {
        writer.addresses(all);
    }
    writer.0.extend([0x5a; 4096]);
    writer.0
}

#[test]
fn every_layout_of_kernels_with_tokens_is_read_back() {
    let mut count = 0;
    for addresses in
        [Addresses::Absolute, Addresses::Relative, Addresses::PerCpu, Addresses::OwnPlace]
    {
        for (big, wide, new_order, sequences, align) in [
            (true, false, false, false, 16),
            (false, false, false, false, 4),
            (false, true, false, false, 8),
            (true, true, false, false, 256),
            (false, true, false, true, 8),
            (false, true, true, false, 8),
            (true, false, true, false, 4),
        ] {
            let wide_only = matches!(addresses, Addresses::PerCpu | Addresses::OwnPlace);
            if wide_only && !wide
                || addresses == Addresses::OwnPlace && !new_order
                || addresses == Addresses::Absolute && new_order && wide
            {
                continue;
            }
            let layout = Layout {
                big,
                wide,
                new_order,
                sequences,
                align,
                addresses,
                wide_markers: wide && !new_order && !sequences,
            };
            let all = symbols(layout);
            let read = parse_kallsyms(&image(layout, &all)).unwrap_or_else(|| panic!("{layout:?}"));
            assert_eq!(read.len(), all.len(), "{layout:?}");
            let skip = usize::from(addresses == Addresses::PerCpu);
            let wrong = read.iter().zip(&all).skip(skip).find(|(read, real)| read != real);
            assert_eq!(wrong, None, "{layout:?}");
            count += 1;
        }
    }
    assert_eq!(count, 18);
}

#[test]
fn names_without_tokens_are_read_back() {
    let all = symbols(OLD);
    let mut writer = Writer(vec![0x5a; 4096], OLD);
    writer.addresses(&all);
    writer.names(&all, |byte| byte);
    assert_eq!(parse_kallsyms(&writer.0).unwrap(), all);
    // 2.6.9 and before: each name tells how much it shares with the one before it.
    let mut writer = Writer(vec![0x5a; 4096], OLD);
    writer.addresses(&all);
    writer.align();
    writer.number(all.len() as u64, 4);
    let mut before = String::new();
    for symbol in &all {
        let shared = before.bytes().zip(symbol.name.bytes()).take_while(|(a, b)| a == b).count();
        writer.0.push(shared as u8);
        writer.0.extend(&symbol.name.as_bytes()[shared..]);
        writer.0.push(0);
        before.clone_from(&symbol.name);
    }
    let read = parse_kallsyms(&writer.0).unwrap();
    let names =
        |all: &[Symbol]| all.iter().map(|s| (s.name.clone(), s.address)).collect::<Vec<_>>();
    assert_eq!(names(&read), names(&all));
}

#[test]
fn damaged_tables_give_none_or_symbols_but_no_panic() {
    let layout = Layout { align: 8, ..OLD };
    let image = image(layout, &symbols(layout));
    let mut numbers = Lcg(3);
    for _ in 0..300 {
        let mut damaged = image.clone();
        for _ in 0..1 + numbers.next() % 8 {
            let at = numbers.next() as usize % damaged.len();
            damaged[at] = numbers.next() as u8;
        }
        damaged.truncate(damaged.len() - numbers.next() as usize % 20_000);
        let _ = parse_kallsyms(&damaged);
    }
}
