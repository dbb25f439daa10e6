//! Runs an expression over a text: where a match begins and ends, and what its groups match.
//!
//! Matches are found by following all states at once, so the time that takes is at most states times characters. A match
//! is then taken apart as PostgreSQL's `regexec.c` does it: a concatenation where its left part is longest, or shortest,
//! of all places where both parts fit, and so on down the tree. Only what refers back is tried again and again.

use std::collections::{HashMap, HashSet};

use super::super::text::to_lower;
use super::automaton::{Automaton, CAPTURES, Kind, Piece, REFERS, State, Tree};
use super::parse::{Place, SHORTER};
use crate::error::Result;
use crate::settings::Settings;

/// States that are followed in one step.
const STATES_PER_STEP: usize = 64;
/// Places that are remembered for leading nowhere.
const FAILED_MAX: usize = 1 << 20;
/// Lookbehinds whose states are kept.
const BEHINDS_MAX: usize = 16;

/// The whole match and what its groups match, by number.
pub(in crate::function) type Places = Vec<Option<(usize, usize)>>;

/// The states that are followed at a place in the text.
struct Threads {
    /// For each state the number of the round in which it was met last.
    met: Vec<u64>,
    round: u64,
    /// The states that take a character, each with what is remembered of its past; of several pasts the first counts.
    list: Vec<(usize, usize)>,
    /// What is remembered of a match that ends here.
    accepted: Option<usize>,
    pending: Vec<usize>,
}

impl Threads {
    fn clear(&mut self) {
        self.round += 1;
        self.list.clear();
        self.accepted = None;
    }
}

/// One expression on one text.
pub(super) struct Matcher<'a> {
    automaton: &'a Automaton,
    text: &'a str,
    settings: &'a Settings,
    /// Steps that were taken, to look now and then whether the statement was cancelled.
    steps: usize,
    spare: Vec<Threads>,
    /// Where lookbehinds were asked last, and their states there: asked further on, they need not begin anew. By their
    /// numbers.
    behinds: HashMap<usize, (usize, Threads)>,
    places: Places,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(automaton: &'a Automaton, text: &'a str, settings: &'a Settings) -> Matcher<'a> {
        Matcher { automaton, text, settings, steps: 0, spare: Vec::new(), behinds: HashMap::new(), places: Vec::new() }
    }

    fn root(&self) -> &'a Tree {
        let automaton = self.automaton;
        &automaton.trees[automaton.root]
    }

    /// The leftmost place from `from` on at which a match begins, back references taken for what they may match.
    pub(super) fn leftmost(&mut self, from: usize) -> Result<Option<usize>> {
        let piece = self.root().piece;
        let (mut now, mut next) = (self.threads(), self.threads());
        let mut best: Option<usize> = None;
        let mut at = from;
        loop {
            if best.is_none() {
                self.follow(&mut now, piece.begin, at, piece.end, at)?;
            }
            if let Some(begin) = now.accepted {
                best = Some(best.map_or(begin, |best| best.min(begin)));
            }
            if let Some(best) = best {
                now.list.retain(|(_, begin)| *begin < best);
            }
            if at == self.text.len() || best.is_some() && now.list.is_empty() {
                break;
            }
            at = self.step(&mut now, &mut next, piece.end, at)?;
        }
        self.spare.extend([now, next]);
        Ok(best)
    }

    /// Where the match ends that begins here, of an expression without back references.
    pub(super) fn end(&mut self, begin: usize) -> Result<Option<usize>> {
        let root = self.root();
        self.next_end(root.piece, begin, None, self.text.len(), root.flags & SHORTER != 0)
    }

    /// The match that begins here, and what its groups match.
    pub(super) fn captures(&mut self, begin: usize) -> Result<Option<Places>> {
        let root = self.root();
        let mut last = None;
        while let Some(end) = self.next_end(root.piece, begin, last, self.text.len(), root.flags & SHORTER != 0)? {
            self.places.clear();
            self.places.resize(self.automaton.groups + 1, None);
            if self.dissect(self.automaton.root, begin, end)? {
                self.places[0] = Some((begin, end));
                return Ok(Some(std::mem::take(&mut self.places)));
            }
            last = Some(end);
        }
        Ok(None)
    }

    fn before(&self, at: usize) -> Option<char> {
        self.text[..at].chars().next_back()
    }

    fn behind(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next()
    }

    /// The place one character earlier.
    fn retreated(&self, at: usize) -> usize {
        at - self.before(at).map_or(0, char::len_utf8)
    }

    /// The place one character later.
    fn advanced(&self, at: usize) -> usize {
        at + self.behind(at).map_or(0, char::len_utf8)
    }

    fn count(&self, from: usize, to: usize) -> usize {
        self.text[from..to].chars().count()
    }

    fn threads(&mut self) -> Threads {
        let mut threads = self.spare.pop().unwrap_or_else(|| Threads {
            met: vec![0; self.automaton.states.len()],
            round: 0,
            list: Vec::new(),
            accepted: None,
            pending: Vec::new(),
        });
        threads.clear();
        threads
    }

    /// Ends what was cancelled.
    fn tick(&mut self) -> Result<()> {
        self.steps += 1;
        self.settings.check_cancel(self.steps)
    }

    /// Follows a state to all that are reached from it without a character; `end` is where a match ends.
    fn follow(&mut self, threads: &mut Threads, state: usize, past: usize, end: usize, at: usize) -> Result<()> {
        let automaton = self.automaton;
        threads.pending.push(state);
        while let Some(state) = threads.pending.pop() {
            if threads.met[state] == threads.round {
                continue;
            }
            threads.met[state] = threads.round;
            if state == end {
                threads.accepted = Some(past);
                continue;
            }
            match automaton.states[state] {
                State::Chars { .. } => threads.list.push((state, past)),
                State::Go(next) => threads.pending.push(next),
                State::Split(one, other) => threads.pending.extend([other, one]),
                State::Place { place, next } => {
                    if self.is_at(place, at) {
                        threads.pending.push(next);
                    }
                }
                State::Look { look, next } => {
                    if self.sees(look, at)? {
                        threads.pending.push(next);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a place in the text is what an expression asks for.
    fn is_at(&self, place: Place, at: usize) -> bool {
        let is_word = |c: Option<char>| match (&self.automaton.word, c) {
            (Some(word), Some(c)) => word.contains(c),
            _ => false,
        };
        match place {
            Place::TextStart => at == 0,
            Place::TextEnd => at == self.text.len(),
            Place::LineStart => self.before(at).is_none_or(|c| c == '\n'),
            Place::LineEnd => self.behind(at).is_none_or(|c| c == '\n'),
            Place::WordStart => !is_word(self.before(at)) && is_word(self.behind(at)),
            Place::WordEnd => is_word(self.before(at)) && !is_word(self.behind(at)),
            Place::WordBoundary => is_word(self.before(at)) != is_word(self.behind(at)),
            Place::NoWordBoundary => is_word(self.before(at)) == is_word(self.behind(at)),
        }
    }

    /// Whether a lookaround holds at a place.
    fn sees(&mut self, id: usize, at: usize) -> Result<bool> {
        let look = self.automaton.looks[id];
        let found = if look.ahead {
            self.shortest(look.piece, at, at, self.text.len())?.is_some()
        } else {
            let earliest = match look.width {
                Some(width) => self.text[..at].char_indices().rev().take(width).last().map_or(at, |(from, _)| from),
                None => 0,
            };
            self.ends_at(id, look.piece, earliest, at)?
        };
        Ok(found != look.negative)
    }

    /// Whether a match of a lookbehind that begins at `earliest` or later ends here.
    fn ends_at(&mut self, id: usize, piece: Piece, earliest: usize, to: usize) -> Result<bool> {
        let kept = self.behinds.remove(&id).filter(|(at, _)| (earliest..=to).contains(at));
        let (mut at, mut now) = match kept {
            Some(kept) => kept,
            None => (earliest, self.threads()),
        };
        let mut next = self.threads();
        loop {
            self.follow(&mut now, piece.begin, at, piece.end, at)?;
            if at == to {
                break;
            }
            at = self.step(&mut now, &mut next, piece.end, at)?;
        }
        let found = now.accepted.is_some();
        self.spare.push(next);
        if self.behinds.len() < BEHINDS_MAX {
            self.behinds.insert(id, (to, now));
        } else {
            self.spare.push(now);
        }
        Ok(found)
    }

    /// Takes one character from all states that take it. Returns the place behind it.
    fn step(&mut self, now: &mut Threads, next: &mut Threads, end: usize, at: usize) -> Result<usize> {
        next.clear();
        let behind = self.advanced(at);
        self.take(now, next, end, at, behind)?;
        std::mem::swap(now, next);
        Ok(behind)
    }

    fn take(&mut self, now: &Threads, next: &mut Threads, end: usize, at: usize, behind: usize) -> Result<()> {
        self.tick()?;
        let automaton = self.automaton;
        let Some(c) = self.behind(at) else { return Ok(()) };
        for (i, (state, past)) in now.list.iter().enumerate() {
            if i % STATES_PER_STEP == STATES_PER_STEP - 1 {
                self.tick()?;
            }
            if let State::Chars { class, next: to } = automaton.states[*state]
                && automaton.classes[class].contains(c)
            {
                self.follow(next, to, *past, end, behind)?;
            }
        }
        Ok(())
    }

    /// Shows each place, in order, at which a match ends that begins at `from`, until `limit` or as long as more are
    /// wanted.
    fn scan(
        &mut self,
        piece: Piece,
        from: usize,
        limit: usize,
        mut wants_more: impl FnMut(usize) -> bool,
    ) -> Result<()> {
        self.tick()?;
        let (mut now, mut next) = (self.threads(), self.threads());
        self.follow(&mut now, piece.begin, from, piece.end, from)?;
        let mut at = from;
        loop {
            if now.accepted.is_some() && !wants_more(at) || at >= limit || now.list.is_empty() {
                break;
            }
            at = self.step(&mut now, &mut next, piece.end, at)?;
        }
        self.spare.extend([now, next]);
        Ok(())
    }

    /// The last place up to `limit` at which a match ends that begins at `from`.
    fn longest(&mut self, piece: Piece, from: usize, limit: usize) -> Result<Option<usize>> {
        let mut last = None;
        self.scan(piece, from, limit, |at| {
            last = Some(at);
            true
        })?;
        Ok(last)
    }

    /// The first place from `least` to `limit` at which a match ends that begins at `from`.
    fn shortest(&mut self, piece: Piece, from: usize, least: usize, limit: usize) -> Result<Option<usize>> {
        let mut first = None;
        self.scan(piece, from, limit, |at| {
            if at >= least {
                first = Some(at);
            }
            first.is_none()
        })?;
        Ok(first)
    }

    /// Whether all between two places matches.
    fn fits(&mut self, piece: Piece, from: usize, to: usize) -> Result<bool> {
        Ok(self.longest(piece, from, to)? == Some(to))
    }

    /// Of the places at which a match ends that begins at `from`, the one that is preferred, or is next behind `last`.
    fn next_end(
        &mut self,
        piece: Piece,
        from: usize,
        last: Option<usize>,
        limit: usize,
        shorter: bool,
    ) -> Result<Option<usize>> {
        match (shorter, last) {
            (true, None) => self.shortest(piece, from, from, limit),
            (true, Some(last)) if last < limit => self.shortest(piece, from, self.advanced(last), limit),
            (false, None) => self.longest(piece, from, limit),
            (false, Some(last)) if last > from => self.longest(piece, from, self.retreated(last)),
            _ => Ok(None),
        }
    }

    /// Finds what the groups below a node match, which matches all between two places but for back references. False if
    /// these do not match.
    fn dissect(&mut self, id: usize, from: usize, to: usize) -> Result<bool> {
        let automaton = self.automaton;
        let (mut id, mut from) = (id, from);
        loop {
            let tree = &automaton.trees[id];
            let refers = tree.flags & REFERS != 0;
            if tree.flags & (CAPTURES | REFERS) == 0 {
                return Ok(true);
            }
            let found = match &tree.kind {
                Kind::Leaf => true,
                Kind::Back { group, least, most } => self.repeats(*group, *least, *most, from, to),
                Kind::Concatenation(left, right) if refers => self.concatenation(*left, *right, from, to)?,
                Kind::Concatenation(left, right) => {
                    let Some(middle) = self.middle(*left, *right, from, to)? else { return Ok(false) };
                    if !self.dissect(*left, from, middle)? {
                        return Ok(false);
                    }
                    self.note(tree, from, to);
                    (id, from) = (*right, middle);
                    continue;
                }
                Kind::Alternation(branches) => self.alternation(branches, from, to)?,
                Kind::Iteration { child, least, most } => self.iteration(*child, *least, *most, from, to)?,
            };
            if found {
                self.note(tree, from, to);
            }
            return Ok(found);
        }
    }

    fn note(&mut self, tree: &Tree, from: usize, to: usize) {
        for group in &tree.groups {
            self.places[*group] = Some((from, to));
        }
    }

    /// Forgets what the groups of a node and below it match.
    fn forget(&mut self, id: usize) {
        let automaton = self.automaton;
        let tree = &automaton.trees[id];
        for group in &tree.groups {
            self.places[*group] = None;
        }
        match &tree.kind {
            Kind::Leaf | Kind::Back { .. } => {}
            Kind::Concatenation(left, right) => {
                self.forget(*left);
                self.forget(*right);
            }
            Kind::Alternation(branches) => branches.iter().for_each(|branch| self.forget(*branch)),
            Kind::Iteration { child, .. } => self.forget(*child),
        }
    }

    /// Whether what is between two places is what a group has matched, so many times.
    fn repeats(&self, group: usize, least: usize, most: Option<usize>, from: usize, to: usize) -> bool {
        let Some((start, end)) = self.places[group] else { return false };
        let (once, all) = (&self.text[start..end], &self.text[from..to]);
        if once.is_empty() || all.is_empty() {
            return all.is_empty() && (once.is_empty() || least == 0);
        }
        let (length, total) = (once.chars().count(), all.chars().count());
        let same = |a: char, b: char| a == b || self.automaton.ignore_case && to_lower(a) == to_lower(b);
        total.is_multiple_of(length)
            && (least..=most.unwrap_or(usize::MAX)).contains(&(total / length))
            && all.chars().zip(once.chars().cycle()).all(|(a, b)| same(a, b))
    }

    /// The place that is last, or first if the left part prefers that, of those up to which the left part of a
    /// concatenation fits and from which the right one does. It is found in one pass: states of the right part remember
    /// where it began, and the better place comes first.
    fn middle(&mut self, left: usize, right: usize, from: usize, to: usize) -> Result<Option<usize>> {
        let shorter = self.automaton.trees[left].flags & SHORTER != 0;
        let (left, right) = (self.automaton.trees[left].piece, self.automaton.trees[right].piece);
        let (mut lefts, mut next_lefts) = (self.threads(), self.threads());
        let (mut rights, mut next_rights) = (self.threads(), self.threads());
        self.follow(&mut lefts, left.begin, from, left.end, from)?;
        if lefts.accepted.is_some() {
            self.follow(&mut rights, right.begin, from, right.end, from)?;
        }
        let mut at = from;
        while at < to && !(lefts.list.is_empty() && rights.list.is_empty()) {
            let behind = self.step(&mut lefts, &mut next_lefts, left.end, at)?;
            next_rights.clear();
            let begins = lefts.accepted.is_some();
            if begins && !shorter {
                self.follow(&mut next_rights, right.begin, behind, right.end, behind)?;
            }
            self.take(&rights, &mut next_rights, right.end, at, behind)?;
            if begins && shorter {
                self.follow(&mut next_rights, right.begin, behind, right.end, behind)?;
            }
            std::mem::swap(&mut rights, &mut next_rights);
            at = behind;
        }
        let middle = rights.accepted.filter(|_| at == to);
        self.spare.extend([lefts, next_lefts, rights, next_rights]);
        Ok(middle)
    }

    /// A concatenation with back references: one place after the other is tried.
    fn concatenation(&mut self, left: usize, right: usize, from: usize, to: usize) -> Result<bool> {
        let shorter = self.automaton.trees[left].flags & SHORTER != 0;
        let (first, second) = (self.automaton.trees[left].piece, self.automaton.trees[right].piece);
        let mut last = None;
        while let Some(middle) = self.next_end(first, from, last, to, shorter)? {
            if last.is_some() {
                self.forget(left);
                self.forget(right);
            }
            if self.fits(second, middle, to)? && self.dissect(left, from, middle)? && self.dissect(right, middle, to)? {
                return Ok(true);
            }
            last = Some(middle);
        }
        Ok(false)
    }

    /// The first alternative that matches all.
    fn alternation(&mut self, branches: &[usize], from: usize, to: usize) -> Result<bool> {
        for branch in branches {
            if self.fits(self.automaton.trees[*branch].piece, from, to)? {
                if self.dissect(*branch, from, to)? {
                    return Ok(true);
                }
                self.forget(*branch);
            }
        }
        Ok(false)
    }

    /// What is repeated, each time as long, or as short, as what follows lets it be, and not empty unless there is no
    /// other way to have `least` of it.
    fn iteration(&mut self, child: usize, least: usize, most: Option<usize>, from: usize, to: usize) -> Result<bool> {
        let tree = &self.automaton.trees[child];
        let (piece, shorter, refers) = (tree.piece, tree.flags & SHORTER != 0, tree.flags & REFERS != 0);
        if shorter && least == 0 && from == to {
            return Ok(true);
        }
        let wanted = least.max(1);
        let length = self.count(from, to);
        let allowed = most.map_or(length, |most| most.min(length)).max(wanted);
        // Where each repetition ends; the first of these is where the first one begins.
        let mut ends = vec![from];
        let mut limit = if shorter { from } else { to };
        let mut verified = 0;
        // From where, and at which repetition if they are counted, the end was not reached.
        let mut failed: HashSet<(usize, usize)> = HashSet::new();
        let counted = |k: usize| if most.is_some() { k } else { 0 };
        loop {
            let k = ends.len();
            let before = ends[k - 1];
            if shorter {
                if limit == before && limit != to && self.is_needless(k, wanted, limit, to) {
                    limit = self.advanced(limit);
                }
                if k >= allowed {
                    limit = to;
                }
            }
            let end = if failed.contains(&(before, counted(k))) {
                None
            } else if shorter {
                self.shortest(piece, before, limit, to)?
            } else {
                self.longest(piece, before, limit)?
            };
            verified = verified.min(k - 1);
            match end {
                Some(end) if end == to => {
                    ends.push(end);
                    if k >= wanted && self.verify(child, &mut ends, &mut verified, refers)? {
                        return Ok(true);
                    }
                }
                Some(end) if k < allowed => {
                    ends.push(end);
                    if end != before || !self.is_needless(k, wanted, end, to) {
                        limit = if shorter { end } else { to };
                        continue;
                    }
                }
                _ => {
                    if !refers && failed.len() < FAILED_MAX {
                        failed.insert((before, counted(k)));
                    }
                }
            }
            // The last repetition that can end elsewhere does.
            loop {
                let k = ends.len() - 1;
                if k == 0 {
                    if refers {
                        self.forget(child);
                    }
                    return Ok(!shorter && least == 0 && from == to);
                }
                let (before, end) = (ends[k - 1], ends[k]);
                ends.pop();
                if shorter && end < to {
                    limit = self.advanced(end);
                    break;
                }
                if !shorter && end > before {
                    limit = self.retreated(end);
                    if limit > before || k < wanted && !self.is_needless(k, wanted, before, to) {
                        break;
                    }
                }
                if !refers && failed.len() < FAILED_MAX {
                    failed.insert((before, counted(k)));
                }
            }
        }
    }

    /// Whether the `k`th repetition must not be empty: the rest of the text has characters for all that are wanted.
    fn is_needless(&self, k: usize, wanted: usize, at: usize, to: usize) -> bool {
        k >= wanted || wanted - k < self.count(at, to)
    }

    /// Dissects repetitions that end where the text does; of those that are not referred to only the last. Keeps the ends
    /// up to the first one that does not match.
    fn verify(&mut self, child: usize, ends: &mut Vec<usize>, verified: &mut usize, refers: bool) -> Result<bool> {
        let last = ends.len() - 1;
        if !refers {
            return self.dissect(child, ends[last - 1], ends[last]);
        }
        for i in *verified + 1..=last {
            self.forget(child);
            if !self.dissect(child, ends[i - 1], ends[i])? {
                ends.truncate(i + 1);
                return Ok(false);
            }
            *verified = i;
        }
        Ok(true)
    }
}
