// SPDX-License-Identifier: Apache-2.0
//! Links `S??name` in run-level directories, in the order of their names.

use kakoi_model::{Evidence, File, ImagePath, StartMechanism};

use super::boot::{Boot, Launch};
use super::context::Context;
use super::shell::{Scope, Text};

/// Where run levels lie: `%` stands for the level.
const DIRECTORIES: &[&str] = &["/etc/rc%.d", "/etc/rc.d/rc%.d", "/etc/init.d/rc%.d"];

/// `S` and then the default run level; of unknown levels the usual 2 and 5, the first that there is.
pub(super) fn start_all(boot: &mut Boot<'_>, context: &Context, level: Option<char>) {
    let levels: &[char] = match level {
        Some('S' | 's') => &['S'],
        Some(_) => &[],
        None => &['S', '2'],
    };
    let own = level.filter(|level| level.is_ascii_digit());
    for level in levels.iter().copied().chain(own) {
        for pattern in DIRECTORIES {
            let directory = ImagePath::from(pattern.replace('%', &level.to_string()).as_str());
            let context = context.clone().by(StartMechanism::SysvRunLevel);
            start_links(boot, &directory, &context, "start");
        }
    }
}

/// `startpar -M start -R 2` of Debian's rc starts the links of a level side by side.
pub(super) fn start_parallel(boot: &mut Boot<'_>, launch: &Launch) {
    let value = |option: &str| {
        let mut words = launch.words.iter().skip_while(|word| word.text != option).skip(1);
        words.next().and_then(Text::value)
    };
    let level = value("-R").and_then(|level| level.chars().next());
    if let (Some("start" | "boot"), Some(level)) = (value("-M"), level) {
        start_all(boot, &launch.context, Some(level));
    }
}

/// What systemd-sysv-generator(8) starts: links of the usual run level, without those that
/// `has_unit`.
pub(super) fn start_for_systemd(
    boot: &mut Boot<'_>,
    context: &Context,
    has_unit: &dyn Fn(&str) -> bool,
) {
    let context = context.clone().by(StartMechanism::SysvRunLevel);
    start_some_links(boot, &"/etc/rc3.d".into(), &context, "start", &|name| !has_unit(name));
}

/// procd runs `/etc/rc.d/S*` with `boot`.
pub(super) fn start_procd_links(boot: &mut Boot<'_>, context: &Context) {
    let context = context.clone().by(StartMechanism::Procd);
    start_links(boot, &"/etc/rc.d".into(), &context, "boot");
}

fn start_links(boot: &mut Boot<'_>, directory: &ImagePath, context: &Context, action: &str) {
    start_some_links(boot, directory, context, action, &|_| true);
}

fn start_some_links(
    boot: &mut Boot<'_>,
    directory: &ImagePath,
    context: &Context,
    action: &str,
    wanted: &dyn Fn(&str) -> bool,
) {
    let links: Vec<&File> = boot
        .root()
        .children(directory)
        .into_iter()
        .filter(|link| is_start_link(link.path.file_name()))
        .filter(|link| {
            let name = String::from_utf8_lossy(link.path.file_name());
            wanted(name.trim_start_matches('S').trim_start_matches(|c: char| c.is_ascii_digit()))
        })
        .collect();
    for link in links {
        let place = boot.root().place(&link.path);
        let evidence = Evidence::new("run-level link").in_file(place);
        let name = String::from_utf8_lossy(link.path.as_bytes()).into_owned();
        let words = vec![Text::known(format!("/{name}")), Text::known(action)];
        let context = context.with(evidence);
        boot.start(Launch { words, context, scope: Scope::of_init() });
    }
}

fn is_start_link(name: &[u8]) -> bool {
    matches!(name, [b'S', digit, _, ..] if digit.is_ascii_digit())
}
