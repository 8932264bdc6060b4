// SPDX-License-Identifier: Apache-2.0
//! The tables. docs/CORPUS.md documents them for those who ask in SQL.
//!
//! Digests are lower-case hexadecimal. A mitigation is `present`, `absent`, `undetermined`, or `not-applicable` (there is
//! nothing that it would protect); in the view `elf` the first two are 1 and 0 and the others NULL, so that `avg` is the share
//! among the decided.

/// Rises with each change of the tables. Tables of another version are made again from the records.
pub const VERSION: u32 = 1;

/// The mitigations of a program, in the order of their columns.
pub const MITIGATIONS: [&str; 9] = [
    "nx",
    "pie",
    "relro",
    "full_relro",
    "stack_protector",
    "fortify",
    "stack_clash",
    "control_flow",
    "no_search_path",
];

/// Makes the tables.
pub(crate) const TABLES: &str = r"
CREATE TABLE image(
  id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, size INTEGER NOT NULL,
  same_files TEXT NOT NULL, architecture TEXT, sdk TEXT, sdk_family TEXT, kernel TEXT,
  unpacked TEXT NOT NULL, containers INTEGER NOT NULL, problems INTEGER NOT NULL,
  files INTEGER NOT NULL, programs INTEGER NOT NULL, tool TEXT NOT NULL, confined INTEGER NOT NULL);
CREATE INDEX image_same_files ON image(same_files);
CREATE TABLE place(
  source TEXT PRIMARY KEY, image INTEGER NOT NULL REFERENCES image(id), size INTEGER NOT NULL, modified INTEGER NOT NULL,
  vendor TEXT, model TEXT, version TEXT, released TEXT, year INTEGER, url TEXT) WITHOUT ROWID;
CREATE INDEX place_image ON place(image);
CREATE TABLE content(
  id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, kind TEXT);
CREATE TABLE path(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE file(
  image INTEGER NOT NULL REFERENCES image(id), container INTEGER NOT NULL, path INTEGER NOT NULL REFERENCES path(id),
  content INTEGER NOT NULL REFERENCES content(id), PRIMARY KEY(image, container, path)) WITHOUT ROWID;
CREATE TABLE holder(
  content INTEGER NOT NULL REFERENCES content(id), image INTEGER NOT NULL REFERENCES image(id), places INTEGER NOT NULL,
  PRIMARY KEY(content, image)) WITHOUT ROWID;
CREATE TABLE program(
  content INTEGER PRIMARY KEY REFERENCES content(id), machine TEXT NOT NULL, bits INTEGER NOT NULL, endian TEXT NOT NULL,
  role TEXT NOT NULL, linkage TEXT, libc TEXT, libc_version TEXT, compiler TEXT, symbols TEXT, soname TEXT, build_id TEXT,
  nx TEXT NOT NULL, pie TEXT NOT NULL, relro TEXT NOT NULL, full_relro TEXT NOT NULL, stack_protector TEXT NOT NULL,
  fortify TEXT NOT NULL, stack_clash TEXT NOT NULL, control_flow TEXT NOT NULL, no_search_path TEXT NOT NULL,
  why TEXT);
CREATE TABLE image_program(
  image INTEGER NOT NULL REFERENCES image(id), content INTEGER NOT NULL REFERENCES program(content),
  places INTEGER NOT NULL, PRIMARY KEY(image, content)) WITHOUT ROWID;
CREATE TABLE kernel(
  image INTEGER NOT NULL REFERENCES image(id), digest TEXT NOT NULL, release TEXT NOT NULL, version TEXT NOT NULL,
  machine TEXT, config TEXT NOT NULL, built TEXT, PRIMARY KEY(image, digest)) WITHOUT ROWID;
CREATE TABLE kernel_hardening(
  image INTEGER NOT NULL REFERENCES image(id), digest TEXT NOT NULL, option TEXT NOT NULL, wanted TEXT NOT NULL,
  verdict TEXT NOT NULL, found TEXT, PRIMARY KEY(image, digest, option)) WITHOUT ROWID;
CREATE TABLE lsm(
  image INTEGER NOT NULL REFERENCES image(id), digest TEXT NOT NULL, name TEXT NOT NULL, compiled TEXT NOT NULL,
  enabled TEXT NOT NULL, policy_present TEXT NOT NULL, policy_loaded TEXT NOT NULL,
  PRIMARY KEY(image, digest, name)) WITHOUT ROWID;
CREATE TABLE component(
  image INTEGER NOT NULL REFERENCES image(id), name TEXT NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL,
  found_by TEXT NOT NULL, supplier TEXT, license TEXT, purl TEXT, cpe TEXT,
  PRIMARY KEY(image, name, version, found_by)) WITHOUT ROWID;
CREATE TABLE start_up(
  image INTEGER NOT NULL REFERENCES image(id), command TEXT NOT NULL, program TEXT, mechanism TEXT NOT NULL,
  certainty TEXT NOT NULL, user TEXT NOT NULL);
CREATE INDEX start_up_image ON start_up(image);
CREATE TABLE account(
  image INTEGER NOT NULL REFERENCES image(id), name TEXT NOT NULL, uid INTEGER, password TEXT NOT NULL);
CREATE INDEX account_image ON account(image);
CREATE TABLE sdk_mark(
  image INTEGER NOT NULL REFERENCES image(id), vendor TEXT NOT NULL, family TEXT, weight INTEGER NOT NULL,
  evidence TEXT NOT NULL);
CREATE INDEX sdk_mark_image ON sdk_mark(image);
CREATE TABLE sketch(content INTEGER PRIMARY KEY REFERENCES content(id), code BLOB NOT NULL, texts BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE sketch_hash(
  kind INTEGER NOT NULL, hash INTEGER NOT NULL, content INTEGER NOT NULL REFERENCES content(id),
  PRIMARY KEY(kind, hash, content)) WITHOUT ROWID;
CREATE VIEW images AS SELECT place.*, image.digest, image.name, image.same_files, image.architecture, image.sdk,
  image.sdk_family, image.kernel, image.unpacked, image.files, image.programs
  FROM place JOIN image ON image.id = place.image;
CREATE VIEW files AS SELECT images.*, path.path, content.digest AS content_digest, content.size AS content_size, content.kind
  FROM images JOIN file ON file.image = images.image JOIN path ON path.id = file.path JOIN content ON content.id = file.content;
CREATE VIEW elf AS SELECT images.vendor, images.model, images.version, images.released, images.year, images.source,
  images.digest AS image_digest, images.architecture, images.sdk, path.path, content.digest, program.machine, program.bits,
  program.endian, program.role, program.linkage, program.libc, program.libc_version, program.compiler, program.symbols,
  CASE program.nx WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS nx,
  CASE program.pie WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS pie,
  CASE program.relro WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS relro,
  CASE program.full_relro WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS full_relro,
  CASE program.stack_protector WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS stack_protector,
  CASE program.fortify WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS fortify,
  CASE program.stack_clash WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS stack_clash,
  CASE program.control_flow WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS control_flow,
  CASE program.no_search_path WHEN 'present' THEN 1 WHEN 'absent' THEN 0 END AS no_search_path
  FROM images JOIN file ON file.image = images.image JOIN program ON program.content = file.content
  JOIN content ON content.id = file.content JOIN path ON path.id = file.path;
";
