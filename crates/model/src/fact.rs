// SPDX-License-Identifier: Apache-2.0
//! One line of `facts.jsonl`, and all lines of one scan.

use serde::{Deserialize, Serialize};

use crate::{
    Account, BackendFit, Component, Container, Digest, ElfFacts, File, KernelFacts, Listener,
    Permission, Problem, Region, SdkMark, Secret, StartUp, UpdateMark,
};

/// One fact: what was observed, never a judgement. Serialised as one JSON object with a `fact` tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// The first line: what was scanned, and by what.
    Image(Image),
    /// A part of a content that a format opened.
    Container(Container),
    /// A stretch of a content.
    Region(Region),
    /// Something that could not be read.
    Problem(Problem),
    /// An entry of a container.
    File(File),
    /// What kind of content a digest is, when it is not a container: `text`, `script`, `elf`, …
    Content(Content),
    /// An ELF file, by content.
    Elf(OfContent<ElfFacts>),
    /// A kernel, by content.
    Kernel(OfContent<KernelFacts>),
    /// A program that starts at boot.
    StartUp(StartUp),
    /// A component.
    Component(Component),
    /// An account.
    Account(Account),
    /// A key, certificate or token.
    Secret(Secret),
    /// A notable permission.
    Permission(Permission),
    /// A listening service.
    Listener(Listener),
    /// An SDK mark.
    SdkMark(SdkMark),
    /// An update mark.
    UpdateMark(UpdateMark),
    /// Whether a defence fits.
    Backend(BackendFit),
}

/// Facts about a content, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfContent<T> {
    /// The content.
    pub digest: Digest,
    /// What is known of it.
    #[serde(flatten)]
    pub facts: T,
}

/// Kind of a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The content.
    pub digest: Digest,
    /// `empty`, `elf`, `script`, `text`, `html`, `image`, `data`, …
    pub kind: String,
    /// For scripts: the interpreter of the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
}

/// What was scanned, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Version of the schema of these lines.
    pub schema: u32,
    /// `kakoi 0.1.0`.
    pub tool: String,
    /// The name that the user gave, last part only, escaped.
    pub name: String,
    /// Length in bytes; for a directory the sum of its files.
    pub size: u64,
    /// Digest of the image; for a directory the digest of its sorted listing.
    pub digest: Digest,
    /// When the scan ran, seconds since 1970-01-01 UTC. The only line part that differs between
    /// two runs on equal input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<i64>,
    /// Were the parsers confined? False only after `--no-sandbox`.
    pub confined: bool,
}

/// All facts of one scan, in a fixed order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The lines.
    pub lines: Vec<Fact>,
}

macro_rules! select {
    ($($name:ident: $variant:ident => $type:ty,)*) => {
        impl Facts {
            $(
                #[doc = concat!("All [`", stringify!($variant), "`](Fact::", stringify!($variant), ") facts, in order.")]
                pub fn $name(&self) -> impl Iterator<Item = &$type> {
                    self.lines.iter().filter_map(|fact| match fact {
                        Fact::$variant(value) => Some(value),
                        _ => None,
                    })
                }
            )*
        }
    };
}

select! {
    images: Image => Image,
    containers: Container => Container,
    regions: Region => Region,
    problems: Problem => Problem,
    files: File => File,
    contents: Content => Content,
    elves: Elf => OfContent<ElfFacts>,
    kernels: Kernel => OfContent<KernelFacts>,
    start_ups: StartUp => StartUp,
    components: Component => Component,
    accounts: Account => Account,
    secrets: Secret => Secret,
    permissions: Permission => Permission,
    listeners: Listener => Listener,
    sdk_marks: SdkMark => SdkMark,
    update_marks: UpdateMark => UpdateMark,
    backends: Backend => BackendFit,
}

/// A line of `facts.jsonl` that is not a fact of this schema.
#[derive(Debug)]
pub struct FactSyntax {
    /// Line number from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for FactSyntax {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for FactSyntax {}

impl Facts {
    /// The image line, if there is one.
    pub fn image(&self) -> Option<&Image> {
        self.images().next()
    }

    /// Renders JSON lines.
    ///
    /// # Errors
    /// A value that JSON cannot hold (none of the model's types has one).
    pub fn to_json_lines(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for fact in &self.lines {
            text.push_str(&serde_json::to_string(fact)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads JSON lines; blank lines are passed over.
    ///
    /// # Errors
    /// The first line that is not a fact, or an image line of a newer schema.
    pub fn from_json_lines(text: &str) -> Result<Self, FactSyntax> {
        let mut facts = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fact: Fact = serde_json::from_str(line)
                .map_err(|error| FactSyntax { line: index + 1, reason: error.to_string() })?;
            if let Fact::Image(image) = &fact
                && image.schema > crate::SCHEMA_VERSION
            {
                let reason =
                    format!("schema {} is newer than {}", image.schema, crate::SCHEMA_VERSION);
                return Err(FactSyntax { line: index + 1, reason });
            }
            facts.lines.push(fact);
        }
        Ok(facts)
    }
}
