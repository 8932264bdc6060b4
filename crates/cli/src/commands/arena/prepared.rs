// SPDX-License-Identifier: Apache-2.0
//! An image made ready for guests.

use std::path::Path;

use anyhow::Context;
use kakoi_arena::expect::{self, Expected};
use kakoi_arena::machine::{self, Machine};
use kakoi_arena::{Store, rootfs};
use kakoi_model::{ContainerId, FileKind};
use kakoi_policy::derive::main_root;

use crate::commands::opened::Opened;
use crate::commands::parsing::Parsing;
use crate::exit::BadInput;

/// An image with its root file system rebuilt.
pub struct Prepared {
    pub opened: Opened,
    pub name: String,
    pub root: ContainerId,
    pub machine: &'static Machine,
    pub expected: Expected,
    pub file_system: tempfile::NamedTempFile,
    pub store: Store,
}

impl Prepared {
    /// What kind of init the image has: `procd (/sbin/init)`.
    pub fn init_kind(&self) -> String {
        let files = || self.opened.facts.files().filter(|file| file.container == self.root);
        let path = self.expected.init.trim_start_matches('/');
        let link = files().find(|file| file.path.to_string() == path).and_then(|file| {
            let FileKind::Symlink { target } = &file.kind else { return None };
            Some(target.clone())
        });
        let has = |path: &str| files().any(|file| file.path.to_string() == path);
        let kind = match link {
            Some(target) if target.contains("busybox") => "BusyBox",
            Some(target) if target.contains("systemd") => "systemd",
            _ if has("sbin/procd") => "procd",
            _ => "the vendor's own",
        };
        format!("{kind} ({})", self.expected.init)
    }

    /// Parses an image and rebuilds its main root file system.
    pub fn read(image: &Path, parsing: &Parsing) -> anyhow::Result<Self> {
        let opened = Opened::read(image, parsing)?;
        let name = opened.facts.image().map(|line| line.name.clone()).unwrap_or_default();
        let place = || image.display().to_string();
        let nothing = || BadInput("no root file system was found in the image".to_owned());
        let root = main_root(&opened.facts).ok_or_else(nothing).with_context(place)?;
        let bad = |why: kakoi_arena::Error| match why {
            kakoi_arena::Error::Image(why) => anyhow::Error::from(BadInput(why)),
            why @ kakoi_arena::Error::Host(_) => anyhow::Error::from(why),
        };
        let machine = machine::choose(&opened.facts, root).map_err(bad).with_context(place)?;
        let contents = |digest: &_| opened.content(digest);
        let expected =
            expect::find(&opened.facts, root, &contents).map_err(bad).with_context(place)?;
        let file_system = tempfile::Builder::new().suffix(".squashfs").tempfile()?;
        let store = Store::of_user()?;
        let added = kakoi_arena::guest::added(&store, machine)?;
        rootfs::build(&opened.facts, root, &contents, &added, file_system.path())?;
        Ok(Self { name, root, machine, expected, file_system, store, opened })
    }
}
