// SPDX-License-Identifier: Apache-2.0
//! The golden corpus on disk: its folders, and the images that its recipes make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the cases lie.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// The folders in a folder, in order.
pub(crate) fn folders(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// The image of a case: from its recipe, or from its digits.
pub(crate) fn make_image(case: &Path, work: &Path, tree: &Path) -> Result<Vec<u8>, String> {
    if let Ok(hex) = fs::read_to_string(case.join("input.hex")) {
        return decode_hex(&hex);
    }
    let folder = tempfile::tempdir_in(work).map_err(|error| error.to_string())?;
    let out = folder.path().join("image.bin");
    let result = Command::new("bash")
        .args(["-eu", "-o", "pipefail"])
        .arg(case.join("recipe.sh"))
        .current_dir(folder.path())
        .env("TREE", tree)
        .env("OUT", &out)
        .env("CASE", case)
        .output()
        .map_err(|error| error.to_string())?;
    if !result.status.success() {
        let error = String::from_utf8_lossy(&result.stderr);
        return Err(format!("recipe failed (`make test` installs its tools): {error}"));
    }
    fs::read(&out).map_err(|error| error.to_string())
}

/// `cargo xtask fuzz` takes the images as seeds: it names a directory, each goes to `FORMAT/CASE`.
#[allow(dead_code, reason = "only the golden test keeps them")]
pub(crate) fn keep_image(case: &Path, image: &[u8]) {
    let Some(directory) = std::env::var_os("KAKOI_KEEP_IMAGES") else { return };
    let (Some(name), Some(format)) = (case.file_name(), case.parent().and_then(Path::file_name))
    else {
        return;
    };
    let folder = Path::new(&directory).join(format);
    // Large images slow a fuzzer down more than they teach it.
    if image.len() <= 1 << 20 && fs::create_dir_all(&folder).is_ok() {
        let _ = fs::write(folder.join(name), image);
    }
}

fn decode_hex(text: &str) -> Result<Vec<u8>, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let digits: Vec<u8> =
        lines.flat_map(str::bytes).filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
            u8::from_str_radix(pair, 16).map_err(|error| format!("{pair}: {error}"))
        })
        .collect()
}
