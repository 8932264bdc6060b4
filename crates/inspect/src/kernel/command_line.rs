// SPDX-License-Identifier: Apache-2.0
//! The built-in or default command line: `CONFIG_CMDLINE`, or `bootargs` of a device tree that is
//! appended to the kernel.

use kakoi_model::escape;
use memchr::{memchr, memmem, memrchr};

/// `COMMAND_LINE_SIZE` is at most 4096; those of devices are far shorter.
const MAX_LINE: usize = 1024;
/// Parameters that a default command line of a device starts or continues with.
const MARKS: [&[u8]; 4] = [b"console=tty", b"root=/dev/", b"root=31:", b"rootfstype="];

/// The first text of the kernel that is a command line: all its words are parameters, and one of
/// them names a console or a root.
pub(super) fn find_command_line(content: &[u8]) -> Option<(usize, String)> {
    let mut found: Vec<(usize, &[u8])> = MARKS
        .iter()
        .flat_map(|mark| memmem::find_iter(content, mark).take(64))
        .filter_map(|at| surrounding(content, at))
        .filter(|(_, line)| is_command_line(line))
        .collect();
    // The longest says most; of equals the first counts.
    found.sort_by_key(|(at, line)| (std::cmp::Reverse(line.len()), *at));
    found.first().map(|(at, line)| (*at, escape(line.trim_ascii())))
}

fn surrounding(content: &[u8], at: usize) -> Option<(usize, &[u8])> {
    let floor = at.saturating_sub(MAX_LINE);
    let start = memrchr(0, content.get(floor..at)?).map_or(floor, |back| floor + back + 1);
    let rest = content.get(start..content.len().min(at + MAX_LINE))?;
    Some((start, rest.get(..memchr(0, rest)?)?))
}

fn is_command_line(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let parameter = |word: &&str| {
        let name = word.split('=').next().unwrap_or_default();
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:,".contains(c))
            && !word.contains('%')
    };
    let assigned = words.iter().filter(|word| word.contains('=')).count();
    !words.is_empty()
        && words.iter().all(parameter)
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        && assigned * 2 >= words.len()
        && !words.iter().any(|word| word.ends_with('='))
        // A driver's own text, to which it adds the number of the port.
        && values(text, "console").all(|port| port.contains(|c: char| c.is_ascii_digit()))
}

/// The values of one parameter, in order.
pub(super) fn values<'a>(line: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    line.split_ascii_whitespace().filter_map(move |word| word.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_told_from_messages_about_it() {
        let kernel = b"\0console=\0please use console=ttyS0 instead\0console=ttyS0,115200 root=31:2 rootfstype=squashfs init=/sbin/init mtdparts=spi0.0:128k(u-boot)\0x";
        let (at, line) = find_command_line(kernel).unwrap();
        assert!(line.starts_with("console=ttyS0,115200 root=31:2"));
        assert_eq!(kernel.get(at), Some(&b'c'));
        assert_eq!(find_command_line(b"\0console=%s\0root=/dev/%s is missing\0"), None);
        assert_eq!(values(&line, "rootfstype").collect::<Vec<_>>(), ["squashfs"]);
    }
}
