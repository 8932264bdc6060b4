// SPDX-License-Identifier: Apache-2.0
//! Writes HTML in which text cannot become markup.
//!
//! Why not a template engine: there, one `|safe` or one attribute without quotes lets an image
//! write into the page. Here names of elements and attributes are `&'static str`, so they come
//! from this program's source, and everything else passes through one escaping function. It also
//! costs no dependency.

use crate::text::visible;

/// A page being written.
pub(crate) struct Markup {
    text: String,
}

/// Attributes: names of this program, values of anybody.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    pub(crate) fn new() -> Self {
        Self { text: String::new() }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Markup of this program.
    pub(crate) fn raw(&mut self, markup: &'static str) {
        self.text.push_str(markup);
    }

    /// Text, escaped, hidden characters made visible.
    pub(crate) fn text(&mut self, text: &str) {
        push_escaped(&mut self.text, &visible(text));
    }

    /// An element around what `inside` writes.
    pub(crate) fn within(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        inside(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element around text.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.within(name, attributes, |page| page.text(text));
    }

    /// The start tag of an element; for those without an end tag (`meta`, `rect`) it is all.
    pub(crate) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            if !value.is_empty() {
                self.text.push_str("=\"");
                push_escaped(&mut self.text, &visible(value));
                self.text.push('"');
            }
        }
        self.text.push('>');
    }
}

fn push_escaped(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_cannot_leave_their_place() {
        let mut page = Markup::new();
        let hostile = "</td><script>\"'&\u{202e}";
        page.leaf("td", &[("title", hostile)], hostile);
        let inside = "&lt;/td&gt;&lt;script&gt;&quot;&#39;&amp;\\u{202e}";
        assert_eq!(page.finish(), format!("<td title=\"{inside}\">{inside}</td>"));
    }
}
