// SPDX-License-Identifier: Apache-2.0
//! Permissions that matter: set-user-ID, world-writable, capabilities.

use kakoi_model::{File, FileKind, NotablePermission, Permission};

/// The extended attribute that holds file capabilities (capabilities(7)).
const CAPABILITY: &str = "security.capability";

/// Notable permissions among all files, in their order.
pub fn find_permissions(files: &[File]) -> Vec<Permission> {
    files.iter().flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Permission> {
    let mode = file.mode.unwrap_or(0);
    let mut notable = Vec::new();
    match file.kind {
        FileKind::Regular { .. } => {
            let runs = mode & 0o111 != 0;
            if mode & 0o4000 != 0 && runs {
                notable.push(NotablePermission::SetUserId);
            }
            // Without the group's execute bit the set-group-ID bit means mandatory locking.
            if mode & 0o2000 != 0 && mode & 0o010 != 0 {
                notable.push(NotablePermission::SetGroupId);
            }
            if mode & 0o002 != 0 {
                notable.push(NotablePermission::WorldWritable);
            }
            if file.xattrs.contains_key(CAPABILITY) {
                notable.push(NotablePermission::Capabilities);
            }
        }
        FileKind::Directory if mode & 0o1002 == 0o002 => {
            notable.push(NotablePermission::WorldWritableDirectory);
        }
        _ => {}
    }
    let permission = |notable| Permission { file: file.place(), mode, uid: file.uid, notable };
    notable.into_iter().map(permission).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn only_what_matters_is_listed() {
        let mut tree = Sketch::new()
            .file("/bin/su", 0o4755, "x")
            .file("/bin/write", 0o2755, "x")
            .file("/etc/locked", 0o2644, "x")
            .file("/etc/open", 0o666, "x")
            .file("/bin/ping", 0o755, "x")
            .directory("/tmp", 0o1777)
            .directory("/srv", 0o777)
            .link("/bin/sh", "busybox");
        tree.files[4].xattrs.insert(CAPABILITY.to_owned(), "\\x01".to_owned());
        let found: Vec<_> = find_permissions(&tree.files)
            .into_iter()
            .map(|permission| (permission.file.path.to_string(), permission.notable))
            .collect();
        let expected = [
            ("bin/su", NotablePermission::SetUserId),
            ("bin/write", NotablePermission::SetGroupId),
            ("etc/open", NotablePermission::WorldWritable),
            ("bin/ping", NotablePermission::Capabilities),
            ("srv", NotablePermission::WorldWritableDirectory),
        ];
        assert_eq!(found, expected.map(|(path, notable)| (path.to_owned(), notable)));
    }
}
