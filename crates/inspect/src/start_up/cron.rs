// SPDX-License-Identifier: Apache-2.0
//! Jobs of cron: user tables, `/etc/crontab`, `/etc/cron.d`.

use std::rc::Rc;

use kakoi_model::{ImagePath, StartCertainty, StartMechanism};

use super::boot::{Boot, Launch};
use super::context::Context;
use super::shell::{Scope, Script, Shell, parse_script};

/// Directories with one table per user.
const USER_TABLES: &[&str] =
    &["/etc/crontabs", "/var/spool/cron/crontabs", "/var/spool/cron", "/etc/cron/crontabs"];
/// Lines of one table.
const MAX_LINES: usize = 500;

/// Jobs of a cron daemon that starts.
pub(super) fn start_jobs(boot: &mut Boot<'_>, launch: &Launch) {
    let named = launch.words.iter().skip_while(|word| word.text != "-c").nth(1);
    let named = named.and_then(|word| word.value()).map(ImagePath::from);
    let context = launch.context.clone();
    for directory in named.into_iter().chain(USER_TABLES.iter().map(|name| (*name).into())) {
        for table in boot.root().children(&directory) {
            let user = String::from_utf8_lossy(table.path.file_name()).into_owned();
            start_table(boot, &table.path, Some(&user), &context);
        }
    }
    start_system_tables(boot, &context);
}

/// Tables whose daemon was not seen to start: possible, not more.
pub(super) fn start_without_daemon(boot: &mut Boot<'_>) {
    let seen = boot.found.start_ups().iter().any(|known| known.mechanism == StartMechanism::Cron);
    if !seen {
        let context = Context::of_kernel().at_most(StartCertainty::Possible);
        start_system_tables(boot, &context);
    }
}

fn start_system_tables(boot: &mut Boot<'_>, context: &Context) {
    start_table(boot, &"/etc/crontab".into(), None, context);
    for table in boot.root().children(&"/etc/cron.d".into()) {
        start_table(boot, &table.path, None, context);
    }
}

fn start_table(boot: &mut Boot<'_>, path: &ImagePath, user: Option<&str>, context: &Context) {
    let Some(text) = boot.read_text(path) else { return };
    let script = Rc::new(Script { path: path.clone(), text: text.clone() });
    for (number, line) in (1_u32..).zip(text.lines().take(MAX_LINES)) {
        let Some((user, command)) = parse_job(line, user) else { continue };
        let mut context =
            context.clone().by(StartMechanism::Cron).at_most(StartCertainty::Conditional);
        context.user = user;
        let commands = parse_script(command);
        let scope = Scope::of_init();
        let mut shell = Shell::new(boot, Rc::clone(&script), "sh".to_owned(), scope, context);
        shell.line_base = number - 1;
        shell.follow(&commands);
    }
}

/// User and command of a line; tables of the system name the user in the line.
fn parse_job<'t>(line: &'t str, user: Option<&str>) -> Option<(String, &'t str)> {
    let line = line.trim();
    let starts = line.chars().next()?;
    let mut rest = line;
    if starts == '@' {
        rest = next_field(rest)?.1;
    } else if starts.is_ascii_digit() || starts == '*' {
        for _ in 0..5 {
            rest = next_field(rest)?.1;
        }
    } else {
        return None;
    }
    match user {
        Some(user) => Some((user.to_owned(), rest)),
        None => {
            let (user, command) = next_field(rest)?;
            Some((user.to_owned(), command))
        }
    }
}

fn next_field(text: &str) -> Option<(&str, &str)> {
    let (field, rest) = text.split_once(char::is_whitespace)?;
    Some((field, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_their_user_and_command() {
        let job =
            |line, user| parse_job(line, user).map(|(user, command)| (user, command.to_owned()));
        let expect = |user: &str, command: &str| Some((user.to_owned(), command.to_owned()));
        assert_eq!(job("0 3 * * * /bin/up -q", Some("root")), expect("root", "/bin/up -q"));
        assert_eq!(job("*/5 *  * * *\twww /bin/x", None), expect("www", "/bin/x"));
        assert_eq!(job("@reboot /bin/y", Some("a")), expect("a", "/bin/y"));
        assert_eq!(job("PATH=/bin", None), None);
        assert_eq!(job("# 1 2 3 4 5 x", None), None);
    }
}
