// SPDX-License-Identifier: Apache-2.0
//! A corpus whose numbers are counted by hand, and what it survives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use kakoi_corpus::record::Record;
use kakoi_corpus::{
    Cell, Corpus, CorpusError, Dimension, Known, Place, check, lineage, query, survey,
};
use kakoi_model::{
    Confidence, Container, ContainerId, Digest, ElfFacts, Fact, Facts, File, FileKind, Image,
    ImagePath, OfContent, OpenState,
};
use serde_json::{Value, json};

/// A program: its content, and which of nx, relro (`full`, `partial`, ``) and pie it has; `?` is undetermined.
struct Program(&'static str, char, &'static str, char);

fn elf(program: &Program, machine: &str) -> ElfFacts {
    let state = |sign: char| match sign {
        '+' => json!({"observed": {"is": "present", "value": null}}),
        '-' => json!({"observed": {"is": "absent"}, "absence": "not-requested"}),
        _ => json!({"observed": {"is": "undetermined", "value": {"code": "static"}}}),
    };
    let relro = match program.2 {
        "" => json!({"observed": {"is": "absent"}, "absence": "not-requested"}),
        degree => json!({"observed": {"is": "present", "value": degree}}),
    };
    let without = json!({"observed": {"is": "absent"}, "absence": "not-applicable"});
    let absent: Value = json!({"is": "absent"});
    serde_json::from_value(json!({
        "bits": 32, "endian": "big", "machine": machine, "role": "executable",
        "linkage": {"is": "present", "value": "dynamic"}, "libc": without, "compiler": absent, "symbols": absent,
        "hardening": {
            "nx": state(program.1), "pie": state(program.3), "relro": relro,
            "stack_protector": without, "fortify": without, "stack_clash": without, "control_flow": without,
            "search_path": absent, "text_relocations": absent, "writable_executable": absent,
        },
    }))
    .unwrap()
}

/// An image of these programs, each at `/bin/NAME`, and a file of its own.
fn record(name: &str, place: (&str, &str, &str, &str), programs: &[Program]) -> Record {
    let (vendor, model, version, released) = place;
    let digest = Digest::of(name.as_bytes());
    let mut lines = vec![Fact::Image(Image {
        schema: 1,
        tool: "kakoi test".to_owned(),
        name: name.to_owned(),
        size: 1000,
        digest,
        scanned_at: Some(1),
        confined: true,
    })];
    lines.push(Fact::Container(Container {
        id: ContainerId(0),
        parent: None,
        blob: digest,
        offset: 0,
        size: 1000,
        format: "squashfs".to_owned(),
        confidence: Confidence::Structure,
        state: OpenState::Full,
        attributes: Default::default(),
        entries: programs.len() as u64,
        root: true,
    }));
    for program in programs {
        let bin = program.0.split('#').next().unwrap();
        lines.push(file(&format!("/bin/{bin}"), Digest::of(program.0.as_bytes())));
    }
    for program in programs {
        let digest = Digest::of(program.0.as_bytes());
        lines.push(Fact::Elf(OfContent { digest, facts: elf(program, "mips") }));
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let place = Place {
        source: format!("/images/{name}"),
        size: 1000,
        modified: 7,
        vendor: some(vendor),
        model: some(model),
        version: some(version),
        released: some(released),
        url: None,
    };
    Record { place, facts: Facts { lines }, ..Record::default() }
}

fn file(path: &str, digest: Digest) -> Fact {
    Fact::File(File {
        container: ContainerId(0),
        path: ImagePath::from(path),
        kind: FileKind::Regular { digest, size: 100 },
        mode: None,
        uid: None,
        gid: None,
        mtime: None,
        xattrs: Default::default(),
    })
}

fn golden() -> Vec<Record> {
    vec![
        record(
            "a1",
            ("Acme", "R1", "1.0", "2014-03-01"),
            &[Program("busybox", '+', "full", '-'), Program("httpd#1", '+', "partial", '+')],
        ),
        // The update loses NX in httpd, and RELRO.
        record(
            "a2",
            ("Acme", "R1", "1.1", "2016-05-01"),
            &[Program("busybox", '+', "full", '-'), Program("httpd#2", '-', "", '?')],
        ),
        record(
            "b1",
            ("Bolt", "X", "", "2016"),
            &[Program("busybox", '+', "full", '-'), Program("cam", '?', "", '-')],
        ),
        record("c1", ("", "", "", ""), &[Program("lone", '-', "", '-')]),
    ]
}

fn filled(folder: &Path, records: impl IntoIterator<Item = Record>) -> Corpus {
    let mut corpus = Corpus::open(folder).unwrap();
    records.into_iter().for_each(|record| corpus.add(&record).unwrap());
    // The first image in another place.
    let place = Place {
        source: "/copies/a1".to_owned(),
        vendor: Some("Clone".to_owned()),
        ..Place::default()
    };
    assert!(corpus.add_place(&Digest::of(b"a1"), &place).unwrap());
    corpus
}

fn dump(corpus: &Corpus) -> Vec<Vec<Cell>> {
    let question = "SELECT source, vendor, year, path, digest, nx, pie, relro, full_relro FROM elf ORDER BY 1, 4";
    query(corpus, question, 1000).unwrap().rows
}

#[test]
fn numbers_are_those_of_a_hand_count() {
    let folder = tempfile::tempdir().unwrap();
    let found = survey(&filled(folder.path(), golden())).unwrap();
    let it = &found.numbers;
    assert_eq!((it.places, it.images, it.distinct_images), (5, 4, 4));
    assert_eq!((it.unpacked_full, it.unpacked_partial, it.unpacked_nothing), (4, 0, 0));
    // busybox, httpd 1 and 2, cam, lone; the copy of a1 counts in places.
    assert_eq!((it.programs, it.program_places, it.files, it.undated), (5, 9, 7, 1));
    let of = |dimension, group: &str, mitigation: &str| {
        let same = |it: &&kakoi_corpus::Adoption| {
            it.dimension == dimension && it.group == group && it.mitigation == mitigation
        };
        let it = found.adoption.iter().find(same).unwrap_or_else(|| panic!("{group} {mitigation}"));
        let states = [&it.distinct, &it.places]
            .map(|count| (count.present, count.absent, count.undetermined, count.not_applicable));
        (it.images, states, it.share)
    };
    let (images, [distinct, places], share) = of(Dimension::All, "all", "nx");
    assert_eq!((images, distinct, places), (4, (2, 2, 1, 0), (6, 2, 1, 0)));
    // Wilson, 2 of 4: 0.5 and, by hand, (0.5 + 0.4802) / 1.9604 -+ 0.3499.
    let share = share.unwrap();
    assert_eq!(
        format!("{:.4} {:.4} {:.4}", share.share, share.low, share.high),
        "0.5000 0.1500 0.8500"
    );
    assert_eq!(of(Dimension::All, "all", "full_relro").1[0], (1, 4, 0, 0));
    assert_eq!(of(Dimension::All, "all", "relro").1[0], (2, 3, 0, 0));
    assert_eq!(of(Dimension::All, "all", "pie").1[0], (1, 3, 1, 0));
    assert_eq!(of(Dimension::All, "all", "fortify").1[0], (0, 0, 0, 5));
    assert_eq!(of(Dimension::All, "all", "fortify").2, None);
    assert_eq!(of(Dimension::Vendor, "Acme", "nx").1, [(2, 1, 0, 0), (3, 1, 0, 0)]);
    assert_eq!(of(Dimension::Vendor, "Clone", "nx").1[0], (2, 0, 0, 0));
    assert_eq!(of(Dimension::Vendor, "unknown", "nx").1[0], (0, 1, 0, 0));
    assert_eq!(
        (of(Dimension::Year, "2016", "nx").0, of(Dimension::Year, "2016", "nx").1[0]),
        (2, (1, 1, 1, 0))
    );
    assert_eq!(of(Dimension::Architecture, "mips-be", "nx").1[0], (2, 2, 1, 0));
    let sql = query(
        &Corpus::read(folder.path()).unwrap(),
        "SELECT vendor, avg(nx) FROM elf WHERE vendor = 'Acme' GROUP BY vendor",
        10,
    );
    assert_eq!(sql.unwrap().rows, [vec![Cell::Text("Acme".into()), Cell::Real(0.75)]]);
}

#[test]
fn an_update_that_drops_a_mitigation_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let found = survey(&filled(folder.path(), golden())).unwrap();
    let told: Vec<(&str, &str, &str)> = found
        .regressions
        .iter()
        .map(|it| (it.kind, it.subject.as_str(), it.change.as_str()))
        .collect();
    let lost = |name| ("mitigation-lost", "/bin/httpd", name);
    assert_eq!(told, [lost("nx: present -> absent"), lost("relro: present -> absent")]);
    assert_eq!(
        (found.regressions[0].old.as_str(), found.regressions[0].new.as_str()),
        ("1.0", "1.1")
    );
}

#[test]
fn the_order_of_adding_and_adding_twice_change_nothing() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let forth = filled(one.path(), golden());
    let mut back: Vec<Record> = golden();
    back.reverse();
    back.extend(golden());
    let back = filled(other.path(), back);
    assert_eq!(dump(&forth), dump(&back));
    assert_eq!(survey(&forth).unwrap(), survey(&back).unwrap());
    let place = &golden()[0].place;
    assert_eq!(forth.knows(place).unwrap(), Known::Unchanged);
    assert_eq!(forth.knows(&Place { modified: 8, ..place.clone() }).unwrap(), Known::New);
}

#[test]
fn relatives_share_files_across_vendors() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = filled(folder.path(), golden());
    let found = lineage(&corpus, "b1", 10).unwrap();
    let names: Vec<&str> = found.relatives.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a1", "a2"]);
    let first = &found.relatives[0];
    assert!(first.other_vendor && first.shared == 1 && first.files[0].path == "/bin/busybox");
    assert!(found.to_dot().contains("1 files"));
    assert!(matches!(lineage(&corpus, "nobody", 10), Err(CorpusError::Unknown(_))));
}

#[test]
fn damaged_tables_are_noticed_and_made_again_with_all_places() {
    let folder = tempfile::tempdir().unwrap();
    let before = dump(&filled(folder.path(), golden()));
    assert!(check(folder.path(), false).unwrap().is_whole());
    let tables = folder.path().join("corpus.sqlite");
    let mut bytes = fs::read(&tables).unwrap();
    let middle = bytes.len() / 2;
    bytes[100..middle].fill(0xa5);
    fs::write(&tables, bytes).unwrap();
    let _ = fs::remove_file(folder.path().join("corpus.sqlite-wal"));
    let found = check(folder.path(), false).unwrap();
    assert!(found.tables.is_some() && !found.repaired, "{found:?}");
    assert!(check(folder.path(), true).unwrap().repaired);
    assert!(check(folder.path(), false).unwrap().is_whole());
    assert_eq!(dump(&Corpus::read(folder.path()).unwrap()), before);
}

#[test]
fn a_damaged_record_costs_its_image_until_that_is_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = filled(folder.path(), golden());
    let before = dump(&corpus);
    let path = corpus.record_path(&Digest::of(b"a2"));
    drop(corpus);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    fs::write(folder.path().join("records/x.1.part"), "half").unwrap();
    let found = check(folder.path(), true).unwrap();
    assert_eq!(
        (found.damaged.len(), found.parts, found.lost.as_slice()),
        (1, 1, ["/images/a2".to_owned()].as_slice())
    );
    let mut corpus = Corpus::open(folder.path()).unwrap();
    let place = &golden()[1].place;
    assert_eq!(corpus.knows(place).unwrap(), Known::New);
    assert!(!corpus.add_place(&Digest::of(b"a2"), place).unwrap(), "it has to be scanned again");
    corpus.add(&golden()[1]).unwrap();
    assert_eq!(dump(&corpus), before);
}

#[test]
fn a_record_without_rows_is_taken_in_without_a_scan() {
    let folder = tempfile::tempdir().unwrap();
    let mut corpus = Corpus::open(folder.path()).unwrap();
    let record = &golden()[0];
    // As a process leaves it that is killed between the two.
    record.write(&corpus.record_path(&Digest::of(b"a1"))).unwrap();
    assert_eq!(check(folder.path(), false).unwrap().without_rows, 1);
    assert!(corpus.add_place(&Digest::of(b"a1"), &record.place).unwrap());
    assert_eq!(dump(&corpus).len(), 2);
    assert!(check(folder.path(), false).unwrap().is_whole());
}

#[test]
fn an_image_belongs_to_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Corpus::open(folder.path()).unwrap(), Corpus::open(folder.path()).unwrap());
    let image = Digest::of(b"a1");
    let held = one.lock(&image).unwrap();
    assert!(held.is_some() && other.lock(&image).unwrap().is_none());
    assert!(other.lock(&Digest::of(b"a2")).unwrap().is_some());
    drop(held);
    assert!(other.lock(&image).unwrap().is_some());
}

#[test]
fn questions_cannot_change_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), golden()));
    let corpus = Corpus::read(folder.path()).unwrap();
    for question in
        ["DELETE FROM image", "DROP TABLE image", "SELECT nonsense", "PRAGMA user_version = 9"]
    {
        assert!(query(&corpus, question, 1).is_err(), "{question}");
    }
    assert_eq!(query(&corpus, "SELECT count(*) FROM image", 1).unwrap().rows, [[Cell::Integer(4)]]);
}
