// SPDX-License-Identifier: Apache-2.0
//! The first program: which file the kernel starts, and what kind of init it is.
//!
//! Candidates are those of `kernel_init` (init/main.c): `/init` of an initramfs, then `/sbin/init`,
//! `/etc/init`, `/bin/init`, `/bin/sh`; `/linuxrc` and `/etc/preinit` are named by vendors with
//! `init=`.

use kakoi_model::{Evidence, File, ImagePath, StartCertainty, StartMechanism};
use memchr::memmem;

use super::boot::{Boot, Launch};
use super::context::Context;
use super::inittab::{self, Lines};
use super::resolve::{Target, TargetKind};
use super::shell::{Scope, Text};
use super::{openrc, run_level, systemd};

const CANDIDATES: &[&str] = &[
    "/init",
    "/sbin/init",
    "/usr/sbin/init",
    "/etc/init",
    "/bin/init",
    "/usr/bin/init",
    "/linuxrc",
];
/// Longest init that is searched for its strings, in bytes.
const MAX_INIT_BYTES: u64 = 16 << 20;

/// Kinds of init programs.
enum Kind {
    BusyBox,
    SysV,
    Procd,
    Systemd,
    OpenRc,
    /// Some other program.
    Own,
}

/// An init that a script starts, as that of an initramfs does.
pub(super) fn start_by_script(boot: &mut Boot<'_>, launch: &Launch, target: &Target<'_>) {
    if let Some(file) = target.file
        && !boot.init_started
        && launch.words.len() < 2
    {
        let context = Context { service: false, ..launch.context.clone() };
        start_kind(boot, file, &context.by(StartMechanism::Kernel));
    }
}

/// Is this `/init` only for an initramfs that goes on to `/sbin/init` of the same tree?
fn only_passes_on(boot: &Boot<'_>, path: &ImagePath) -> bool {
    let text = boot.read_text(path).unwrap_or_default();
    let leaves = ["switch_root", "pivot_root", "run-init", "chroot", "mount "];
    text.starts_with("#!")
        && text.contains("exec /sbin/init")
        && !leaves.iter().any(|word| text.contains(word))
        && boot.root().file(&"/sbin/init".into()).is_some()
}

/// Follows the boot of one root file system.
pub(super) fn start(boot: &mut Boot<'_>) {
    let present: Vec<ImagePath> = CANDIDATES
        .iter()
        .map(|name| ImagePath::from(*name))
        .filter(|path| boot.root().entry(path).is_some() && !only_passes_on(boot, path))
        .collect();
    let early = ImagePath::from("/etc/preinit");
    let has_preinit = boot.root().file(&early).is_some();
    let Some((first, others)) = present.split_first() else {
        return start_without_init(boot);
    };
    start_candidate(boot, first, StartCertainty::Always);
    for other in others {
        let file = boot.root().file(other).map(|file| boot.root().place(&file.path));
        let same = boot.root().file(other).is_some_and(|file| {
            let first = boot.root().file(first);
            first.is_some_and(|first| first.digest() == file.digest())
        });
        let known = file.is_some_and(|file| boot.found.has(&file, StartCertainty::Possible));
        if !same && !known && other.file_name() == b"init" {
            start_candidate(boot, other, StartCertainty::Conditional);
        }
    }
    if has_preinit && !boot.found.start_ups().iter().any(|known| known.command == "/etc/preinit") {
        // Older OpenWrt: the kernel is told `init=/etc/preinit`, in a command line that is not here.
        let context = kernel_context(boot, &early).by(StartMechanism::RcScript);
        let context = context.at_most(StartCertainty::Conditional);
        start_words(boot, &["/etc/preinit"], context, Scope::of_init());
    }
}

fn start_candidate(boot: &mut Boot<'_>, path: &ImagePath, certainty: StartCertainty) {
    let context = kernel_context(boot, path).at_most(certainty);
    let name = path.absolute();
    let target = boot.resolver.resolve(&name, &Scope::of_init());
    if !matches!(target.kind, TargetKind::Program) {
        // A script, or a link to something that is not in the image.
        start_words(boot, &[&name], context.by(StartMechanism::Kernel), Scope::of_init());
        return;
    }
    let launch = Launch {
        words: vec![Text::known(name)],
        context: Context { service: true, ..context.clone() },
        scope: Scope::of_init(),
    };
    boot.record(&launch, &target);
    if let Some(file) = target.file {
        start_kind(boot, file, &context);
    }
}

fn start_kind(boot: &mut Boot<'_>, file: &File, context: &Context) {
    if std::mem::replace(&mut boot.init_started, true) {
        return;
    }
    let content = if file.size() <= MAX_INIT_BYTES { boot.root().content(file) } else { None };
    let content = content.unwrap_or_default();
    match kind_of(boot, file, &content) {
        Kind::Systemd => systemd::start(boot, context),
        Kind::Procd => start_procd(boot, context),
        Kind::OpenRc => {
            openrc::start(boot, context);
            start_inittab(boot, &content, context);
        }
        Kind::SysV | Kind::BusyBox => start_inittab(boot, &content, context),
        Kind::Own => start_by_own(boot, &content, context),
    }
}

fn kind_of(boot: &Boot<'_>, file: &File, content: &[u8]) -> Kind {
    let has = |text: &str| memmem::find(content, text.as_bytes()).is_some();
    if file.path.file_name() == b"systemd" {
        Kind::Systemd
    } else if file.path.file_name() == b"openrc-init" {
        Kind::OpenRc
    } else if has("BusyBox v") || boot.resolver.is_multi_call(file) && content.is_empty() {
        Kind::BusyBox
    } else if has("/etc/preinit") && (has("procd") || has("ubus")) {
        Kind::Procd
    } else if has("INIT_VERSION") && has("initdefault") {
        Kind::SysV
    } else {
        Kind::Own
    }
}

/// A vendor's own init: what it names in its strings it reads, when is not known. What it does not
/// name may still be read by a name that it puts together.
fn start_by_own(boot: &mut Boot<'_>, init: &[u8], context: &Context) {
    let names = |text: &[u8]| memmem::find(init, text).is_some();
    let certainty = match (names(b"inittab"), names(b"rcS")) {
        (true, _) => StartCertainty::Always,
        (false, true) => StartCertainty::Conditional,
        (false, false) => StartCertainty::Possible,
    };
    start_inittab(boot, init, &context.clone().at_most(certainty));
}

/// `inittab` where the program says it is (vendors move it), otherwise in its usual place.
fn start_inittab(boot: &mut Boot<'_>, init: &[u8], context: &Context) {
    let named = |suffix: &str| {
        find_names(init, suffix).into_iter().find(|path| boot.root().file(path).is_some())
    };
    let usual = ImagePath::from("/etc/inittab");
    let table = named("inittab").or_else(|| boot.root().file(&usual).map(|_| usual));
    let script = named("rcS");
    if let Some(table) = table {
        return inittab::start(boot, &table, context, Lines::Init);
    }
    // Without a table BusyBox runs the script that it was built with, and shells on the console.
    let script = script.unwrap_or_else(|| "/etc/init.d/rcS".into());
    if boot.root().file(&script).is_some() {
        let context = context.clone().by(StartMechanism::RcScript);
        start_words(boot, &[&script.absolute()], context, Scope::of_init());
    }
}

/// procd (`initd/init.c`, `initd/preinit.c`, `state.c`): preinit scripts, then ubusd, inittab,
/// and the links in `/etc/rc.d`.
fn start_procd(boot: &mut Boot<'_>, context: &Context) {
    let early = context.clone().by(StartMechanism::Procd);
    let mut scope = Scope::of_init();
    scope.pass_on("PREINIT", "1");
    start_words(boot, &["/sbin/kmodloader", "/etc/modules-boot.d/"], early.clone(), scope.clone());
    start_words(boot, &["/etc/preinit"], early.clone(), scope);
    let stays = Context { service: true, ..early };
    for words in [&["/sbin/procd"][..], &["/sbin/ubusd"]] {
        start_words(boot, words, stays.clone(), Scope::of_init());
    }
    let table = ImagePath::from("/etc/inittab");
    if boot.root().file(&table).is_some() {
        inittab::start(boot, &table, context, Lines::Procd);
    } else {
        run_level::start_procd_links(boot, context);
    }
}

/// Parts of a root file system without an init: what an init would read is still read.
fn start_without_init(boot: &mut Boot<'_>) {
    let context = Context::of_kernel();
    let table = ImagePath::from("/etc/inittab");
    if boot.root().file(&table).is_some() {
        return inittab::start(boot, &table, &context, Lines::Init);
    }
    for script in ["/etc/init.d/rcS", "/etc/rcS", "/etc/rc.d/rcS", "/etc/rc"] {
        if boot.root().file(&script.into()).is_some() {
            let context = context.clone().by(StartMechanism::RcScript);
            return start_words(boot, &[script], context, Scope::of_init());
        }
    }
    if boot.root().entry(&"/etc/systemd/system".into()).is_some() {
        systemd::start(boot, &context);
    } else {
        run_level::start_all(boot, &context, None);
    }
}

fn kernel_context(boot: &Boot<'_>, path: &ImagePath) -> Context {
    let place = boot.root().place(path);
    Context::of_kernel().with(Evidence::new("the kernel starts it").in_file(place))
}

fn start_words(boot: &mut Boot<'_>, words: &[&str], context: Context, scope: Scope) {
    let words: Vec<Text> = words.iter().map(|word| Text::known(*word)).collect();
    let target = boot.resolver.resolve(&words[0].text, &scope);
    if target.file.is_some() {
        boot.start(Launch { words, context, scope });
    }
}

/// Absolute names in a binary that end with `suffix`.
fn find_names(content: &[u8], suffix: &str) -> Vec<ImagePath> {
    let mut names = Vec::new();
    for end in memmem::find_iter(content, suffix.as_bytes()).take(50) {
        let after = end + suffix.len();
        let ends = content.get(after).is_none_or(|&byte| byte == 0);
        let printable = |&byte: &u8| byte.is_ascii_graphic();
        let length =
            content[..end].iter().rev().take(100).take_while(|byte| printable(byte)).count();
        let name = &content[end - length..after];
        if ends && name.first() == Some(&b'/') {
            names.push(ImagePath::new(name));
        }
    }
    names
}
