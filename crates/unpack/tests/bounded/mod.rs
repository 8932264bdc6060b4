// SPDX-License-Identifier: Apache-2.0
//! Unpacks within limits, and checks what must hold for any input.
// Each test program uses a part of this.
#![allow(dead_code)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use kakoi_model::Region;
use kakoi_unpack::{Limits, NoJournal, Store, Unpacked, unpack_image};

/// No image of these tests, however damaged, may take longer.
const TIME_LIMIT: Duration = Duration::from_secs(2);

pub(crate) fn limits() -> Limits {
    Limits { output_bytes: 64 << 20, content_bytes: 16 << 20, entries: 20_000, ..Limits::default() }
}

/// Unpacks within the limits, and checks what must hold for any input.
pub(crate) fn unpack(image: &[u8], what: &str) -> Unpacked {
    timed(image, what).0
}

/// The same, with the time that it took.
pub(crate) fn timed(image: &[u8], what: &str) -> (Unpacked, Duration) {
    let limits = limits();
    let image_size = image.len() as u64;
    let (found, mut took) = once(image, &limits);
    if took > TIME_LIMIT / 4 {
        // A busy machine stops everybody now and then; a slow input is slow again.
        took = took.min(once(image, &limits).1);
    }
    assert!(took < TIME_LIMIT, "{what} took {took:?}");
    assert!(found.files.len() as u64 <= limits.entries, "{what}: entries");
    for file in &found.files {
        let beneath = file.path.parts().all(|part| !matches!(part, b".." | b"."));
        assert!(beneath, "{what}: {}", file.path);
        let largest = image_size.max(limits.content_bytes as u64);
        assert!(file.size() <= largest, "{what}: {} has {} bytes", file.path, file.size());
    }
    check_regions(&found.regions, what);
    (found, took)
}

fn once(image: &[u8], limits: &Limits) -> (Unpacked, Duration) {
    let image = Bytes::copy_from_slice(image);
    let started = Instant::now();
    let found = unpack_image(image, &Store::in_memory(), limits, &NoJournal);
    (found, started.elapsed())
}

/// Regions of a content follow each other without gap or overlap.
fn check_regions(regions: &[Region], what: &str) {
    for pair in regions.windows(2).filter(|pair| pair[0].blob == pair[1].blob) {
        let end = pair[0].offset + pair[0].size;
        assert!(end == pair[1].offset || pair[1].offset == 0, "{what}: regions");
    }
}
