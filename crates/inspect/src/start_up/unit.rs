// SPDX-License-Identifier: Apache-2.0
//! One systemd unit: its file, its drop-ins, its settings (systemd.syntax(7)).

use kakoi_model::{FileKind, ImagePath};

use super::boot::Boot;
use super::shell::Text;

/// Where units lie, those that win first (systemd.unit(5)).
pub(super) const DIRECTORIES: &[&str] = &[
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Settings of one unit.
const MAX_SETTINGS: usize = 1000;

/// A unit.
pub(super) struct Unit {
    /// Its name, links followed, instance kept.
    pub(super) name: String,
    /// Its file.
    pub(super) path: ImagePath,
    settings: Vec<Setting>,
}

/// `Key=value` of a section.
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) file: ImagePath,
    pub(super) line: usize,
}

impl Unit {
    /// Loads a unit; none when it is not there or masked.
    pub(super) fn load(boot: &Boot<'_>, name: &str) -> Option<Self> {
        let path = find_file(boot, name)?;
        let file = boot.root().file(&path)?;
        if file.size() == 0 {
            return None;
        }
        let own = String::from_utf8_lossy(file.path.file_name()).into_owned();
        let name = if own.contains("@.") { name.to_owned() } else { own };
        let mut unit = Self { name, path: file.path.clone(), settings: Vec::new() };
        unit.read(boot, &file.path.clone());
        for directory in DIRECTORIES {
            let drop_ins = ImagePath::from(*directory).join(format!("{}.d", unit.name));
            for file in boot.root().children(&drop_ins) {
                unit.read(boot, &file.path);
            }
        }
        Some(unit)
    }

    fn read(&mut self, boot: &Boot<'_>, path: &ImagePath) {
        let Some(text) = boot.read_text(path) else { return };
        let mut lines = (1..).zip(text.lines());
        while let Some((line, text)) = lines.next() {
            let mut text = text.trim().to_owned();
            if text.starts_with(['#', ';']) {
                continue;
            }
            while text.ends_with('\\') && text.len() < 8192 {
                text.pop();
                let Some((_, next)) = lines.next() else { break };
                text.push_str(next.trim());
            }
            let Some((key, value)) = text.split_once('=') else { continue };
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            if value.is_empty() {
                self.settings.retain(|setting| setting.key != key);
            } else if self.settings.len() < MAX_SETTINGS {
                self.settings.push(Setting { key, value, file: path.clone(), line });
            }
        }
    }

    /// All settings of a key.
    pub(super) fn all<'u>(&'u self, key: &'u str) -> impl Iterator<Item = &'u Setting> {
        self.settings.iter().filter(move |setting| setting.key == key)
    }

    /// The last setting of a key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        let last = self.settings.iter().rev().find(|setting| setting.key == key);
        last.map(|setting| setting.value.as_str())
    }

    /// Settings whose key begins with `prefix`.
    pub(super) fn beginning<'u>(&'u self, prefix: &'u str) -> impl Iterator<Item = &'u Setting> {
        self.settings.iter().filter(move |setting| setting.key.starts_with(prefix))
    }

    /// Units that this one pulls in, by settings and by links.
    pub(super) fn wanted(&self, boot: &Boot<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for key in ["Requires", "Wants", "BindsTo", "Upholds", "Requisite"] {
            for setting in self.all(key) {
                names.extend(setting.value.split_whitespace().map(|name| self.specify(name)));
            }
        }
        for directory in DIRECTORIES {
            for kind in ["wants", "requires"] {
                let links = ImagePath::from(*directory).join(format!("{}.{kind}", self.name));
                let links = boot.root().children(&links);
                names.extend(
                    links
                        .iter()
                        .map(|link| String::from_utf8_lossy(link.path.file_name()).into_owned()),
                );
            }
        }
        names
    }

    /// The commands of a setting such as `ExecStart=`.
    pub(super) fn commands(&self, setting: &Setting) -> Vec<Vec<Text>> {
        let mut commands = Vec::new();
        for part in setting.value.split(" ; ") {
            let part = part.trim();
            let program = part.trim_start_matches(['-', '@', ':', '+', '!', '|']);
            let renames = part[..part.len() - program.len()].contains('@');
            let mut words = self.words(program);
            if renames && words.len() > 1 {
                words.remove(1);
            }
            if !words.is_empty() {
                commands.push(words);
            }
        }
        commands
    }

    fn words(&self, command: &str) -> Vec<Text> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for character in command.chars() {
            match (quote, character) {
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words.into_iter().filter_map(|word| self.expand(&self.specify(&word))).collect()
    }

    /// `$NAME` as a whole word is the value of `Environment=`, or nothing.
    fn expand(&self, word: &str) -> Option<Text> {
        let Some((before, name)) = word.split_once('$') else { return Some(Text::known(word)) };
        let name = name.trim_start_matches('{').trim_end_matches('}');
        let assigned = self.all("Environment").find_map(|setting| {
            let words = setting.value.split_whitespace().map(|word| word.trim_matches('"'));
            words.filter_map(|word| word.split_once('=')).find(|(own, _)| *own == name)
        });
        match assigned {
            Some((_, value)) => Some(Text::known(format!("{before}{value}"))),
            None if self.value("EnvironmentFile").is_none() && before.is_empty() => None,
            None => Some(Text::unknown(word)),
        }
    }

    /// Replaces the specifiers that a name or command may carry.
    fn specify(&self, text: &str) -> String {
        if !text.contains('%') {
            return text.to_owned();
        }
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
        text.replace("%i", instance)
            .replace("%I", instance)
            .replace("%p", prefix)
            .replace("%n", &self.name)
            .replace("%N", stem)
            .replace("%%", "%")
    }
}

/// The file of a unit: its own, or that of its template.
fn find_file(boot: &Boot<'_>, name: &str) -> Option<ImagePath> {
    let template = match (name.find('@'), name.rfind('.')) {
        (Some(at), Some(dot)) if at < dot => {
            Some(format!("{}{}", name.get(..=at)?, name.get(dot..)?))
        }
        _ => None,
    };
    for name in std::iter::once(name).chain(template.as_deref()) {
        for directory in DIRECTORIES {
            let path = ImagePath::from(*directory).join(name);
            if let Some(entry) = boot.root().entry(&path) {
                let masked =
                    matches!(&entry.kind, FileKind::Symlink { target } if target == "/dev/null");
                return (!masked).then_some(path);
            }
        }
    }
    None
}
