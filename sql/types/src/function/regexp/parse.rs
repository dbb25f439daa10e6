//! Advanced regular expressions as trees, and in the syntax of the `regex` crate.

use std::ops::Range;

use super::{Flags, invalid_regex, too_complex};
use crate::error::Result;

/// How deep groups may stand in each other.
const DEPTH_MAX: usize = 100;

const DIGIT: &str = "0-9";
/// White space as C libraries have it: without U+0085 and what forbids to break a line.
const SPACE: &str = r"\t-\r \x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}";
const WORD: &str = r"\p{Alphabetic}\p{Nd}_";
/// The classes in brackets as the `regex` crate has them in its own. They are those of the C.UTF-8 locale.
const CLASSES: [(&str, &str); 13] = [
    ("alnum", r"\p{Alphabetic}\p{Nd}"),
    ("alpha", r"\p{Alphabetic}"),
    ("blank", r" \t"),
    ("cntrl", r"\p{Cc}"),
    ("digit", DIGIT),
    ("graph", r"[^\p{Cc}\p{Cn}\p{Z}]\x{a0}\x{2007}\x{202f}"),
    ("lower", r"\p{Lowercase}"),
    ("print", r"[^\p{Cc}\p{Cn}\p{Zl}\p{Zp}]"),
    ("punct", r"[^\p{Cc}\p{Cn}\p{Z}\p{Alphabetic}\p{Nd}]\x{a0}\x{2007}\x{202f}"),
    ("space", SPACE),
    ("upper", r"\p{Uppercase}"),
    ("word", WORD),
    ("xdigit", "0-9A-Fa-f"),
];

/// A quantifier, or what begins with one, prefers the longest match.
pub(super) const LONGER: u8 = 1;
/// A quantifier, or what begins with one, prefers the shortest match.
pub(super) const SHORTER: u8 = 2;

/// Alternatives, each a sequence.
pub(super) type Branches = Vec<Vec<Node>>;

/// A condition on a place in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    WordStart,
    WordEnd,
    WordBoundary,
    NoWordBoundary,
}

/// What stands before a place in a bracket expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A character, with which a range may begin.
    Character,
    /// The hyphen of a range.
    Hyphen,
    /// A range or a class; no range begins with it.
    Set,
}

/// A part of an expression.
pub(super) enum Node {
    /// One character, as the source from here to there says.
    Chars(Range<usize>),
    Place(Place),
    /// `(?=`, `(?!`, `(?<=` and `(?<!`.
    Look {
        ahead: bool,
        negative: bool,
        branches: Branches,
    },
    /// Parentheses, with a number if they capture.
    Group {
        number: Option<usize>,
        branches: Branches,
    },
    /// What a group has matched, once more.
    Back(usize),
    Repeat {
        node: Box<Node>,
        least: usize,
        most: Option<usize>,
        /// [`LONGER`] or [`SHORTER`]; 0 for `{m}`.
        prefers: u8,
    },
}

/// An expression that was read.
pub(super) struct Syntax {
    pub(super) branches: Branches,
    /// The expression in the syntax of the `regex` crate; it says the same unless the expression is `extended`.
    pub(super) source: String,
    /// How many groups capture.
    pub(super) groups: usize,
    /// Whether there are back references or lookaround.
    pub(super) extended: bool,
    pub(super) flags: Flags,
}

impl Syntax {
    /// Reads what stands behind director and embedded options.
    ///
    /// # Errors
    /// 2201B for what is no regular expression, or is nested too deep.
    pub(super) fn new(pattern: &str, flags: Flags) -> Result<Syntax> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut parser = Parser {
            chars: &chars,
            at: 0,
            flags,
            out: String::with_capacity(pattern.len() + 8),
            closed: Vec::new(),
            extended: false,
            looks: 0,
            depth: 0,
        };
        let branches = parser.branches()?;
        if parser.at < chars.len() {
            return Err(invalid_regex("parentheses () not balanced"));
        }
        let (source, groups, extended) = (parser.out, parser.closed.len(), parser.extended);
        Ok(Syntax { branches, source, groups, extended, flags })
    }

    /// At how many places a text may go on in several ways, repeated ones counted as often as they may be: so many states,
    /// about, may have to be followed at once.
    pub(super) fn choices(&self) -> usize {
        self.choices_of(&self.branches)
    }

    fn choices_of(&self, branches: &Branches) -> usize {
        let among = usize::from(branches.len() > 1);
        branches.iter().flatten().map(|node| self.choices_at(node)).fold(among, usize::saturating_add)
    }

    fn choices_at(&self, node: &Node) -> usize {
        match node {
            Node::Chars(source) => usize::from(self.source[source.clone()].starts_with(['.', '['])),
            Node::Place(_) | Node::Back(_) => 0,
            Node::Look { branches, .. } | Node::Group { branches, .. } => self.choices_of(branches),
            Node::Repeat { node, least, most, .. } => {
                self.choices_at(node).max(1).saturating_mul(most.unwrap_or(*least).max(1))
            }
        }
    }

    /// Whether the match that prefers each quantifier on its own, from the left, is the one that PostgreSQL takes.
    ///
    /// It is for a sequence of single characters and their repetitions, if all of these are greedy or none is. Say one of
    /// two such matches leaves an item later than the other and yet ends earlier. Somewhere the first then leaves an item
    /// in which the second stays or which it enters, and going on like the second from there would have suited it better.
    pub(super) fn prefers_from_the_left(&self) -> bool {
        fn holds(branches: &Branches, preferred: &mut u8) -> bool {
            let [items] = branches.as_slice() else { return false };
            items.iter().all(|item| match item {
                Node::Chars(_) | Node::Place(_) => true,
                Node::Group { branches, .. } => holds(branches, preferred),
                Node::Repeat { node, prefers, most, .. } => {
                    if *most != Some(0) {
                        *preferred |= prefers;
                    }
                    matches!(**node, Node::Chars(_)) && *preferred != LONGER | SHORTER
                }
                Node::Back(_) | Node::Look { .. } => false,
            })
        }
        holds(&self.branches, &mut 0)
    }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    flags: Flags,
    out: String,
    /// Whether the groups that capture are closed, in the order of their numbers.
    closed: Vec<bool>,
    extended: bool,
    /// How many lookarounds are open; nothing in them captures.
    looks: usize,
    /// How many parentheses are open.
    depth: usize,
}

impl Parser<'_> {
    fn blank(&self, c: char) -> bool {
        self.flags.expanded && c.is_ascii_whitespace()
    }

    fn starts(&self, what: &str) -> bool {
        what.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    /// Reads alternatives, up to the parenthesis that closes them.
    fn branches(&mut self) -> Result<Branches> {
        let mut branches = Vec::new();
        let mut branch: Vec<Node> = Vec::new();
        // Whether a quantifier has something to repeat: not behind another one, nor behind a place such as `^`.
        let mut operand = false;
        while let Some(c) = self.chars.get(self.at).copied() {
            match c {
                ')' => break,
                '|' => {
                    self.out.push('|');
                    self.at += 1;
                    branches.push(std::mem::take(&mut branch));
                    operand = false;
                }
                _ if self.blank(c) => self.at += 1,
                '#' if self.flags.expanded => {
                    self.at += self.chars[self.at..].iter().take_while(|c| **c != '\n').count();
                }
                '(' if self.starts("(?#") => {
                    let close = self.chars[self.at..].iter().position(|c| *c == ')');
                    self.at = close.map_or(self.chars.len(), |length| self.at + length + 1);
                }
                '*' | '+' | '?' | '{' if c != '{' || self.counts() => {
                    self.quantifier(c, operand, &mut branch)?;
                    operand = false;
                }
                _ => {
                    let node = self.atom(c)?;
                    operand = !matches!(node, Node::Place(_) | Node::Look { .. });
                    branch.push(node);
                }
            }
        }
        branches.push(branch);
        Ok(branches)
    }

    /// Whether the brace here opens a bound.
    fn counts(&self) -> bool {
        self.chars[self.at + 1..].iter().find(|c| !self.blank(**c)).is_some_and(char::is_ascii_digit)
    }

    /// Reads a character, a group or a place.
    fn atom(&mut self, c: char) -> Result<Node> {
        let from = self.out.len();
        match c {
            '\\' => return self.escape(),
            '[' if self.starts("[[:<:]]") => {
                self.at += 7;
                return Ok(self.place(Place::WordStart));
            }
            '[' if self.starts("[[:>:]]") => {
                self.at += 7;
                return Ok(self.place(Place::WordEnd));
            }
            '[' => self.class()?,
            '(' => return self.parentheses(),
            '^' | '$' => {
                self.at += 1;
                return Ok(self.place(match (c, self.flags.newline_anchors) {
                    ('^', false) => Place::TextStart,
                    ('^', true) => Place::LineStart,
                    (_, false) => Place::TextEnd,
                    (_, true) => Place::LineEnd,
                }));
            }
            '{' | '}' => {
                self.out.push('\\');
                self.out.push(c);
                self.at += 1;
            }
            _ => {
                self.out.push(c);
                self.at += 1;
            }
        }
        Ok(Node::Chars(from..self.out.len()))
    }

    fn place(&mut self, place: Place) -> Node {
        self.out.push_str(match place {
            Place::TextStart => r"\A",
            Place::TextEnd => r"\z",
            Place::LineStart => "(?m:^)",
            Place::LineEnd => "(?m:$)",
            Place::WordStart => r"\b{start}",
            Place::WordEnd => r"\b{end}",
            Place::WordBoundary => r"\b",
            Place::NoWordBoundary => r"\B",
        });
        Node::Place(place)
    }

    /// Reads what is in parentheses of any kind.
    fn parentheses(&mut self) -> Result<Node> {
        if self.depth == DEPTH_MAX {
            return Err(too_complex());
        }
        let look = [("(?=", true, false), ("(?!", true, true), ("(?<=", false, false), ("(?<!", false, true)]
            .into_iter()
            .find(|(opening, ..)| self.starts(opening));
        let node = if let Some((opening, ahead, negative)) = look {
            self.extended = true;
            self.at += opening.len();
            self.looks += 1;
            let branches = self.group()?;
            self.looks -= 1;
            Node::Look { ahead, negative, branches }
        } else if self.starts("(?:") {
            self.at += 3;
            self.out.push_str("(?:");
            Node::Group { number: None, branches: self.group()? }
        } else if self.starts("(?") {
            return Err(invalid_regex("quantifier operand invalid"));
        } else if self.looks > 0 {
            self.at += 1;
            Node::Group { number: None, branches: self.group()? }
        } else {
            self.at += 1;
            self.out.push('(');
            self.closed.push(false);
            let number = self.closed.len();
            let branches = self.group()?;
            self.closed[number - 1] = true;
            Node::Group { number: Some(number), branches }
        };
        self.out.push(')');
        Ok(node)
    }

    /// Reads alternatives and the parenthesis that closes them.
    fn group(&mut self) -> Result<Branches> {
        self.depth += 1;
        let branches = self.branches()?;
        self.depth -= 1;
        if self.chars.get(self.at) != Some(&')') {
            return Err(invalid_regex("parentheses () not balanced"));
        }
        self.at += 1;
        Ok(branches)
    }

    /// Reads what a backslash begins.
    fn escape(&mut self) -> Result<Node> {
        let from = self.out.len();
        self.at += 1;
        if let Some(number) = self.back_reference()? {
            self.extended = true;
            return Ok(Node::Back(number));
        }
        if let Some((code, end)) = coded(self.chars, self.at)? {
            self.out.push_str(&format!(r"\x{{{:x}}}", u32::from(code)));
            self.at = end;
            return Ok(Node::Chars(from..self.out.len()));
        }
        let Some(next) = self.chars.get(self.at).copied() else {
            return Err(invalid_regex("invalid escape \\ sequence"));
        };
        self.at += 1;
        match next {
            'm' => return Ok(self.place(Place::WordStart)),
            'M' => return Ok(self.place(Place::WordEnd)),
            'y' => return Ok(self.place(Place::WordBoundary)),
            'Y' => return Ok(self.place(Place::NoWordBoundary)),
            'A' => return Ok(self.place(Place::TextStart)),
            'Z' => return Ok(self.place(Place::TextEnd)),
            'a' => self.out.push_str(r"\x07"),
            'b' => self.out.push_str(r"\x08"),
            'B' => self.out.push_str(r"\\"),
            'e' => self.out.push_str(r"\x1b"),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => self.out.push_str(&shorthand(next)),
            'n' | 'r' | 't' | 'f' | 'v' => {
                self.out.push('\\');
                self.out.push(next);
            }
            _ if next.is_ascii_alphanumeric() => return Err(invalid_regex("invalid escape \\ sequence")),
            _ => self.out.push_str(&regex::escape(&next.to_string())),
        }
        Ok(Node::Chars(from..self.out.len()))
    }

    /// The number of a back reference: one digit, or more if so many groups were opened.
    fn back_reference(&mut self) -> Result<Option<usize>> {
        if !matches!(self.chars.get(self.at), Some('1'..='9')) {
            return Ok(None);
        }
        let digits: String = self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit()).collect();
        let number = digits.parse().unwrap_or(usize::MAX);
        if digits.len() > 1 && number > self.closed.len() {
            return Ok(None);
        }
        if self.looks > 0 || self.closed.get(number - 1) != Some(&true) {
            return Err(invalid_regex("invalid backreference number"));
        }
        self.at += digits.len();
        Ok(Some(number))
    }

    /// Reads a quantifier and lets it repeat what is before it.
    fn quantifier(&mut self, c: char, operand: bool, branch: &mut Vec<Node>) -> Result<()> {
        let Some(node) = branch.pop_if(|_| operand) else {
            return Err(invalid_regex("quantifier operand invalid"));
        };
        let from = self.out.len();
        self.at += 1;
        let (least, most) = match c {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => self.bound()?,
        };
        let exact = c == '{' && !self.out[from..].contains(',');
        if c != '{' {
            self.out.push(c);
        }
        let greedy = self.chars.get(self.at) != Some(&'?');
        if !greedy {
            self.out.push('?');
            self.at += 1;
        }
        let prefers = match (exact, greedy) {
            (true, _) => 0,
            (false, true) => LONGER,
            (false, false) => SHORTER,
        };
        branch.push(Node::Repeat { node: Box::new(node), least, most, prefers });
        Ok(())
    }

    /// Copies a bound behind its brace: `2}`, `2,}` or `2,5}`.
    fn bound(&mut self) -> Result<(usize, Option<usize>)> {
        let within = self.chars[self.at..].iter().take_while(|c| **c != '}');
        let end = self.at + within.clone().count();
        if end == self.chars.len() {
            return Err(invalid_regex("braces {} not balanced"));
        }
        let text: String = within.filter(|c| !self.blank(**c)).collect();
        let (least, most) = text.split_once(',').unwrap_or((text.as_str(), text.as_str()));
        let digits = text.chars().all(|c| c.is_ascii_digit() || c == ',');
        // Either goes up to 255.
        let counts = match (least.parse::<u8>(), most.parse::<u8>()) {
            (Ok(least), Ok(most)) if digits && least <= most => (usize::from(least), Some(usize::from(most))),
            (Ok(least), Err(_)) if digits && most.is_empty() => (usize::from(least), None),
            _ => return Err(invalid_regex("invalid repetition count(s)")),
        };
        self.out.push_str(&format!("{{{text}}}"));
        self.at = end + 1;
        Ok(counts)
    }

    /// Copies a bracket expression, escaping what only the `regex` crate takes specially; with `newline_stops` a
    /// complemented one leaves out the newline.
    fn class(&mut self) -> Result<()> {
        let chars = self.chars;
        let out = &mut self.out;
        let mut at = self.at + 1;
        out.push('[');
        if chars.get(at) == Some(&'^') {
            out.push_str(if self.flags.newline_stops { r"^\n" } else { "^" });
            at += 1;
        }
        let first = at;
        let mut before = Before::Character;
        loop {
            let Some(c) = chars.get(at).copied() else {
                return Err(invalid_regex("brackets [] not balanced"));
            };
            let mut is_class = false;
            match c {
                ']' if at > first => {
                    out.push(']');
                    self.at = at + 1;
                    return Ok(());
                }
                // Elsewhere it is a character by itself.
                '-' if at > first && before != Before::Hyphen && chars.get(at + 1) != Some(&']') => {
                    if before == Before::Set {
                        return Err(invalid_regex("invalid character range"));
                    }
                    out.push('-');
                    before = Before::Hyphen;
                    at += 1;
                    continue;
                }
                '[' if matches!(chars.get(at + 1), Some(':')) => {
                    let Some(close) =
                        (at + 2..chars.len()).find(|i| chars[*i] == ':' && chars.get(i + 1) == Some(&']'))
                    else {
                        return Err(invalid_regex("brackets [] not balanced"));
                    };
                    let name: String = chars[at + 2..close].iter().collect();
                    let class = CLASSES.iter().find(|(known, _)| *known == name);
                    let (_, class) = class.ok_or_else(|| invalid_regex("invalid character class"))?;
                    out.push_str(class);
                    is_class = true;
                    at = close + 2;
                }
                '[' if matches!(chars.get(at + 1), Some('.' | '=')) => {
                    let ends = |i: &usize| chars[*i] == chars[at + 1] && chars.get(i + 1) == Some(&']');
                    let Some(close) = (at + 3..chars.len()).find(ends) else {
                        return Err(invalid_regex("brackets [] not balanced"));
                    };
                    // Elements have names, too, which we do not know.
                    let &[element] = &chars[at + 2..close] else {
                        return Err(invalid_regex("invalid collating element"));
                    };
                    out.push_str(&format!(r"\x{{{:x}}}", u32::from(element)));
                    is_class = chars[at + 1] == '=';
                    at = close + 2;
                }
                '\\' => {
                    let Some(next) = chars.get(at + 1).copied() else {
                        return Err(invalid_regex("invalid escape \\ sequence"));
                    };
                    if let Some((code, end)) = coded(chars, at + 1)? {
                        out.push_str(&format!(r"\x{{{:x}}}", u32::from(code)));
                        at = end;
                    } else {
                        match next {
                            'd' | 'D' | 's' | 'S' | 'w' | 'W' => out.push_str(&shorthand(next)),
                            'n' | 'r' | 't' | 'f' | 'v' => {
                                out.push('\\');
                                out.push(next);
                            }
                            'b' => out.push_str(r"\x08"),
                            'e' => out.push_str(r"\x1b"),
                            'a' => out.push_str(r"\x07"),
                            _ if next.is_ascii_alphanumeric() => {
                                return Err(invalid_regex("invalid escape \\ sequence"));
                            }
                            _ => out.push_str(&regex::escape(&next.to_string())),
                        }
                        is_class = matches!(next, 'd' | 'D' | 's' | 'S' | 'w' | 'W');
                        at += 2;
                    }
                }
                '[' | '&' | '~' | ']' | '^' | '-' => {
                    out.push('\\');
                    out.push(c);
                    at += 1;
                }
                _ => {
                    out.push(c);
                    at += 1;
                }
            }
            before = match (before, is_class) {
                (Before::Hyphen, true) => return Err(invalid_regex("invalid character range")),
                (Before::Hyphen, false) | (_, true) => Before::Set,
                (_, false) => Before::Character,
            };
        }
    }
}

/// The class of `\d`, `\s` or `\w`, and all but it if the letter is a capital.
fn shorthand(letter: char) -> String {
    let class = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        _ => WORD,
    };
    let except = if letter.is_ascii_uppercase() { "^" } else { "" };
    format!("[{except}{class}]")
}

/// The character of `\x41`, `\u0041`, `\U00000041`, `\012`, `\101` or `\cA`, and where the escape ends; `at` is behind the
/// backslash. `None` for other escapes.
fn coded(chars: &[char], at: usize) -> Result<Option<(char, usize)>> {
    let digits = |from: usize, radix: u32, least: usize, most: usize| {
        let digits: Vec<u32> = chars[from..].iter().take(most).map_while(|c| c.to_digit(radix)).collect();
        let code = digits.iter().try_fold(0u32, |code, digit| code.checked_mul(radix)?.checked_add(*digit))?;
        if digits.len() < least { None } else { char::from_u32(code).map(|c| (c, from + digits.len())) }
    };
    let found = match chars.get(at) {
        Some('x') => digits(at + 1, 16, 1, 255),
        Some('u') => digits(at + 1, 16, 4, 4),
        Some('U') => digits(at + 1, 16, 8, 8),
        Some('0') => digits(at, 8, 1, 3),
        Some('c') => chars.get(at + 1).map(|c| (char::from((*c as u32 & 0x1f) as u8), at + 2)),
        // Digits that are no back reference.
        Some('1'..='9') if chars.get(at + 1).is_some_and(char::is_ascii_digit) => {
            digits(at, 8, 1, 3).filter(|(c, _)| u32::from(*c) <= 0xff).or_else(|| digits(at, 8, 1, 2))
        }
        _ => return Ok(None),
    };
    found.map(Some).ok_or_else(|| invalid_regex("invalid escape \\ sequence"))
}
