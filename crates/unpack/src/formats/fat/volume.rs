// SPDX-License-Identifier: Apache-2.0
//! Boot sector, allocation table and clusters of FAT (Microsoft, "FAT32 File System
//! Specification" 1.03; ECMA-107). All fields are little-endian.

use kakoi_model::Endian::Little;
use kakoi_model::{Problem, ProblemCode};

use crate::Input;

/// Widths of an entry of the allocation table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

/// The layout of a file system.
#[derive(Debug, Clone)]
pub(super) struct Volume<'a> {
    pub(super) input: &'a Input,
    pub(super) start: usize,
    pub(super) width: Width,
    pub(super) cluster_size: usize,
    /// Number of clusters; the first has number 2.
    pub(super) cluster_count: usize,
    /// Offset and length of the root directory, before FAT32.
    pub(super) root: (usize, usize),
    /// First cluster of the root directory, in FAT32.
    pub(super) root_cluster: u32,
    pub(super) size: usize,
    pub(super) label: Vec<u8>,
    table: usize,
    data: usize,
}

impl<'a> Volume<'a> {
    /// Reads and checks the boot sector at `start`.
    ///
    /// # Errors
    /// Values that no FAT has, or that do not fit each other.
    pub(super) fn parse(input: &'a Input, start: usize) -> Result<Self, Problem> {
        let bad = |subject| Problem::new(ProblemCode::BadValue, start as u64, subject);
        let u8_at = |offset: usize| input.u8(start + offset, "boot sector").map(usize::from);
        let u16_at =
            |offset: usize| input.u16(start + offset, Little, "boot sector").map(usize::from);
        let u32_at = |offset: usize| input.size32(start + offset, Little, "boot sector");
        let sector = u16_at(11)?;
        let cluster = u8_at(13)?;
        if !matches!(u8_at(0)?, 0xeb | 0xe9) || u16_at(510)? != 0xaa55 {
            return Err(bad("jump and signature"));
        }
        if !matches!(sector, 512 | 1024 | 2048 | 4096) || !cluster.is_power_of_two() {
            return Err(bad("sector and cluster size"));
        }
        let (reserved, tables, roots) = (u16_at(14)?, u8_at(16)?, u16_at(17)?);
        let is_32 = u16_at(22)? == 0;
        let table_sectors = if is_32 { u32_at(36)? } else { u16_at(22)? };
        let sectors = if u16_at(19)? == 0 { u32_at(32)? } else { u16_at(19)? };
        let media = u8_at(21)?;
        let is_media = media == 0xf0 || media >= 0xf8;
        let roots_fit = if is_32 { roots == 0 } else { roots != 0 };
        if reserved == 0 || !(1..=2).contains(&tables) || !is_media || !roots_fit {
            return Err(bad("parameters"));
        }
        let root_size = (roots * 32).next_multiple_of(sector);
        let table = start + reserved * sector;
        let root = table.saturating_add((tables * sector).saturating_mul(table_sectors));
        let data = root.saturating_add(root_size);
        let size = sectors.saturating_mul(sector);
        let data_size = (start + size.min(usize::MAX >> 1)).checked_sub(data);
        let cluster_count = data_size.ok_or_else(|| bad("sector count"))? / (cluster * sector);
        let width = match cluster_count {
            _ if is_32 => Width::Fat32,
            0..4085 => Width::Fat12,
            4085..65525 => Width::Fat16,
            _ => return Err(bad("cluster count")),
        };
        let label = input.text(start + if is_32 { 71 } else { 43 }, 11, "label")?;
        let volume = Self {
            input,
            start,
            width,
            cluster_size: cluster * sector,
            cluster_count,
            root: (root, roots * 32),
            root_cluster: if is_32 { input.u32(start + 44, Little, "root")? } else { 0 },
            size,
            label: label.trim_ascii_end().to_vec(),
            table,
            data,
        };
        volume.check_table(media, table_sectors.saturating_mul(sector))?;
        Ok(volume)
    }

    /// The table begins with the media byte and ones, and has room for all clusters.
    fn check_table(&self, media: usize, room: usize) -> Result<(), Problem> {
        let bad = || Problem::new(ProblemCode::BadValue, self.table as u64, "allocation table");
        let first = self.input.array::<3>(self.table, "allocation table")?;
        let entries = self.cluster_count.saturating_add(2);
        let needed = match self.width {
            Width::Fat12 => entries.saturating_mul(3).div_ceil(2),
            Width::Fat16 => entries.saturating_mul(2),
            Width::Fat32 => entries.saturating_mul(4),
        };
        let begins = usize::from(first[0]) == media && first[1] == 0xff;
        let has_root = self.width != Width::Fat32 || self.offset(self.root_cluster).is_ok();
        if begins && needed <= room && self.cluster_count > 0 && has_root {
            Ok(())
        } else {
            Err(bad())
        }
    }

    /// Where a cluster lies.
    pub(super) fn offset(&self, cluster: u32) -> Result<usize, Problem> {
        let index = (cluster as usize).checked_sub(2).filter(|&index| index < self.cluster_count);
        index.map(|index| self.data + index * self.cluster_size).ok_or_else(|| {
            let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "cluster number");
            problem.because(cluster.to_string())
        })
    }

    /// The cluster after this one; none at the end of a chain.
    fn next(&self, cluster: u32) -> Result<Option<u32>, Problem> {
        let index = cluster as usize;
        let (number, end) = match self.width {
            Width::Fat12 => {
                let at = self.table + index * 3 / 2;
                let pair = u32::from(self.input.u16(at, Little, "allocation table")?);
                (if index % 2 == 1 { pair >> 4 } else { pair & 0xfff }, 0xff8)
            }
            Width::Fat16 => {
                let at = self.table + index * 2;
                (u32::from(self.input.u16(at, Little, "allocation table")?), 0xfff8)
            }
            Width::Fat32 => {
                let at = self.table + index * 4;
                (self.input.u32(at, Little, "allocation table")? & 0x0fff_ffff, 0x0fff_fff8)
            }
        };
        Ok((number < end).then_some(number))
    }

    /// The clusters of a file or directory, at most `most`.
    ///
    /// # Errors
    /// A number that is no cluster; a chain that does not end.
    pub(super) fn chain(&self, first: u32, most: usize) -> Result<Vec<u32>, Problem> {
        let mut chain = Vec::new();
        let mut cluster = Some(first);
        while let Some(number) = cluster.filter(|_| chain.len() < most) {
            self.offset(number)?;
            chain.push(number);
            if chain.len() > self.cluster_count {
                return Err(Problem::new(ProblemCode::Cycle, self.table as u64, "cluster chain"));
            }
            cluster = self.next(number)?;
        }
        Ok(chain)
    }

    /// The place of a chain that lies in one piece.
    pub(super) fn contiguous(&self, chain: &[u32]) -> Option<usize> {
        let is_row = chain.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        self.offset(*chain.first()?).ok().filter(|_| is_row)
    }

    /// The bytes of a chain.
    pub(super) fn read(&self, chain: &[u32]) -> Result<Vec<u8>, Problem> {
        let mut content = Vec::with_capacity(chain.len().saturating_mul(self.cluster_size));
        for &cluster in chain {
            let bytes = self.input.bytes(self.offset(cluster)?, self.cluster_size, "cluster")?;
            content.extend_from_slice(bytes);
        }
        Ok(content)
    }
}
