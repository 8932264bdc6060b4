// SPDX-License-Identifier: Apache-2.0
//! Lists: patterns, words, addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::node::{Node, Pen};
use crate::pattern::Pattern;
use crate::policy::Net;
use crate::words::{CAPABILITIES, FAMILIES};

pub(super) fn read_patterns(pen: &mut Pen<'_>, node: &Node) -> BTreeSet<Pattern> {
    let mut found = BTreeSet::new();
    for item in pen.items(node) {
        let Some(text) = pen.text(item) else { continue };
        match Pattern::parse(&text) {
            Ok(pattern) => {
                if !found.insert(pattern) {
                    pen.warn(&item.span, format!("`{text}` is already in the list"), None);
                }
            }
            Err(reason) => {
                pen.error(&item.span, format!("`{}`: {reason}", text.escape_default()), None)
            }
        }
    }
    found
}

pub(super) fn read_words<T: Copy>(
    pen: &mut Pen<'_>,
    node: &Node,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Vec<T> {
    let words: Vec<&'static str> = all.iter().map(|known| word(*known)).collect();
    let items = pen.items(node);
    let read = |item: &Node, pen: &mut Pen<'_>| {
        let text = pen.word(item, &words)?;
        all.iter().copied().find(|known| word(*known) == text)
    };
    items.into_iter().filter_map(|item| read(item, pen)).collect()
}

pub(super) fn read_capabilities(pen: &mut Pen<'_>, node: &Node) -> BTreeSet<u8> {
    let mut found = BTreeSet::new();
    for item in pen.items(node) {
        let Some(text) = pen.text(item) else { continue };
        let plain = text.to_ascii_lowercase();
        let plain = plain.strip_prefix("cap_").unwrap_or(&plain);
        match CAPABILITIES.iter().position(|known| *known == plain).map(u8::try_from) {
            Some(Ok(number)) => {
                found.insert(number);
            }
            _ => pen.strange_word(item, plain, CAPABILITIES),
        }
    }
    found
}

pub(super) fn read_families(pen: &mut Pen<'_>, node: &Node) -> BTreeSet<u8> {
    let words: Vec<&'static str> = FAMILIES.iter().map(|(word, _)| *word).collect();
    let mut found = BTreeSet::new();
    for item in pen.items(node) {
        let word = pen.word(item, &words);
        found.extend(
            FAMILIES.iter().find(|(known, _)| Some(*known) == word).map(|(_, number)| *number),
        );
    }
    found
}

pub(super) fn read_nets(pen: &mut Pen<'_>, node: &Node, bind: bool) -> Vec<Net> {
    let mut found = Vec::new();
    for item in pen.items(node) {
        let Some(text) = pen.text(item) else { continue };
        match parse_net(&text, bind) {
            Ok(net) => found.push(net),
            Err(reason) => {
                let help = "`tcp:80`, `udp:1024-65535`, `any:*`, `tcp:443@192.0.2.0/24`, `udp:53@2001:db8::/32`";
                pen.error(
                    &item.span,
                    format!("`{}`: {reason}", text.escape_default()),
                    Some(help.to_owned()),
                );
            }
        }
    }
    found
}

/// `PROTOCOL:PORTS[@ADDRESS[/BITS]]`.
fn parse_net(text: &str, bind: bool) -> Result<Net, String> {
    let (front, address) =
        text.split_once('@').map_or((text, None), |(front, address)| (front, Some(address)));
    let (protocol, ports) = front.split_once(':').ok_or("a protocol and ports are missing")?;
    let protocol = match protocol {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        "any" => 0,
        _ => return Err(format!("`{protocol}` is none of tcp, udp, sctp, any")),
    };
    let (low, high) = parse_ports(ports)?;
    let mut net = Net { bind, protocol, family: 0, low, high, prefix: 0, address: [0; 16] };
    if let Some(address) = address {
        set_address(&mut net, address)?;
    }
    Ok(net)
}

fn parse_ports(text: &str) -> Result<(u16, u16), String> {
    if text == "*" {
        return Ok((0, u16::MAX));
    }
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("`{text}` is no port"));
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (number(low)?, number(high)?);
    if low > high { Err("the ports run backwards".to_owned()) } else { Ok((low, high)) }
}

fn set_address(net: &mut Net, text: &str) -> Result<(), String> {
    let (address, bits) =
        text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    let (family, bytes): (u8, Vec<u8>) = match address {
        IpAddr::V4(four) => (2, four.octets().to_vec()),
        IpAddr::V6(six) => (10, six.octets().to_vec()),
    };
    let most = bytes.len() * 8;
    let bits = match bits {
        None => most,
        Some(bits) => bits
            .parse()
            .ok()
            .filter(|bits| *bits <= most)
            .ok_or(format!("`{bits}` is no length of a prefix"))?,
    };
    net.family = family;
    net.prefix = u8::try_from(bits).unwrap_or(0);
    net.address.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    Ok(())
}
