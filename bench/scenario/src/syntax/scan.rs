// SPDX-License-Identifier: Apache-2.0
//! Brackets and quotes of a text, found without understanding the rest.

/// A quoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    /// `"` or `'`
    pub(super) mark: char,
    /// Where it opens
    pub(super) open: usize,
    /// Where it closes; never, if nothing closes it
    pub(super) close: Option<usize>,
}

/// A bracket that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    /// `open` is closed by the wrong bracket
    Mismatched { open: (char, usize), close: (char, usize) },
    /// Nothing is open
    Stray { close: (char, usize) },
    /// Nothing closes it
    Unclosed { open: (char, usize) },
}

/// What was found up to the first bracket that does not fit.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Quoted texts in the order of the file
    pub(super) quotes: Vec<Quote>,
    /// The first bracket that does not fit
    pub(super) bracket: Option<Bracket>,
    /// Brackets that were open, by the place from which on they were
    nesting: Vec<(usize, Option<char>)>,
}

impl Scan {
    /// Looks through a text.
    pub(super) fn new(text: &str) -> Scan {
        let mut scan = Scan::default();
        let mut at = Reader { text, ..Reader::default() };
        while at.offset < text.len() && scan.bracket.is_none() {
            at.line(&mut scan);
        }
        if let (None, Some(&open)) = (scan.bracket, at.open.last()) {
            scan.bracket = Some(Bracket::Unclosed { open });
        }
        scan
    }

    /// The bracket within which an offset lies.
    pub(super) fn within(&self, offset: usize) -> Option<char> {
        self.nesting.iter().rev().find(|(from, _)| *from < offset).and_then(|(_, open)| *open)
    }
}

/// The bracket that closes another one.
pub(super) const fn closing(open: char) -> char {
    if open == '{' { '}' } else { ']' }
}

#[derive(Debug, Default)]
struct Reader<'a> {
    text: &'a str,
    offset: usize,
    open: Vec<(char, usize)>,
}

impl Reader<'_> {
    /// Reads to the end of the line, or further if a quoted text ends further on.
    fn line(&mut self, scan: &mut Scan) {
        let start = self.offset;
        // A bracket or a quote counts where a value can begin.
        let (mut fresh, mut closed, mut blank) = (true, false, true);
        let mut last = ('\n', start);
        while let Some(c) = self.text[self.offset..].chars().next() {
            let at = self.offset;
            self.offset += c.len_utf8();
            match c {
                '\n' => break,
                '#' if blank => {
                    self.offset = self.text[at..].find('\n').map_or(self.text.len(), |end| at + end);
                    continue;
                }
                '"' | '\'' if fresh => {
                    let close = self.quoted(c);
                    scan.quotes.push(Quote { mark: c, open: at, close });
                    (fresh, closed) = (false, false);
                }
                '{' | '[' if fresh || !self.open.is_empty() => {
                    self.open.push((c, at));
                    scan.nesting.push((at, Some(c)));
                    fresh = true;
                }
                '}' | ']' if !self.open.is_empty() || fresh || closed => {
                    match self.open.pop() {
                        None => scan.bracket = Some(Bracket::Stray { close: (c, at) }),
                        Some(open) if closing(open.0) != c => {
                            scan.bracket = Some(Bracket::Mismatched { open, close: (c, at) });
                        }
                        Some(_) => scan.nesting.push((at, self.open.last().map(|(open, _)| *open))),
                    }
                    if scan.bracket.is_some() {
                        return;
                    }
                    (fresh, closed) = (false, true);
                }
                ',' if !self.open.is_empty() => fresh = true,
                c if c.is_whitespace() => {
                    fresh |= last.0 == ':' || last.0 == '-' && last.1 + 1 == at && fresh_dash(self.text, start, last.1);
                }
                _ => (fresh, closed) = (false, false),
            }
            blank = c.is_whitespace();
            if !blank {
                last = (c, at);
            } else {
                last = (' ', at);
            }
        }
        if self.open.is_empty() {
            self.skip_block_text(start);
        }
    }

    /// Reads a quoted text; where it closes.
    fn quoted(&mut self, mark: char) -> Option<usize> {
        while let Some(c) = self.text[self.offset..].chars().next() {
            let at = self.offset;
            self.offset += c.len_utf8();
            let next = self.text[self.offset..].chars().next();
            match c {
                '\\' if mark == '"' => self.offset += next.map_or(0, char::len_utf8),
                '\'' if mark == '\'' && next == Some('\'') => self.offset += 1,
                c if c == mark => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// After `key: |` or `key: >`, the lines that are indented more are text.
    fn skip_block_text(&mut self, start: usize) {
        let line = self.text.get(start..self.offset).unwrap_or_default();
        let head = line.split(" #").next().unwrap_or_default().trim_end();
        let head = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
        if !(head.ends_with(": |") || head.ends_with(": >") || head.ends_with("- |") || head.ends_with("- >")) {
            return;
        }
        let own = indentation(line);
        while self.offset < self.text.len() {
            let rest = &self.text[self.offset..];
            let next = rest.find('\n').map_or(rest.len(), |end| end + 1);
            if !rest[..next].trim().is_empty() && indentation(&rest[..next]) <= own {
                return;
            }
            self.offset += next;
        }
    }
}

/// A `-` before which there is nothing but spaces and other such `-` begins an item.
fn fresh_dash(text: &str, start: usize, dash: usize) -> bool {
    text.get(start..dash).is_some_and(|before| before.chars().all(|c| c == ' ' || c == '-'))
}

/// How many spaces a line begins with.
pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
