// SPDX-License-Identifier: Apache-2.0
//! From directory entries to paths, for file systems that find their directories piecemeal.

use std::collections::{BTreeMap, HashSet};

use kakoi_model::{ImagePath, Problem, ProblemCode};

/// The entries of each directory: name and inode number.
pub(super) type Children = BTreeMap<u64, Vec<(Vec<u8>, u64)>>;

/// A name that can be reached from the root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: Vec<u8>,
    pub(super) inode: u64,
}

/// Longest path that Linux takes (`PATH_MAX`); deeper trees are cut.
const MAX_PATH: usize = 4096;

/// All names beneath `root`, parents before children. A directory that was reached before is
/// listed again but not entered again. Problems are reported at `offset`, the container's start.
pub(super) fn name_all(
    children: &Children,
    root: u64,
    offset: usize,
) -> (Vec<Named>, Vec<Problem>) {
    let mut walk = Walk { names: Vec::new(), problems: Vec::new(), offset };
    let mut entered = HashSet::from([root]);
    let mut stack = vec![(Vec::new(), root)];
    while let Some((directory, inode)) = stack.pop() {
        for (name, child) in children.get(&inode).into_iter().flatten() {
            let Some(path) = walk.join(&directory, name) else { continue };
            if children.contains_key(child) {
                if entered.insert(*child) {
                    stack.push((path.clone(), *child));
                } else {
                    walk.report(ProblemCode::Cycle, "directory", &path);
                }
            }
            walk.names.push(Named { path, inode: *child });
        }
    }
    (walk.names, walk.problems)
}

struct Walk {
    names: Vec<Named>,
    problems: Vec<Problem>,
    offset: usize,
}

impl Walk {
    /// An entry is named by one part; anything else tries to get elsewhere and is kept beneath
    /// its directory.
    fn join(&mut self, directory: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let mut path = directory.to_vec();
        path.push(b'/');
        if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
            let kept = ImagePath::new(name);
            path.extend_from_slice(kept.as_bytes());
            self.report(ProblemCode::PathEscape, "entry name", &path);
            if kept.is_root() {
                return None;
            }
        } else {
            path.extend_from_slice(name);
        }
        if path.len() > MAX_PATH {
            self.report(ProblemCode::DepthLimit, "path", directory);
            return None;
        }
        Some(path)
    }

    fn report(&mut self, code: ProblemCode, subject: &'static str, path: &[u8]) {
        let problem = Problem::new(code, self.offset as u64, subject);
        self.problems.push(problem.of_entry(&ImagePath::new(path)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(list: &[(u64, &str, u64)]) -> Children {
        let mut children = Children::new();
        for (directory, name, inode) in list {
            children.entry(*directory).or_default().push((name.as_bytes().to_vec(), *inode));
        }
        children
    }

    #[test]
    fn a_directory_that_contains_itself_is_entered_once() {
        let children = children(&[(1, "a", 2), (2, "b", 2), (2, "f", 3)]);
        let (names, problems) = name_all(&children, 1, 0);
        let paths: Vec<&[u8]> = names.iter().map(|named| &named.path[..]).collect();
        assert_eq!(paths, [&b"/a"[..], b"/a/b", b"/a/f"]);
        assert_eq!(problems[0].code, ProblemCode::Cycle);
    }

    #[test]
    fn a_name_that_climbs_stays_beneath_its_directory() {
        let children = children(&[(1, "a", 2), (2, "../../etc/passwd", 3), (2, "..", 4)]);
        let (names, problems) = name_all(&children, 1, 0);
        assert_eq!(names[1].path, b"/a/etc/passwd");
        assert_eq!((names.len(), problems.len()), (2, 2));
    }

    #[test]
    fn depth_ends_at_the_longest_path_of_linux() {
        let list: Vec<(u64, String, u64)> =
            (1..2000).map(|inode| (inode, "x".repeat(100), inode + 1)).collect();
        let list: Vec<_> = list.iter().map(|(d, name, i)| (*d, name.as_str(), *i)).collect();
        let (names, problems) = name_all(&children(&list), 1, 0);
        assert_eq!((names.len(), problems[0].code), (40, ProblemCode::DepthLimit));
    }
}
