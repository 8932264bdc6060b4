// SPDX-License-Identifier: Apache-2.0
//! `$((…))` over 64-bit numbers that wrap, by precedence climbing.

use super::state::Scope;

/// Parentheses inside each other.
const MAX_DEPTH: usize = 20;
/// Binary operators, tightest first; longer ones before their prefixes.
const LEVELS: [&[&str]; 7] = [
    &["*", "/", "%"],
    &["+", "-"],
    &["<<", ">>"],
    &["<=", ">=", "<", ">"],
    &["==", "!="],
    &["&&"],
    &["||"],
];

/// The value of an expression; none when it is not known or not understood.
pub(super) fn evaluate(expression: &str, scope: &Scope) -> Option<i64> {
    let mut reader = Reader { rest: expression.trim_start(), scope };
    let value = reader.binary(LEVELS.len(), 0)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'t> {
    rest: &'t str,
    scope: &'t Scope,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn binary(&mut self, level: usize, depth: usize) -> Option<i64> {
        let Some(operators) = level.checked_sub(1).and_then(|below| LEVELS.get(below)) else {
            return self.primary(depth);
        };
        let mut left = self.binary(level - 1, depth)?;
        while let Some(operator) = operators.iter().copied().find(|token| self.take(token)) {
            let right = self.binary(level - 1, depth)?;
            left = apply(operator, left, right)?;
        }
        Some(left)
    }

    fn primary(&mut self, depth: usize) -> Option<i64> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.take("(") {
            let value = self.binary(LEVELS.len(), depth + 1)?;
            return self.take(")").then_some(value);
        }
        if self.take("-") {
            return Some(self.primary(depth + 1)?.wrapping_neg());
        }
        if self.take("!") {
            return Some(i64::from(self.primary(depth + 1)? == 0));
        }
        let length = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return parse_number(word);
        }
        if word.is_empty() {
            return None;
        }
        match self.scope.value(word)?.trim() {
            "" => Some(0),
            value => parse_number(value),
        }
    }
}

fn apply(operator: &str, left: i64, right: i64) -> Option<i64> {
    Some(match operator {
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right)?,
        "%" => left.checked_rem(right)?,
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "<<" => left.checked_shl(u32::try_from(right).ok()?)?,
        ">>" => left.checked_shr(u32::try_from(right).ok()?)?,
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "&&" => i64::from(left != 0 && right != 0),
        "||" => i64::from(left != 0 || right != 0),
        _ => return None,
    })
}

fn parse_number(word: &str) -> Option<i64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            i64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_the_values_of_a_shell() {
        let mut scope = Scope::default();
        scope.set("i", Some("7".to_owned()));
        scope.set("u", None);
        for (expression, value) in [
            ("i+1", Some(8)),
            ("2 + 3 * 4", Some(14)),
            ("(2+3)*4", Some(20)),
            ("0x10 - 010", Some(8)),
            ("i >= 7 && 1", Some(1)),
            ("u+1", None),
            ("1/0", None),
            ("", None),
        ] {
            assert_eq!(evaluate(expression, &scope), value, "{expression}");
        }
        assert_eq!(evaluate(&"(".repeat(5000), &scope), None);
    }
}
