// SPDX-License-Identifier: Apache-2.0
//! Accounts, keys, listeners, permissions, update marks.

use kakoi_model::{
    Account, Listener, NotablePermission, Password, Permission, Secret, SecretKind, UpdateMark,
};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use crate::overview::Overview;
use crate::text::{day, place};

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    let facts = overview.facts;
    section(page, "surface", "Accounts, keys, listeners", |page| {
        page.raw("<h3>Listening services</h3>");
        write_listeners(page, &facts.listeners().collect::<Vec<_>>());
        page.raw("<h3>Accounts</h3>");
        write_accounts(page, &facts.accounts().collect::<Vec<_>>());
        page.raw("<h3>Keys, certificates and tokens</h3>");
        write_secrets(page, &facts.secrets().collect::<Vec<_>>());
        page.raw("<h3>Notable permissions</h3>");
        write_permissions(page, &facts.permissions().collect::<Vec<_>>());
        page.raw("<h3>Marks of the update mechanism</h3>");
        write_updates(page, &facts.update_marks().collect::<Vec<_>>());
    });
}

fn write_listeners(page: &mut Markup, listeners: &[&Listener]) {
    if listeners.is_empty() {
        return nothing(page, "No service that listens was seen.");
    }
    let columns = [
        Column::Text("Service"),
        Column::Code("Port"),
        Column::Code("Program"),
        Column::Text("Starts at boot"),
        Column::Text("Evidence"),
    ];
    let table = Table { caption: "Listening services", columns: &columns, most: 300 };
    table.write(page, listeners, |cells, listener| {
        cells.text(&listener.service);
        cells.text(listener.port.as_deref().unwrap_or("not told"));
        cells.text(&listener.program.as_ref().map(place).unwrap_or_default());
        cells.fact(&listener.starts_at_boot);
        cells.evidence(&listener.evidence);
    });
}

fn write_accounts(page: &mut Markup, accounts: &[&Account]) {
    if accounts.is_empty() {
        return nothing(page, "No account was found.");
    }
    let columns = [
        Column::Code("Name"),
        Column::Number("User"),
        Column::Code("Shell"),
        Column::Text("Password"),
        Column::Text("Evidence"),
    ];
    let table = Table { caption: "Accounts", columns: &columns, most: 500 };
    table.write(page, accounts, |cells, account| {
        cells.text(&account.name);
        cells.text(&account.uid.map(|uid| uid.to_string()).unwrap_or_default());
        cells.text(account.shell.as_deref().unwrap_or_default());
        cells.write(|page| write_password(page, &account.password));
        let mut evidence = account.evidence.clone();
        evidence.excerpt = None;
        cells.evidence(&[evidence]);
    });
}

fn write_password(page: &mut Markup, password: &Password) {
    let mut say = |class, text: &str| page.leaf("span", &[("class", class)], text);
    match password {
        Password::Empty => say("mark no", "none is asked"),
        Password::Locked => say("mark yes", "locked"),
        Password::Elsewhere => say("mark unknown", "in a file that is not in the image"),
        Password::Hash { scheme, field } => {
            say("mark none", scheme);
            page.raw(" ");
            page.leaf("code", &[], field);
        }
        Password::ClearText { .. } => say("mark no", "in clear text"),
    }
}

fn write_secrets(page: &mut Markup, secrets: &[&Secret]) {
    if secrets.is_empty() {
        return nothing(page, "No key, certificate or token was found.");
    }
    let columns = [
        Column::Text("Kind"),
        Column::Text("What"),
        Column::Code("Files"),
        Column::Text("Evidence"),
    ];
    let table = Table { caption: "Keys, certificates and tokens", columns: &columns, most: 600 };
    table.write(page, secrets, |cells, secret| {
        let (kind, what) = describe(&secret.kind);
        cells.text(kind);
        cells.text(&what);
        let mut files: Vec<String> = secret.files.iter().take(4).map(place).collect();
        if secret.files.len() > files.len() {
            files.push(format!("and {} more", secret.files.len() - files.len()));
        }
        cells.text(&files.join(", "));
        let mut evidence = secret.evidence.clone();
        evidence.excerpt = None;
        cells.evidence(&[evidence]);
    });
}

fn describe(kind: &SecretKind) -> (&'static str, String) {
    match kind {
        SecretKind::PrivateKey { algorithm, bits, encrypted, encoding, .. } => {
            let bits = bits.map(|bits| format!(" {bits} bits")).unwrap_or_default();
            let lock = if *encrypted { "with pass phrase" } else { "without pass phrase" };
            ("private key", format!("{algorithm}{bits}, {encoding}, {lock}"))
        }
        SecretKind::Certificate {
            subject,
            not_before,
            not_after,
            key,
            signature,
            private_key_present,
            ..
        } => {
            let pair = if *private_key_present { ", private key in the image" } else { "" };
            let (from, to) = (day(*not_before), day(*not_after));
            ("certificate", format!("{subject}; {from} to {to}; {key}; {signature}{pair}"))
        }
        SecretKind::AuthorizedKey { key } => ("authorised key", key.clone()),
        SecretKind::Token { kind } => ("token", kind.clone()),
    }
}

fn write_permissions(page: &mut Markup, permissions: &[&Permission]) {
    if permissions.is_empty() {
        return nothing(page, "No notable permission was found.");
    }
    let columns = [
        Column::Code("File"),
        Column::Code("Mode"),
        Column::Number("Owner"),
        Column::Text("What is notable"),
    ];
    let table = Table { caption: "Notable permissions", columns: &columns, most: 800 };
    table.write(page, permissions, |cells, permission| {
        cells.text(&place(&permission.file));
        cells.text(&format!("{:04o}", permission.mode));
        cells.text(&permission.uid.map(|uid| uid.to_string()).unwrap_or_default());
        cells.text(match permission.notable {
            NotablePermission::SetUserId => "runs as its owner",
            NotablePermission::SetGroupId => "runs as its group",
            NotablePermission::WorldWritable => "anybody may change it",
            NotablePermission::WorldWritableDirectory => "anybody may change what is in it",
            NotablePermission::Capabilities => "carries capabilities",
        });
    });
}

fn write_updates(page: &mut Markup, marks: &[&UpdateMark]) {
    if marks.is_empty() {
        return nothing(page, "No mark of an update mechanism was seen.");
    }
    let columns = [Column::Text("Kind"), Column::Code("What"), Column::Text("Evidence")];
    let table = Table { caption: "Marks of the update mechanism", columns: &columns, most: 300 };
    table.write(page, marks, |cells, mark| {
        cells.text(&mark.kind);
        cells.text(&mark.subject);
        cells.evidence(&mark.evidence);
    });
}
