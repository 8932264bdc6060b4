// SPDX-License-Identifier: Apache-2.0
//! Commands: lists, pipelines, groups, loops, conditions. Always gives something.

use crate::scanner::{Scanner, is_name};
use crate::syntax::{
    Command, Compound, Damage, Joint, Node, Operator, Redirect, Script, Simple, Structure, Word,
};

/// Groups and substitutions inside each other; deeper ones are passed over.
pub const MAX_DEPTH: usize = 24;
/// Commands, words and expansions of one text, those inside groups and substitutions included.
pub const MAX_ITEMS: usize = 100_000;

/// Words that end a list where they stand for a command.
const CLOSING: [&[u8]; 8] = [b"then", b"else", b"elif", b"fi", b"do", b"done", b"esac", b"}"];

/// Reads a text, one line or many.
#[must_use]
pub fn parse_script(text: &[u8]) -> Script {
    let mut parser = Parser::new(text, 0, MAX_ITEMS);
    let commands = parser.parse_everything();
    parser.note_unless(parser.left > 0, Damage::TooMany);
    parser.damage.sort_unstable();
    let awaited = std::mem::take(&mut parser.awaited).into_iter().map(|(word, _)| word);
    Script {
        commands,
        awaited: parser.open.into_iter().chain(awaited).collect(),
        damage: parser.damage,
    }
}

/// Reads commands from a scanner.
pub(crate) struct Parser<'t> {
    pub(crate) scanner: Scanner<'t>,
    pub(crate) depth: usize,
    pub(crate) left: usize,
    damage: Vec<Damage>,
    /// Delimiters of here-documents whose bodies begin after this line, and whether tabs go.
    awaited: Vec<(Vec<u8>, bool)>,
    bodies: Vec<Vec<u8>>,
    /// Delimiters that never came.
    open: Vec<Vec<u8>>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t [u8], depth: usize, left: usize) -> Self {
        let scanner = Scanner::new(text);
        Self { scanner, depth, left, damage: vec![], awaited: vec![], bodies: vec![], open: vec![] }
    }

    /// Every command to the end, closing words that nothing opened passed over.
    fn parse_everything(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        loop {
            self.parse_list(&mut commands);
            if self.scanner.at_end() || self.left == 0 {
                fill_here_documents(&mut commands, &mut self.bodies);
                return commands;
            }
            self.note(Damage::Stray);
            self.skip_closing();
        }
    }

    fn skip_closing(&mut self) {
        let word = self.scanner.plain_word();
        let length = if CLOSING.contains(&word) { word.len() } else { 1 };
        self.scanner.advance(length);
    }

    pub(crate) fn note(&mut self, damage: Damage) {
        if !self.damage.contains(&damage) {
            self.damage.push(damage);
        }
    }

    pub(crate) fn note_unless(&mut self, well: bool, damage: Damage) {
        if !well {
            self.note(damage);
        }
    }

    pub(crate) fn depth_left(&self) -> bool {
        self.depth < MAX_DEPTH
    }

    /// Commands of a text of its own, such as that of backticks.
    pub(crate) fn parse_inside(&mut self, text: &[u8]) -> Vec<Command> {
        if !self.depth_left() {
            self.note(Damage::TooDeep);
            return Vec::new();
        }
        let mut parser = Parser::new(text, self.depth + 1, self.left);
        let commands = parser.parse_everything();
        self.left = parser.left;
        parser.damage.into_iter().for_each(|damage| self.note(damage));
        commands
    }

    /// The commands of `$(`, `<(` or `(` up to and over the closing parenthesis.
    pub(crate) fn parse_substitution(&mut self) -> Vec<Command> {
        if !self.depth_left() {
            self.note(Damage::TooDeep);
            self.skip_to_close(1);
            return Vec::new();
        }
        let mut commands = Vec::new();
        self.depth += 1;
        loop {
            self.parse_list(&mut commands);
            if self.scanner.take(b")") {
                break;
            }
            if self.scanner.at_end() || self.left == 0 {
                self.note(Damage::Unclosed);
                break;
            }
            self.note(Damage::Stray);
            self.skip_closing();
        }
        self.depth -= 1;
        commands
    }

    /// Passes over `((…))`, the position being at its first parenthesis.
    pub(crate) fn skip_balanced(&mut self) {
        self.skip_to_close(0);
    }

    fn skip_to_close(&mut self, mut open: usize) {
        while let Some(byte) = self.scanner.next() {
            match byte {
                b'(' => open += 1,
                b')' => open = open.saturating_sub(1),
                b'\\' => self.scanner.advance(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
        self.note(Damage::Unclosed);
    }

    /// Commands up to something that ends the list.
    fn parse_list(&mut self, commands: &mut Vec<Command>) {
        loop {
            self.skip_separators();
            if self.scanner.at_end() || self.ends_list() {
                return;
            }
            if self.left == 0 {
                return;
            }
            let Some(node) = self.parse_pipeline() else { return };
            let joint = self.take_joint();
            commands.push(Command { node, joint });
        }
    }

    /// Blanks, line ends, and separators before which no command stands.
    fn skip_separators(&mut self) {
        loop {
            self.scanner.skip_blanks();
            match self.scanner.peek() {
                Some(b'\n') => {
                    self.scanner.advance(1);
                    self.read_here_documents();
                }
                Some(b';') if !self.scanner.looking_at(b";;") => self.scanner.advance(1),
                Some(b'&') if !self.scanner.looking_at(b"&>") => self.scanner.advance(1),
                Some(b'|') => self.scanner.advance(1),
                _ => return,
            }
        }
    }

    fn ends_list(&self) -> bool {
        self.scanner.looking_at(b")")
            || self.scanner.looking_at(b";;")
            || CLOSING.contains(&self.scanner.plain_word())
    }

    fn take_joint(&mut self) -> Joint {
        self.scanner.skip_blanks();
        if self.scanner.take(b"&&") {
            Joint::And
        } else if self.scanner.take(b"||") {
            Joint::Or
        } else if !self.scanner.looking_at(b"&>") && self.scanner.take(b"&") {
            Joint::Background
        } else {
            Joint::Then
        }
    }

    fn parse_pipeline(&mut self) -> Option<Node> {
        self.scanner.skip_blanks();
        while self.scanner.take_word(b"!") {
            self.scanner.skip_blanks();
        }
        let mut nodes = vec![self.parse_command()?];
        loop {
            self.scanner.skip_blanks();
            if self.left == 0 || self.scanner.looking_at(b"||") || !self.scanner.take(b"|") {
                break;
            }
            if self.scanner.looking_at(b"&") && !self.scanner.looking_at(b"&&") {
                self.scanner.advance(1);
            }
            self.skip_line_ends();
            match self.parse_command() {
                Some(node) => nodes.push(node),
                None => break,
            }
        }
        if nodes.len() == 1 { nodes.pop() } else { Some(Node::Pipeline(nodes)) }
    }

    fn skip_line_ends(&mut self) {
        self.scanner.skip_blanks();
        while self.scanner.take(b"\n") {
            self.scanner.skip_blanks();
        }
    }

    fn parse_command(&mut self) -> Option<Node> {
        self.left = self.left.saturating_sub(1);
        if self.scanner.looking_at(b"(") {
            self.scanner.advance(1);
            let body = self.parse_substitution();
            return Some(self.compound(Structure::Subshell, body));
        }
        let word = self.scanner.plain_word();
        let opens: [&[u8]; 7] = [b"{", b"if", b"while", b"until", b"for", b"case", b"function"];
        if opens.contains(&word) {
            if self.depth_left() {
                self.depth += 1;
                self.scanner.advance(word.len());
                let node = self.parse_compound(word);
                self.depth -= 1;
                return Some(node);
            }
            self.note(Damage::TooDeep);
        }
        self.parse_simple()
    }

    fn parse_compound(&mut self, word: &[u8]) -> Node {
        let (structure, body) = match word {
            b"{" => (Structure::Braces, self.parse_until(&[b"}"])),
            b"if" => (Structure::If, self.parse_until(&[b"fi"])),
            b"for" => return self.parse_for(),
            b"case" => (Structure::Case, self.parse_case()),
            b"function" => {
                self.scanner.skip_blanks();
                let name = self.scanner.plain_word();
                self.scanner.advance(name.len());
                self.scanner.skip_blanks();
                self.scanner.take(b"()");
                return self.parse_function(name);
            }
            _ => (Structure::Loop, self.parse_until(&[b"done"])),
        };
        self.compound(structure, body)
    }

    fn compound(&mut self, structure: Structure, body: Vec<Command>) -> Node {
        let mut redirects = Vec::new();
        self.parse_redirects(&mut redirects);
        Node::Compound(Compound { structure, body, redirects })
    }

    /// The lists up to one of the words; `then`, `do`, `else`, `elif` between them are passed over.
    fn parse_until(&mut self, ends: &[&[u8]]) -> Vec<Command> {
        const BETWEEN: [&[u8]; 4] = [b"then", b"else", b"elif", b"do"];
        let mut commands = Vec::new();
        loop {
            self.parse_list(&mut commands);
            let word = self.scanner.plain_word();
            if ends.contains(&word) {
                self.scanner.advance(word.len());
                return commands;
            }
            if BETWEEN.contains(&word) {
                self.scanner.advance(word.len());
                continue;
            }
            self.note(Damage::OpenCompound);
            return commands;
        }
    }

    fn parse_for(&mut self) -> Node {
        self.scanner.skip_blanks();
        if self.scanner.looking_at(b"((") {
            self.skip_balanced();
            let body = self.parse_until(&[b"done"]);
            return self.compound(Structure::Loop, body);
        }
        let name = self.scanner.plain_word();
        self.scanner.advance(name.len());
        self.skip_line_ends();
        let mut words = Vec::new();
        if self.scanner.take_word(b"in") {
            words = self.parse_words();
        }
        let body = self.parse_until(&[b"done"]);
        let name = String::from_utf8_lossy(name).into_owned();
        self.compound(Structure::For { name, words }, body)
    }

    fn parse_words(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        loop {
            self.scanner.skip_blanks();
            match self.parse_word() {
                Some(word) => words.push(word),
                None => return words,
            }
        }
    }

    fn parse_case(&mut self) -> Vec<Command> {
        self.scanner.skip_blanks();
        let _ = self.parse_word();
        self.skip_line_ends();
        self.scanner.take_word(b"in");
        let mut commands = Vec::new();
        loop {
            self.skip_separators();
            if self.scanner.take_word(b"esac") {
                return commands;
            }
            self.scanner.take(b"(");
            let (_, found) = self.scanner.take_until(b')');
            if !found {
                self.note(Damage::OpenCompound);
                return commands;
            }
            self.parse_list(&mut commands);
            if !self.scanner.take(b";;") && self.scanner.plain_word() != b"esac" {
                self.note(Damage::OpenCompound);
                return commands;
            }
        }
    }

    fn parse_function(&mut self, name: &[u8]) -> Node {
        self.skip_line_ends();
        let body = match self.parse_command() {
            Some(Node::Compound(Compound { structure: Structure::Braces, body, .. })) => body,
            Some(node) => vec![Command { node, joint: Joint::Then }],
            None => Vec::new(),
        };
        let structure = Structure::Function(String::from_utf8_lossy(name).into_owned());
        Node::Compound(Compound { structure, body, redirects: Vec::new() })
    }

    fn parse_simple(&mut self) -> Option<Node> {
        let mut simple = Simple::default();
        loop {
            self.scanner.skip_blanks();
            self.parse_redirects(&mut simple.redirects);
            if simple.words.is_empty()
                && let Some(assignment) = self.parse_assignment()
            {
                simple.assignments.push(assignment);
                continue;
            }
            let Some(word) = self.parse_word() else { break };
            if simple.words.is_empty()
                && self.scanner.looking_at(b"()")
                && let Some(name) = word.plain()
                && self.depth_left()
            {
                self.scanner.advance(2);
                self.depth += 1;
                let node = self.parse_function(name);
                self.depth -= 1;
                return Some(node);
            }
            simple.words.push(word);
        }
        let empty =
            simple.words.is_empty() && simple.assignments.is_empty() && simple.redirects.is_empty();
        if empty && !self.scanner.at_end() && !self.ends_list() {
            // `a (b)`: a parenthesis where no command can start.
            self.note(Damage::Stray);
        }
        (!empty).then_some(Node::Simple(simple))
    }

    /// `NAME=word` or `NAME+=word`, if that comes next.
    fn parse_assignment(&mut self) -> Option<(String, Word)> {
        let rest = self.scanner.rest();
        let length = rest.iter().position(|&byte| !is_name(byte))?;
        let (name, after) = rest.split_at(length);
        let starts = name.first().is_some_and(|byte| !byte.is_ascii_digit());
        let sign = if after.starts_with(b"+=") { 2 } else { 1 };
        if !starts || !(after.starts_with(b"=") || sign == 2) {
            return None;
        }
        self.scanner.advance(length + sign);
        if self.scanner.looking_at(b"(") {
            self.skip_balanced();
            return Some((String::from_utf8_lossy(name).into_owned(), Word::default()));
        }
        let value = self.parse_word().unwrap_or_default();
        Some((String::from_utf8_lossy(name).into_owned(), value))
    }

    fn parse_redirects(&mut self, redirects: &mut Vec<Redirect>) {
        loop {
            self.scanner.skip_blanks();
            let tabs = self.scanner.looking_at(b"<<-");
            let Some((descriptor, operator)) = self.scanner.take_redirect() else { return };
            self.scanner.skip_blanks();
            let target = self.parse_word().unwrap_or_default();
            if operator == Operator::HereDocument {
                self.awaited.push((delimiter(&target), tabs));
            }
            redirects.push(Redirect { descriptor, operator, target, body: None });
        }
    }

    /// At the start of a line: the bodies of the here-documents that the line before announced.
    fn read_here_documents(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.awaited) {
            let mut body = Vec::new();
            let mut ended = false;
            while !self.scanner.at_end() {
                let (line, _) = self.scanner.take_until(b'\n');
                let stripped = line.iter().position(|&byte| !tabs || byte != b'\t');
                let line = line.get(stripped.unwrap_or(line.len())..).unwrap_or_default();
                if line.strip_suffix(b"\r").unwrap_or(line) == delimiter {
                    ended = true;
                    break;
                }
                body.extend_from_slice(line);
                body.push(b'\n');
            }
            self.bodies.push(body);
            if !ended {
                self.open.push(delimiter);
            }
        }
    }
}

fn delimiter(word: &Word) -> Vec<u8> {
    let text = word.parts.iter().filter_map(|part| match part {
        crate::syntax::Part::Text { bytes, .. } => Some(bytes.as_slice()),
        _ => None,
    });
    text.collect::<Vec<_>>().concat()
}

/// Gives the bodies, which were read in order, to the here-documents, which stand in order.
fn fill_here_documents(commands: &mut [Command], bodies: &mut Vec<Vec<u8>>) {
    bodies.reverse();
    commands.iter_mut().for_each(|command| fill_node(&mut command.node, bodies));
}

fn fill_node(node: &mut Node, bodies: &mut Vec<Vec<u8>>) {
    match node {
        Node::Simple(simple) => fill_redirects(&mut simple.redirects, bodies),
        Node::Pipeline(nodes) => nodes.iter_mut().for_each(|node| fill_node(node, bodies)),
        Node::Compound(compound) => {
            compound.body.iter_mut().for_each(|command| fill_node(&mut command.node, bodies));
            fill_redirects(&mut compound.redirects, bodies);
        }
    }
}

fn fill_redirects(redirects: &mut [Redirect], bodies: &mut Vec<Vec<u8>>) {
    for redirect in redirects {
        if redirect.operator == Operator::HereDocument && redirect.body.is_none() {
            redirect.body = bodies.pop();
        }
    }
}
