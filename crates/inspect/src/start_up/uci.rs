// SPDX-License-Identifier: Apache-2.0
//! Files of `/etc/config` (OpenWrt's UCI): `config type 'name'`, `option name 'value'`, `list`.

/// Sections of one file.
const MAX_SECTIONS: usize = 2000;

/// One configuration file.
#[derive(Debug, Default)]
pub(super) struct Package {
    sections: Vec<Section>,
}

#[derive(Debug, Default)]
struct Section {
    kind: String,
    name: String,
    options: Vec<(String, String)>,
}

impl Package {
    /// Reads a file; lines that are not understood are passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut package = Self::default();
        for line in text.lines() {
            let words = split_words(line);
            match words.as_slice() {
                [keyword, kind, name @ ..] if keyword == "config" => {
                    if package.sections.len() >= MAX_SECTIONS {
                        break;
                    }
                    let index = package.sections.iter().filter(|own| own.kind == *kind).count();
                    let name = name.first().cloned();
                    let name = name.unwrap_or_else(|| format!("@{kind}[{index}]"));
                    package.sections.push(Section { kind: kind.clone(), name, options: vec![] });
                }
                [keyword, option, value] if keyword == "option" || keyword == "list" => {
                    if let Some(section) = package.sections.last_mut() {
                        section.options.push((option.clone(), value.clone()));
                    }
                }
                _ => {}
            }
        }
        package
    }

    /// Names of the sections of a type, or of all.
    pub(super) fn names(&self, kind: Option<&str>) -> Vec<String> {
        let wanted =
            |section: &&Section| kind.is_none_or(|kind| kind.is_empty() || section.kind == kind);
        self.sections.iter().filter(wanted).map(|section| section.name.clone()).collect()
    }

    /// The value of an option; those of a list with blanks between.
    pub(super) fn value(&self, section: &str, option: &str) -> Option<String> {
        if option == "TYPE" {
            return Some(self.sections.iter().find(|own| own.name == section)?.kind.clone());
        }
        let values = self.values(section, option);
        (!values.is_empty()).then(|| values.join(" "))
    }

    /// The values of a list.
    pub(super) fn values(&self, section: &str, option: &str) -> Vec<String> {
        let sections = self.sections.iter().filter(|own| own.name == section);
        let options = sections.flat_map(|section| &section.options);
        options.filter(|(name, _)| name == option).map(|(_, value)| value.clone()).collect()
    }
}

/// The words of a line; quotes hold words together, `#` begins a comment.
fn split_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_options_and_lists_are_read() {
        let package = Package::parse(
            "config uhttpd 'main'\n\toption home '/www'\n\tlist listen_http '0.0.0.0:80'\n\
             \tlist listen_http \"[::]:80\" # both\nconfig cert\n\toption days 730\nconfig cert\n",
        );
        assert_eq!(package.names(Some("cert")), ["@cert[0]", "@cert[1]"]);
        assert_eq!(package.value("main", "home").as_deref(), Some("/www"));
        assert_eq!(package.values("main", "listen_http"), ["0.0.0.0:80", "[::]:80"]);
        assert_eq!(package.value("@cert[0]", "days").as_deref(), Some("730"));
        assert_eq!(package.value("@cert[1]", "days"), None);
    }
}
