// SPDX-License-Identifier: Apache-2.0
//! Lists what is in an image: `cargo run -p kakoi-unpack --example list -- IMAGE [files]`. For
//! whoever writes a format; users have `kakoi scan` and `kakoi extract`.
#![allow(clippy::print_stdout, clippy::expect_used)]

use kakoi_unpack::{Limits, NoJournal, Store, unpack_image};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("an image");
    let image = std::fs::read(&path).expect("a readable image");
    let found = unpack_image(image.into(), &Store::in_memory(), &Limits::default(), &NoJournal);
    for container in &found.containers {
        println!("{}", serde_json_line(container));
    }
    for region in &found.regions {
        println!(
            "{} {:#x}+{:#x} {:?}",
            region.blob.short(),
            region.offset,
            region.size,
            region.what
        );
    }
    for problem in &found.problems {
        println!("{problem} (container {:?})", problem.container);
    }
    if arguments.next().is_some() {
        for file in &found.files {
            println!("{:?} {} {:?} {:?}", file.container, file.path, file.mode, file.kind);
        }
    }
}

fn serde_json_line(container: &kakoi_model::Container) -> String {
    format!(
        "#{} {} @{:#x}+{:#x} {:?} {:?} entries={} root={} in={:?} {:?}",
        container.id.0,
        container.format,
        container.offset,
        container.size,
        container.state,
        container.confidence,
        container.entries,
        container.root,
        container.parent.as_ref().map(|parent| format!("#{}:{}", parent.container.0, parent.path)),
        container.attributes
    )
}
