//! The states through which an expression is matched, and the tree by which a match is taken apart.
//!
//! The tree is that of PostgreSQL's `regcomp.c`, for it decides what subexpressions match. A part in which nothing captures
//! and all quantifiers prefer the same is one leaf. Each node knows its part of the states: where it begins, and the one
//! state behind its matches.

use std::collections::HashMap;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class as HirClass, HirKind};

use super::parse::{Branches, LONGER, Node, Place, SHORTER, Syntax};
use super::{Flags, refused, too_complex};
use crate::error::Result;

/// States that one expression may have.
const STATES_MAX: usize = 100_000;
/// Ranges that all classes of one expression may have.
const RANGES_MAX: usize = 500_000;
/// Concatenations that an expression with back references may have, for these are matched by recursion.
const REFERRING_CONCATENATIONS_MAX: usize = 500;
/// How deep groups may stand in each other, with what back references stand for in the place of these.
const GROUPS_DEPTH_MAX: usize = 300;

/// A node has parts that prefer different lengths.
const MIXED: u8 = 4;
/// A node has groups that capture.
pub(super) const CAPTURES: u8 = 8;
/// A node has back references.
pub(super) const REFERS: u8 = 16;

const PREFERENCE: u8 = LONGER | SHORTER;

/// What of a node's flags is true of the nodes above it.
fn up(flags: u8) -> u8 {
    let mixed = if flags & PREFERENCE == PREFERENCE { MIXED } else { 0 };
    flags & (MIXED | CAPTURES | REFERS) | mixed
}

/// The flags of two parts, of which the first with a preference decides.
fn combined(first: u8, second: u8) -> u8 {
    let preference = if first & PREFERENCE == 0 { second & PREFERENCE } else { first & PREFERENCE };
    up(first | second) | preference
}

/// Whether a part cannot be one leaf.
fn is_messy(flags: u8) -> bool {
    flags & (MIXED | CAPTURES | REFERS) != 0
}

/// A set of characters.
pub(super) struct Class {
    ascii: u128,
    ranges: Vec<(char, char)>,
}

impl Class {
    /// Reads a character or a class in the syntax of the `regex` crate.
    fn new(source: &str, flags: Flags) -> Result<Class> {
        let parsed = ParserBuilder::new()
            .case_insensitive(flags.ignore_case)
            .dot_matches_new_line(!flags.newline_stops)
            .build()
            .parse(source)
            .map_err(|error| refused(&error.to_string()))?;
        let ranges: Vec<(char, char)> = match parsed.into_kind() {
            HirKind::Class(HirClass::Unicode(class)) => {
                class.ranges().iter().map(|range| (range.start(), range.end())).collect()
            }
            HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).chars().map(|c| (c, c)).collect(),
            // A class of bytes is one that nothing is in.
            _ => Vec::new(),
        };
        let within = |c: u8| ranges.iter().any(|(low, high)| (*low..=*high).contains(&char::from(c)));
        let ascii = (0..128u8).filter(|c| within(*c)).fold(0u128, |ascii, c| ascii | (1u128 << c));
        Ok(Class { ascii, ranges })
    }

    pub(super) fn contains(&self, c: char) -> bool {
        if c.is_ascii() {
            return (self.ascii >> u32::from(c)) & 1 == 1;
        }
        let behind = self.ranges.partition_point(|(low, _)| *low <= c);
        behind > 0 && self.ranges[behind - 1].1 >= c
    }
}

#[derive(Clone, Copy)]
pub(super) enum State {
    /// Takes one character.
    Chars {
        class: usize,
        next: usize,
    },
    Go(usize),
    Split(usize, usize),
    Place {
        place: Place,
        next: usize,
    },
    Look {
        look: usize,
        next: usize,
    },
}

/// Where a state leads that is the end of everything.
const NOWHERE: usize = usize::MAX;

/// A part of the states: the first one, and the one behind.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// What must or must not match before or behind a place.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) piece: Piece,
    pub(super) ahead: bool,
    pub(super) negative: bool,
    /// How many characters it can match, if that is limited.
    pub(super) width: Option<usize>,
}

pub(super) enum Kind {
    /// Nothing in it is to be found.
    Leaf,
    Back {
        group: usize,
        least: usize,
        most: Option<usize>,
    },
    Concatenation(usize, usize),
    Alternation(Vec<usize>),
    Iteration {
        child: usize,
        least: usize,
        most: Option<usize>,
    },
}

/// A node of the tree.
pub(super) struct Tree {
    pub(super) piece: Piece,
    pub(super) flags: u8,
    /// The groups that it is the content of.
    pub(super) groups: Vec<usize>,
    pub(super) kind: Kind,
}

/// An expression that can be run.
pub(super) struct Automaton {
    pub(super) states: Vec<State>,
    pub(super) classes: Vec<Class>,
    pub(super) looks: Vec<Look>,
    pub(super) trees: Vec<Tree>,
    pub(super) root: usize,
    pub(super) groups: usize,
    pub(super) ignore_case: bool,
    /// What words are made of, if the expression asks for words.
    pub(super) word: Option<Class>,
}

impl Automaton {
    /// # Errors
    /// 2201B for an expression that is too large.
    pub(super) fn new(syntax: &Syntax) -> Result<Automaton> {
        let automaton = Automaton {
            states: Vec::new(),
            classes: Vec::new(),
            looks: Vec::new(),
            trees: Vec::new(),
            root: 0,
            groups: syntax.groups,
            ignore_case: syntax.flags.ignore_case,
            word: None,
        };
        let mut builder =
            Builder { syntax, automaton, classes: HashMap::new(), ranges: 0, groups: HashMap::new(), depth: 0 };
        builder.register(&syntax.branches);
        let root = builder.alternation(&syntax.branches)?;
        let mut automaton = builder.automaton;
        automaton.root = root;
        let is_concatenation = |tree: &&Tree| matches!(tree.kind, Kind::Concatenation(..));
        let concatenations = automaton.trees.iter().filter(is_concatenation).count();
        if automaton.refers_back() && concatenations > REFERRING_CONCATENATIONS_MAX {
            return Err(too_complex());
        }
        Ok(automaton)
    }

    pub(super) fn refers_back(&self) -> bool {
        self.trees[self.root].flags & REFERS != 0
    }
}

/// How many characters alternatives can match, if that is limited.
fn width(branches: &Branches) -> Option<usize> {
    branches.iter().try_fold(0, |widest: usize, branch| {
        let total = branch.iter().try_fold(0usize, |total, node| total.checked_add(node_width(node)?))?;
        Some(widest.max(total))
    })
}

fn node_width(node: &Node) -> Option<usize> {
    match node {
        Node::Chars(_) => Some(1),
        Node::Place(_) | Node::Look { .. } => Some(0),
        Node::Group { branches, .. } => width(branches),
        Node::Back(_) => None,
        Node::Repeat { node, most, .. } => node_width(node)?.checked_mul((*most)?),
    }
}

/// A part of a branch: what must be a node by itself, and what is before it.
struct Part {
    prefix: Option<Piece>,
    prefix_flags: u8,
    atom: usize,
    /// The flags of the atom and its quantifier.
    flags: u8,
}

struct Builder<'a> {
    syntax: &'a Syntax,
    automaton: Automaton,
    classes: HashMap<&'a str, usize>,
    /// How many ranges the classes have.
    ranges: usize,
    /// The contents of the groups that capture.
    groups: HashMap<usize, &'a Branches>,
    /// How many groups are being built within each other.
    depth: usize,
}

impl<'a> Builder<'a> {
    fn register(&mut self, branches: &'a Branches) {
        for node in branches.iter().flatten() {
            let node = if let Node::Repeat { node, .. } = node { &**node } else { node };
            if let Node::Group { number, branches } = node {
                if let Some(number) = number {
                    self.groups.insert(*number, branches);
                }
                self.register(branches);
            }
        }
    }

    fn push(&mut self, state: State) -> Result<usize> {
        if self.automaton.states.len() == STATES_MAX {
            return Err(too_complex());
        }
        self.automaton.states.push(state);
        Ok(self.automaton.states.len() - 1)
    }

    /// Lets a state that is an end lead on.
    fn lead(&mut self, end: usize, next: usize) {
        self.automaton.states[end] = State::Go(next);
    }

    fn nothing(&mut self) -> Result<Piece> {
        let end = self.push(State::Go(NOWHERE))?;
        Ok(Piece { begin: end, end })
    }

    fn joined(&mut self, first: Option<Piece>, second: Piece) -> Piece {
        let Some(first) = first else { return second };
        self.lead(first.end, second.begin);
        Piece { begin: first.begin, end: second.end }
    }

    /// One of several pieces.
    fn either(&mut self, pieces: &[Piece]) -> Result<Piece> {
        let end = self.push(State::Go(NOWHERE))?;
        let mut begin = None;
        for piece in pieces {
            self.lead(piece.end, end);
            begin = Some(match begin {
                None => piece.begin,
                Some(others) => self.push(State::Split(others, piece.begin))?,
            });
        }
        Ok(Piece { begin: begin.unwrap_or(end), end })
    }

    fn class(&mut self, source: &'a str) -> Result<usize> {
        if let Some(class) = self.classes.get(source) {
            return Ok(*class);
        }
        let class = Class::new(source, self.syntax.flags)?;
        self.ranges += class.ranges.len();
        if self.ranges > RANGES_MAX {
            return Err(too_complex());
        }
        self.automaton.classes.push(class);
        self.classes.insert(source, self.automaton.classes.len() - 1);
        Ok(self.automaton.classes.len() - 1)
    }

    /// The states of a node, without a tree. What a back reference stands for is `bare`: it has no places.
    fn states(&mut self, node: &'a Node, bare: bool) -> Result<Piece> {
        match node {
            Node::Place(_) | Node::Look { .. } if bare => self.nothing(),
            Node::Chars(source) => {
                let syntax = self.syntax;
                let class = self.class(&syntax.source[source.clone()])?;
                let end = self.push(State::Go(NOWHERE))?;
                let begin = self.push(State::Chars { class, next: end })?;
                Ok(Piece { begin, end })
            }
            Node::Place(place) => {
                let of_words = !matches!(place, Place::TextStart | Place::TextEnd | Place::LineStart | Place::LineEnd);
                if of_words && self.automaton.word.is_none() {
                    self.automaton.word = Some(Class::new(r"\w", Flags::default())?);
                }
                let end = self.push(State::Go(NOWHERE))?;
                let begin = self.push(State::Place { place: *place, next: end })?;
                Ok(Piece { begin, end })
            }
            Node::Look { ahead, negative, branches } => {
                let piece = self.states_of(branches, false)?;
                let look = Look { piece, ahead: *ahead, negative: *negative, width: width(branches) };
                self.automaton.looks.push(look);
                let look = self.automaton.looks.len() - 1;
                let end = self.push(State::Go(NOWHERE))?;
                let begin = self.push(State::Look { look, next: end })?;
                Ok(Piece { begin, end })
            }
            Node::Group { branches, .. } => self.states_of(branches, bare),
            Node::Back(group) => self.states_of(self.groups[group], true),
            Node::Repeat { node, least, most, .. } => self.repeated(node, None, *least, *most, bare),
        }
    }

    fn states_of(&mut self, branches: &'a Branches, bare: bool) -> Result<Piece> {
        if self.depth == GROUPS_DEPTH_MAX {
            return Err(too_complex());
        }
        self.depth += 1;
        let mut pieces = Vec::with_capacity(branches.len());
        for branch in branches {
            let mut whole = None;
            for node in branch {
                let piece = self.states(node, bare)?;
                whole = Some(self.joined(whole, piece));
            }
            pieces.push(match whole {
                Some(piece) => piece,
                None => self.nothing()?,
            });
        }
        self.depth -= 1;
        match pieces.as_slice() {
            [only] => Ok(*only),
            several => self.either(several),
        }
    }

    /// A node several times; `first` are states of it that can be taken for one of them.
    fn repeated(
        &mut self,
        node: &'a Node,
        first: Option<Piece>,
        least: usize,
        most: Option<usize>,
        bare: bool,
    ) -> Result<Piece> {
        let copies = most.unwrap_or(least.max(1));
        let mut pieces = Vec::with_capacity(copies);
        pieces.extend(first.filter(|_| copies > 0));
        while pieces.len() < copies {
            pieces.push(self.states(node, bare)?);
        }
        let end = self.push(State::Go(NOWHERE))?;
        let mut next = end;
        for (i, piece) in pieces.iter().enumerate().rev() {
            if most.is_none() && i + 1 == copies {
                let again = self.push(State::Split(piece.begin, end))?;
                self.lead(piece.end, again);
                next = if least == 0 { again } else { piece.begin };
            } else {
                self.lead(piece.end, next);
                next = if i < least { piece.begin } else { self.push(State::Split(piece.begin, end))? };
            }
        }
        Ok(Piece { begin: next, end })
    }

    fn tree(&mut self, piece: Piece, flags: u8, kind: Kind) -> usize {
        self.automaton.trees.push(Tree { piece, flags, groups: Vec::new(), kind });
        self.automaton.trees.len() - 1
    }

    fn flags(&self, tree: usize) -> u8 {
        self.automaton.trees[tree].flags
    }

    fn piece(&self, tree: usize) -> Piece {
        self.automaton.trees[tree].piece
    }

    fn concatenation(&mut self, left: usize, right: usize, flags: u8) -> usize {
        let (first, second) = (self.piece(left), self.piece(right));
        let piece = self.joined(Some(first), second);
        self.tree(piece, flags, Kind::Concatenation(left, right))
    }

    /// The tree of alternatives. Several always prefer the longest match.
    fn alternation(&mut self, branches: &'a Branches) -> Result<usize> {
        if let [only] = branches.as_slice() {
            return self.branch(only);
        }
        let mut flags = LONGER;
        let mut children = Vec::with_capacity(branches.len());
        for branch in branches {
            let child = self.branch(branch)?;
            flags |= up(flags | self.flags(child));
            children.push(child);
        }
        let pieces: Vec<Piece> = children.iter().map(|child| self.piece(*child)).collect();
        let piece = self.either(&pieces)?;
        let kind = if is_messy(flags) { Kind::Alternation(children) } else { Kind::Leaf };
        Ok(self.tree(piece, flags, kind))
    }

    /// The tree of a sequence: what is plain goes into leaves, and all behind something that is not into one more tree.
    fn branch(&mut self, items: &'a [Node]) -> Result<usize> {
        let mut parts: Vec<Part> = Vec::new();
        let (mut prefix, mut prefix_flags) = (None, 0u8);
        for item in items {
            let (atom, least, most, prefers) = match item {
                Node::Place(_) | Node::Look { .. } => {
                    let piece = self.states(item, false)?;
                    prefix = Some(self.joined(prefix, piece));
                    continue;
                }
                Node::Repeat { most: Some(0), .. } => {
                    let piece = self.nothing()?;
                    prefix = Some(self.joined(prefix, piece));
                    continue;
                }
                Node::Repeat { node, least, most, prefers } => (&**node, *least, *most, *prefers),
                other => (other, 1, Some(1), 0),
            };
            let tree = self.atom(atom)?;
            let together = prefix_flags | prefers | self.flags(tree);
            if !is_messy(up(together)) {
                let piece = self.repeated(atom, Some(self.piece(tree)), least, most, false)?;
                prefix = Some(self.joined(prefix, piece));
                prefix_flags = together;
                continue;
            }
            let flags = combined(prefers, self.flags(tree));
            let atom = self.quantified(atom, tree, least, most, prefers)?;
            parts.push(Part { prefix: prefix.take(), prefix_flags, atom, flags });
            prefix_flags = 0;
        }
        let mut rest = prefix.map(|piece| self.tree(piece, prefix_flags, Kind::Leaf));
        for part in parts.into_iter().rev() {
            let (mut tree, mut flags) = (part.atom, self.flags(part.atom));
            if let Some(rest) = rest {
                flags = part.flags | combined(part.flags, self.flags(rest));
                tree = self.concatenation(tree, rest, flags);
            }
            if let Some(piece) = part.prefix {
                let left = self.tree(piece, part.prefix_flags, Kind::Leaf);
                tree = self.concatenation(left, tree, part.prefix_flags | combined(part.prefix_flags, flags));
            }
            rest = Some(tree);
        }
        match rest {
            Some(tree) => Ok(tree),
            None => {
                let piece = self.nothing()?;
                Ok(self.tree(piece, 0, Kind::Leaf))
            }
        }
    }

    /// The tree of what a quantifier may repeat.
    fn atom(&mut self, node: &'a Node) -> Result<usize> {
        match node {
            Node::Group { number, branches } => {
                let tree = self.alternation(branches)?;
                if let Some(number) = number {
                    let tree = &mut self.automaton.trees[tree];
                    tree.groups.push(*number);
                    tree.flags |= CAPTURES;
                }
                Ok(tree)
            }
            Node::Back(group) => {
                let piece = self.states(node, true)?;
                Ok(self.tree(piece, REFERS, Kind::Back { group: *group, least: 1, most: Some(1) }))
            }
            _ => {
                let piece = self.states(node, false)?;
                Ok(self.tree(piece, 0, Kind::Leaf))
            }
        }
    }

    /// The tree of an atom and its quantifier.
    fn quantified(
        &mut self,
        node: &'a Node,
        tree: usize,
        least: usize,
        most: Option<usize>,
        prefers: u8,
    ) -> Result<usize> {
        let (piece, flags) = (self.piece(tree), self.flags(tree));
        let own = combined(prefers, flags);
        let preference = flags & (PREFERENCE | MIXED);
        if let Node::Back(group) = node {
            let piece = self.repeated(node, Some(piece), least, most, true)?;
            Ok(self.tree(piece, flags | own, Kind::Back { group: *group, least, most }))
        } else if (least, most) == (1, Some(1)) && (prefers == 0 || preference == 0 || preference == prefers) {
            Ok(tree)
        } else if flags & (CAPTURES | REFERS) == 0 {
            let piece = self.repeated(node, Some(piece), least, most, false)?;
            Ok(self.tree(piece, own, Kind::Leaf))
        } else if least > 0 && flags & REFERS == 0 {
            // Only what is captured last is kept, so all before is a leaf.
            let piece = self.repeated(node, None, least - 1, most.map(|most| most - 1), false)?;
            let before = self.tree(piece, own & PREFERENCE, Kind::Leaf);
            Ok(self.concatenation(before, tree, own))
        } else {
            let piece = self.repeated(node, None, least, most, false)?;
            Ok(self.tree(piece, own, Kind::Iteration { child: tree, least, most }))
        }
    }
}
