// SPDX-License-Identifier: Apache-2.0
//! System use fields of Rock Ridge (IEEE P1281, P1282): names, modes, owners, links, devices.

use super::PATH_MAX;

/// What the fields of a record say.
#[derive(Default)]
pub(super) struct Unix {
    pub(super) name: Option<Vec<u8>>,
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) link: Option<Vec<u8>>,
    /// Does the next part of the target go on without a separator?
    open_part: bool,
    pub(super) device: (u32, u32),
    pub(super) child: Option<usize>,
    pub(super) relocated: bool,
}

impl Unix {
    /// Reads a list of fields; gives block, offset and length of its continuation.
    pub(super) fn read(&mut self, mut area: &[u8]) -> Option<(usize, usize, usize)> {
        let mut next = None;
        while let [a, b, length, _, ..] = *area {
            let length = usize::from(length);
            let Some((field, rest)) = area.split_at_checked(length) else { break };
            if length < 4 {
                break;
            }
            area = rest;
            let data = &field[4..];
            let number = |at: usize| {
                let bytes = data.get(at..at + 4)?.try_into().ok()?;
                Some(u32::from_le_bytes(bytes))
            };
            match &[a, b] {
                b"PX" => {
                    self.mode = number(0);
                    self.uid = number(16);
                    self.gid = number(24);
                }
                b"NM" if data.first().is_some_and(|flags| flags & 6 == 0) => {
                    self.name.get_or_insert_default().extend_from_slice(&data[1..]);
                }
                b"SL" => self.target(data.get(1..).unwrap_or_default()),
                b"PN" => {
                    let high = number(0).unwrap_or(0);
                    let low = number(8).unwrap_or(0);
                    self.device = if high == 0 { (low >> 8, low & 0xff) } else { (high, low) };
                }
                b"CL" => self.child = number(0).map(|block| block as usize),
                b"RE" => self.relocated = true,
                b"CE" => {
                    let numbers = [number(0), number(8), number(16)];
                    if let [Some(block), Some(offset), Some(size)] = numbers {
                        next = Some((block as usize, offset as usize, size as usize));
                    }
                }
                b"ST" => break,
                _ => {}
            }
        }
        next
    }

    /// Components of a link's target: flags, length, text.
    fn target(&mut self, mut parts: &[u8]) {
        while let [flags, length, ref rest @ ..] = *parts {
            let Some((text, rest)) = rest.split_at_checked(usize::from(length)) else { return };
            parts = rest;
            let target = self.link.get_or_insert_default();
            if !target.is_empty() && !target.ends_with(b"/") && !self.open_part {
                target.push(b'/');
            }
            match flags & 0x0e {
                2 => target.push(b'.'),
                4 => target.extend_from_slice(b".."),
                8 => target.push(b'/'),
                _ => target.extend_from_slice(text),
            }
            self.open_part = flags & 1 != 0;
            if target.len() > PATH_MAX {
                return;
            }
        }
    }
}
