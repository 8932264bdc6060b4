// SPDX-License-Identifier: Apache-2.0
//! Accounts: passwd(5), shadow(5), their templates, and scripts that write them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kakoi_model::{Account, Evidence, File, ImagePath, Password, escape};
use regex::bytes::{Captures, Regex};

use super::compile;
use crate::Root;

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024;
/// Accounts of one file.
const MAX_LINES: usize = 2000;

/// `echo "root::0:0:…" > /etc/passwd`, as the first boot of many devices does.
static WRITTEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r#"echo\s+(?:-\w+\s+)?["']?([^"'\s:]+):([^:"'\s]*):(\d+):(\d+):[^:]*:[^:]*:([^"'>\s]*)["']?\s*>+\s*\S*passwd"#,
    )
});
/// `echo root:admin | chpasswd`.
static CHANGED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(r#"echo\s+(?:-\w+\s+)?["']?([A-Za-z0-9_.-]+):([^"'\s|$]+)["']?\s*\|\s*\S*chpasswd"#)
});

/// One line of a password file.
struct Line {
    name: String,
    field: String,
    uid: Option<u32>,
    shell: Option<String>,
    evidence: Evidence,
}

/// Accounts of one root file system, ordered by name; one per name and password.
pub fn find_accounts(root: &Root<'_>) -> Vec<Account> {
    let mut lines = Vec::new();
    let mut shadow = Vec::new();
    let mut accounts = Vec::new();
    for file in root.files().filter(|file| file.size() <= MAX_FILE) {
        if let Some(kind) = kind_of(file) {
            let Some(text) = text_of(root, file) else { continue };
            match kind {
                Kind::Passwd => lines.extend(parse_passwd(root, file, &text)),
                Kind::Shadow => shadow.extend(parse_shadow(root, file, &text)),
                Kind::Web => accounts.extend(parse_web(root, file, &text)),
            }
        } else if is_script(root, file) {
            let Some(text) = text_of(root, file) else { continue };
            lines.extend(find_written(root, file, &text));
            accounts.extend(find_changed(root, file, &text));
        }
    }
    accounts.extend(join(lines, shadow));
    merge(accounts)
}

enum Kind {
    Passwd,
    Shadow,
    Web,
}

/// What a file is by its name. Programs and services carry the same names elsewhere.
fn kind_of(file: &File) -> Option<Kind> {
    let name = std::str::from_utf8(file.path.file_name()).ok()?;
    let stem = name.trim_end_matches('-').split(['.', '_']).next().unwrap_or_default();
    let parent = file.path.parent().unwrap_or_default();
    let elsewhere: &[&[u8]] = &[b"bin", b"sbin", b"pam.d", b"completions", b"xinetd.d", b"init.d"];
    if elsewhere.contains(&parent.file_name()) {
        return None;
    }
    match (stem, name) {
        ("passwd", _) | (_, "master.passwd") => Some(Kind::Passwd),
        ("shadow", _) => Some(Kind::Shadow),
        (_, ".htpasswd" | "htpasswd") => Some(Kind::Web),
        _ => None,
    }
}

fn text_of(root: &Root<'_>, file: &File) -> Option<String> {
    let content = root.content(file)?;
    let binary = content.iter().take(1024).any(|byte| *byte == 0);
    (!binary).then(|| String::from_utf8_lossy(&content).into_owned())
}

fn is_script(root: &Root<'_>, file: &File) -> bool {
    let head = || root.content(file).is_some_and(|content| content.starts_with(b"#!"));
    let in_etc = file.path.is_within(&"etc".into()) || file.path.is_within(&"etc_ro".into());
    file.path.file_name().ends_with(b".sh") || in_etc && file.size() > 0 || head()
}

fn evidence(root: &Root<'_>, file: &File, number: usize, line: &str, what: &str) -> Evidence {
    Evidence::new(what)
        .in_file(root.place(&file.path))
        .on_line(number)
        .with_excerpt(line.trim_end().as_bytes())
}

/// `name:password:uid:gid:…:home:shell`; ten fields in BSD's master.passwd.
fn parse_passwd(root: &Root<'_>, file: &File, text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, field, uid, _gid, ..] = fields.as_slice() else { continue };
        if name.is_empty() || name.starts_with(['#', '+', '-']) || !(5..=10).contains(&fields.len())
        {
            continue;
        }
        let Ok(uid) = uid.parse() else { continue };
        lines.push(Line {
            name: escape(name.as_bytes()),
            field: escape(field.as_bytes()),
            uid: Some(uid),
            shell: fields
                .last()
                .filter(|shell| shell.starts_with('/'))
                .map(|s| escape(s.trim().as_bytes())),
            evidence: evidence(root, file, number, line, "line of a password file"),
        });
    }
    lines
}

/// `name:password:last change:…`, nine fields or fewer.
fn parse_shadow(root: &Root<'_>, file: &File, text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, field, change, ..] = fields.as_slice() else { continue };
        let numeric = change.bytes().all(|byte| byte.is_ascii_digit());
        if name.is_empty() || name.starts_with('#') || !numeric || fields.len() > 9 {
            continue;
        }
        lines.push(Line {
            name: escape(name.as_bytes()),
            field: escape(field.as_bytes()),
            uid: None,
            shell: None,
            evidence: evidence(root, file, number, line, "line of a shadow file"),
        });
    }
    lines
}

/// `name:hash` of a web server.
fn parse_web(root: &Root<'_>, file: &File, text: &str) -> Vec<Account> {
    let lines = (1..).zip(text.lines().take(MAX_LINES));
    let parsed = lines.filter_map(|(number, line)| {
        let (name, field) = line.trim().split_once(':')?;
        let plain = !name.is_empty() && !field.contains([':', ' ']);
        plain.then(|| Account {
            name: escape(name.as_bytes()),
            uid: None,
            shell: None,
            password: password_of(field),
            evidence: evidence(root, file, number, line, "line of a web password file"),
        })
    });
    parsed.collect()
}

fn find_written(root: &Root<'_>, file: &File, text: &str) -> Vec<Line> {
    let Some(pattern) = WRITTEN.as_ref().filter(|_| text.contains("passwd")) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let Some(found) =
            pattern.captures(line.as_bytes()).filter(|_| !line.trim().starts_with('#'))
        else {
            continue;
        };
        lines.push(Line {
            name: escape(part(&found, 1)),
            field: escape(part(&found, 2)),
            uid: std::str::from_utf8(part(&found, 3)).ok().and_then(|uid| uid.parse().ok()),
            shell: Some(escape(part(&found, 5))).filter(|shell| !shell.is_empty()),
            evidence: evidence(root, file, number, line, "a script writes it"),
        });
    }
    lines
}

fn part<'t>(found: &Captures<'t>, at: usize) -> &'t [u8] {
    found.get(at).map_or(b"", |part| part.as_bytes())
}

fn find_changed(root: &Root<'_>, file: &File, text: &str) -> Vec<Account> {
    let Some(pattern) = CHANGED.as_ref().filter(|_| text.contains("chpasswd")) else {
        return Vec::new();
    };
    let mut accounts = Vec::new();
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let Some(found) =
            pattern.captures(line.as_bytes()).filter(|_| !line.trim().starts_with('#'))
        else {
            continue;
        };
        accounts.push(Account {
            name: escape(part(&found, 1)),
            uid: None,
            shell: None,
            password: Password::ClearText { field: escape(part(&found, 2)) },
            evidence: evidence(root, file, number, line, "a script sets the password"),
        });
    }
    accounts
}

/// Looks up what passwd leaves to shadow: first in the same directory, then anywhere.
fn join(lines: Vec<Line>, shadow: Vec<Line>) -> Vec<Account> {
    let directory =
        |line: &Line| -> Option<ImagePath> { line.evidence.file.as_ref()?.path.parent() };
    let mut used = vec![false; shadow.len()];
    let mut accounts = Vec::new();
    for line in lines {
        if line.field != "x" {
            accounts.push(account_of(&line, &line));
            continue;
        }
        let named = |place: &usize| shadow[*place].name == line.name;
        let places: Vec<usize> = (0..shadow.len()).filter(named).collect();
        let near: Vec<usize> = places
            .iter()
            .copied()
            .filter(|place| directory(&shadow[*place]) == directory(&line))
            .collect();
        let chosen = if near.is_empty() { places } else { near };
        if chosen.is_empty() {
            accounts.push(account_of(&line, &line));
        }
        for place in chosen {
            used[place] = true;
            accounts.push(account_of(&line, &shadow[place]));
        }
    }
    // A shadow file without its passwd, as when that is made at run time.
    let alone = shadow.iter().zip(used).filter(|(_, used)| !used);
    accounts.extend(alone.map(|(line, _)| account_of(line, line)));
    accounts
}

fn account_of(line: &Line, password: &Line) -> Account {
    Account {
        name: line.name.clone(),
        uid: line.uid,
        shell: line.shell.clone(),
        // In a shadow file there is nowhere else to look.
        password: match password_of(&password.field) {
            Password::Elsewhere if password.uid.is_none() => Password::Locked,
            state => state,
        },
        evidence: password.evidence.clone(),
    }
}

fn merge(accounts: Vec<Account>) -> Vec<Account> {
    let mut merged: BTreeMap<(String, String), Account> = BTreeMap::new();
    for account in accounts {
        let key = (account.name.clone(), format!("{:?}", account.password));
        let known = merged.entry(key).or_insert_with(|| account.clone());
        known.uid = known.uid.or(account.uid);
        known.shell = known.shell.clone().or(account.shell);
    }
    // `x` says nothing once a shadow line of the same name was found.
    let resolved: Vec<String> = merged
        .values()
        .filter(|account| account.password != Password::Elsewhere)
        .map(|account| account.name.clone())
        .collect();
    let open = |account: &Account| {
        account.password != Password::Elsewhere || !resolved.contains(&account.name)
    };
    merged.into_values().filter(open).collect()
}

/// What a password field says (crypt(5)).
fn password_of(field: &str) -> Password {
    const SCHEMES: &[(&str, &str)] = &[
        ("$1$", "md5"),
        ("$apr1$", "md5"),
        ("$md5", "md5"),
        ("$2", "bcrypt"),
        ("$5$", "sha256"),
        ("$6$", "sha512"),
        ("$y$", "yescrypt"),
        ("$gy$", "yescrypt"),
        ("$7$", "scrypt"),
    ];
    let hash = |scheme: &str| Password::Hash { scheme: scheme.to_owned(), field: field.to_owned() };
    let crypt = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    match field {
        "" => Password::Empty,
        "x" => Password::Elsewhere,
        _ => match SCHEMES.iter().find(|(prefix, _)| field.starts_with(prefix)) {
            Some((_, scheme)) => hash(scheme),
            None if field.len() == 13 && crypt(field) => hash("des"),
            None if field.len() == 20 && field.starts_with('_') && crypt(&field[1..]) => {
                hash("des")
            }
            // No password has this hash: `*`, `!`, `!$6$…`, `*LK*`.
            None => Password::Locked,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn shadow_lines_of_the_same_directory_win_and_templates_count() {
        let tree = Sketch::new()
            .file("/bin/passwd", 0o755, "a:b:0:0:c:d:/bin/sh\n")
            .file("/etc/passwd", 0o644, "root:x:0:0:root:/:/bin/ash\nnobody:*:99:99::/:/bin/false\nftp:x:5:5:::\n")
            .file("/etc/shadow", 0o600, "root:$1$GTN.gpri$DlSyKvZKMR9A9Uj9e9wR3/:15502:0:99999:7:::\n")
            .file("/etc/passwd.bak", 0o644, "admin:abJnggxhB/yWI:0:0:admin:/:/bin/sh\n")
            .file("/etc_ro/passwd", 0o644, "guest::500:500::/:/bin/sh\n")
            .file("/sbin/up.sh", 0o755, "#!/bin/sh\necho \"$login::0:0:Adminstrator:/:/bin/sh\" > /etc/passwd\necho root:admin | chpasswd\n#echo a:b | chpasswd\n");
        let found: Vec<String> = find_accounts(&tree.root())
            .iter()
            .map(|account| {
                let password = match &account.password {
                    Password::Hash { scheme, .. } => scheme.clone(),
                    Password::ClearText { field } => format!("clear {field}"),
                    other => format!("{other:?}"),
                };
                format!("{} {:?} {password}", account.name, account.uid)
            })
            .collect();
        assert_eq!(
            found,
            [
                "$login Some(0) Empty",
                "admin Some(0) des",
                "ftp Some(5) Elsewhere",
                "guest Some(500) Empty",
                "nobody Some(99) Locked",
                "root None clear admin",
                "root Some(0) md5",
            ]
        );
    }
}
