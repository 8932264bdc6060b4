// SPDX-License-Identifier: Apache-2.0
//! Commands of a shell script. Nothing is run.
//!
//! A stretch that does not parse is passed over line by line and leaves a [`Command::Damage`], so
//! that one unusual line does not hide the rest of a script.

use std::rc::Rc;

use super::syntax::{Command, Joint, Redirect, Simple, Word};
use super::words::{Scanner, Syntax};

/// Compound commands inside each other; more is damage.
const MAX_DEPTH: usize = 40;
/// Longest script that is read, in bytes.
pub(in crate::start_up) const MAX_SCRIPT_BYTES: usize = 512 * 1024;

const RESERVED: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

/// Parses a whole script.
pub(in crate::start_up) fn parse_script(text: &str) -> Command {
    let mut parser = Parser::new(Scanner::new(text), 0);
    let mut commands = Vec::new();
    while !parser.scanner.at_end() {
        let before = parser.scanner.position();
        match parser.parse_list(&mut commands) {
            Ok(()) if parser.scanner.at_end() => break,
            Ok(()) | Err(Syntax) => {
                commands.push(Command::Damage);
                parser.scanner.skip_line(before);
            }
        }
    }
    Command::Sequence(commands)
}

/// Reads commands from a scanner.
pub(super) struct Parser<'t> {
    pub(super) scanner: Scanner<'t>,
    depth: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(scanner: Scanner<'t>, depth: usize) -> Self {
        Self { scanner, depth }
    }

    /// Commands up to a word or operator that ends the list.
    pub(super) fn parse_list(&mut self, commands: &mut Vec<Command>) -> Result<(), Syntax> {
        loop {
            self.scanner.skip_newlines();
            if self.scanner.at_end() || self.ends_list() {
                return Ok(());
            }
            let command = self.parse_and_or()?;
            self.scanner.skip_blanks();
            if self.scanner.take("&") {
                commands.push(Command::Background(Box::new(command)));
                continue;
            }
            commands.push(command);
            if !self.scanner.looking_at(";;") && !self.scanner.take(";") {
                self.scanner.skip_blanks();
                if !self.scanner.at_end() && self.scanner.peek() != Some('\n') && !self.ends_list()
                {
                    return Err(Syntax);
                }
            }
        }
    }

    fn ends_list(&mut self) -> bool {
        if self.scanner.looking_at(")") || self.scanner.looking_at(";;") {
            return true;
        }
        RESERVED.contains(&self.scanner.plain_word().as_str())
    }

    fn parse_and_or(&mut self) -> Result<Command, Syntax> {
        let first = self.parse_pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.scanner.skip_blanks();
            let joint = if self.scanner.take("&&") {
                Joint::And
            } else if self.scanner.take("||") {
                Joint::Or
            } else {
                break;
            };
            self.scanner.skip_newlines();
            rest.push((joint, self.parse_pipeline()?));
        }
        let alone = rest.is_empty();
        Ok(if alone { first } else { Command::AndOr { first: Box::new(first), rest } })
    }

    fn parse_pipeline(&mut self) -> Result<Command, Syntax> {
        self.scanner.skip_blanks();
        let mut negated = false;
        while self.scanner.plain_word() == "!" {
            self.scanner.take("!");
            self.scanner.skip_blanks();
            negated = !negated;
        }
        let mut stages = vec![self.parse_command()?];
        loop {
            self.scanner.skip_blanks();
            if self.scanner.looking_at("||") || !self.scanner.take("|") {
                break;
            }
            self.scanner.take("&");
            self.scanner.skip_newlines();
            stages.push(self.parse_command()?);
        }
        match stages.pop() {
            Some(only) if stages.is_empty() && !negated => Ok(only),
            Some(last) => {
                stages.push(last);
                Ok(Command::Pipeline { negated, stages })
            }
            None => Err(Syntax),
        }
    }

    fn parse_command(&mut self) -> Result<Command, Syntax> {
        if self.depth >= MAX_DEPTH {
            return Err(Syntax);
        }
        self.depth += 1;
        let command = self.parse_command_here();
        self.depth -= 1;
        command
    }

    fn parse_command_here(&mut self) -> Result<Command, Syntax> {
        self.scanner.skip_blanks();
        if self.scanner.peek() == Some('(') {
            self.scanner.take("(");
            let body = self.parse_body(")")?;
            self.skip_redirects()?;
            return Ok(Command::Subshell(Box::new(body)));
        }
        let word = self.scanner.plain_word();
        let command = match word.as_str() {
            "{" => {
                self.scanner.take("{");
                self.parse_body("}")?
            }
            "if" => self.parse_if()?,
            "while" | "until" => self.parse_loop(&word)?,
            "for" => self.parse_for()?,
            "case" => self.parse_case()?,
            "function" => {
                self.scanner.take("function");
                self.scanner.skip_blanks();
                let name = self.scanner.plain_word();
                self.scanner.take(&name);
                self.scanner.skip_blanks();
                if self.scanner.take("(") {
                    self.require(")")?;
                }
                return self.parse_function(name);
            }
            name if RESERVED.contains(&name) => return Err(Syntax),
            _ => return self.parse_simple(),
        };
        self.skip_redirects()?;
        Ok(command)
    }

    fn parse_function(&mut self, name: String) -> Result<Command, Syntax> {
        self.scanner.skip_newlines();
        let body = Rc::new(self.parse_command()?);
        Ok(Command::Function { name, body })
    }

    fn parse_body(&mut self, end: &str) -> Result<Command, Syntax> {
        let mut commands = Vec::new();
        self.parse_list(&mut commands)?;
        self.require(end)?;
        Ok(Command::Sequence(commands))
    }

    fn require(&mut self, token: &str) -> Result<(), Syntax> {
        self.scanner.skip_newlines();
        if self.scanner.take(token) { Ok(()) } else { Err(Syntax) }
    }

    fn parse_if(&mut self) -> Result<Command, Syntax> {
        self.scanner.take("if");
        let mut arms = Vec::new();
        loop {
            let condition = self.parse_body("then")?;
            let mut body = Vec::new();
            self.parse_list(&mut body)?;
            arms.push((condition, Command::Sequence(body)));
            match self.scanner.plain_word().as_str() {
                "elif" => self.scanner.take("elif"),
                "else" => {
                    self.scanner.take("else");
                    let otherwise = Some(Box::new(self.parse_body("fi")?));
                    return Ok(Command::If { arms, otherwise });
                }
                "fi" => {
                    self.scanner.take("fi");
                    return Ok(Command::If { arms, otherwise: None });
                }
                _ => return Err(Syntax),
            };
        }
    }

    fn parse_loop(&mut self, word: &str) -> Result<Command, Syntax> {
        self.scanner.take(word);
        let condition = Box::new(self.parse_body("do")?);
        let body = Box::new(self.parse_body("done")?);
        Ok(Command::Loop { stops_on: word == "until", condition, body })
    }

    fn parse_for(&mut self) -> Result<Command, Syntax> {
        self.scanner.take("for");
        self.scanner.skip_blanks();
        let name = self.scanner.plain_word();
        if name.is_empty() || !self.scanner.take(&name) {
            return Err(Syntax);
        }
        self.scanner.skip_newlines();
        let words = if self.scanner.plain_word() == "in" {
            self.scanner.take("in");
            Some(self.parse_words()?)
        } else {
            None
        };
        self.scanner.skip_blanks();
        self.scanner.take(";");
        self.require("do")?;
        let body = Box::new(self.parse_body("done")?);
        Ok(Command::For { name, words, body })
    }

    fn parse_words(&mut self) -> Result<Vec<Word>, Syntax> {
        let mut words = Vec::new();
        loop {
            self.scanner.skip_blanks();
            match self.scanner.scan_word(self.depth)? {
                Some(word) => words.push(word),
                None => return Ok(words),
            }
        }
    }

    fn parse_case(&mut self) -> Result<Command, Syntax> {
        self.scanner.take("case");
        self.scanner.skip_blanks();
        let subject = self.scanner.scan_word(self.depth)?.ok_or(Syntax)?;
        self.require("in")?;
        let mut arms = Vec::new();
        loop {
            self.scanner.skip_newlines();
            if self.scanner.plain_word() == "esac" {
                self.scanner.take("esac");
                return Ok(Command::Case { subject, arms });
            }
            self.scanner.take("(");
            let patterns = self.parse_patterns()?;
            let mut body = Vec::new();
            self.parse_list(&mut body)?;
            arms.push((patterns, Command::Sequence(body)));
            if self.scanner.take(";;") {
                self.scanner.take("&");
            } else if self.scanner.plain_word() != "esac" {
                return Err(Syntax);
            }
        }
    }

    fn parse_patterns(&mut self) -> Result<Vec<Word>, Syntax> {
        let mut patterns = Vec::new();
        loop {
            self.scanner.skip_blanks();
            patterns.push(self.scanner.scan_word(self.depth)?.ok_or(Syntax)?);
            self.scanner.skip_blanks();
            if self.scanner.take(")") {
                return Ok(patterns);
            }
            if !self.scanner.take("|") {
                return Err(Syntax);
            }
        }
    }

    fn parse_simple(&mut self) -> Result<Command, Syntax> {
        let mut simple = Simple { line: self.scanner.line(), ..Simple::default() };
        loop {
            self.scanner.skip_blanks();
            if let Some(redirect) = self.parse_redirect()? {
                simple.redirects.extend(redirect);
                continue;
            }
            if simple.words.is_empty()
                && let Some(assignment) = self.scanner.scan_assignment(self.depth)?
            {
                simple.assignments.push(assignment);
                continue;
            }
            if simple.words.first().and_then(Word::plain) == Some("[[")
                && simple.words.last().and_then(Word::plain) != Some("]]")
                && let Some(operator) = self.scanner.take_any(&["&&", "||", "<", ">", "(", ")"])
            {
                simple.words.push(Word::literal(operator));
                continue;
            }
            let Some(word) = self.scanner.scan_word(self.depth)? else { break };
            if simple.words.is_empty() && simple.assignments.is_empty() {
                self.scanner.skip_blanks();
                if let Some(name) = word.plain()
                    && self.scanner.take("(")
                {
                    self.require(")")?;
                    return self.parse_function(name.to_owned());
                }
            }
            simple.words.push(word);
        }
        let empty =
            simple.words.is_empty() && simple.assignments.is_empty() && simple.redirects.is_empty();
        if empty { Err(Syntax) } else { Ok(Command::Simple(simple)) }
    }

    fn skip_redirects(&mut self) -> Result<(), Syntax> {
        loop {
            self.scanner.skip_blanks();
            if self.parse_redirect()?.is_none() {
                return Ok(());
            }
        }
    }

    /// A redirection, if one comes next; the inner option is none for those without a file.
    fn parse_redirect(&mut self) -> Result<Option<Option<Redirect>>, Syntax> {
        let Some(operator) = self.scanner.scan_redirect_operator() else { return Ok(None) };
        self.scanner.skip_blanks();
        let target = self.scanner.scan_word(self.depth)?.ok_or(Syntax)?;
        if operator.sign.starts_with("<<") && operator.sign != "<<<" {
            self.scanner.expect_here_document(&target, operator.sign == "<<-");
            return Ok(Some(None));
        }
        let output = operator.sign.contains('>') && !operator.from_other_than_stdout;
        Ok(Some(Some(Redirect { output, target })))
    }
}
