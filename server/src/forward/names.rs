//! What names of prepared statements mean, on either server.
//!
//! **Rule.** A name means what the client has made it mean, wherever that was; it is prepared on the other server when it is
//! used there. What was asked of the writer counts when the writer has answered it, since it may fail or be skipped: Parse by
//! its ParseComplete, PREPARE, DEALLOCATE and DISCARD ALL by their tags. A Close cannot fail and counts at once.
//!
//! What is still prepared on the server where nobody closed it does no harm: it is closed there before the name is used.

use crate::pgwire::{Client, Column};
use sql::parse::course::{Part, Step};
use sql::session::{Session, Source};
use std::collections::{HashMap, VecDeque};
use types::{Datum, Result, Settings};

/// See the module.
#[derive(Default)]
pub(super) struct Names {
    /// What the client asked to have prepared there by Parse, unanswered; without its source if it was closed since.
    parsing: VecDeque<(String, Option<Source>)>,
    /// Statements that are to run there and make or unmake names, and are not known to have succeeded.
    running: VecDeque<Step>,
    /// What the client prepared while it was away, and has not been prepared here; of PREPARE only until it is back.
    elsewhere: HashMap<String, Source>,
    /// What is prepared there, as far as is known; what is not may be there all the same.
    there: HashMap<String, Source>,
}

impl Names {
    /// The statement that a name stands for; not known of what PREPARE has just prepared there.
    pub fn text_of(&self, session: &Session, statement: &str) -> Option<String> {
        match self.parsing_as(statement).or_else(|| self.elsewhere.get(statement)) {
            Some(Source::Parsed { sql, .. }) => Some(sql.clone()),
            _ => session.text_of(statement).map(str::to_owned),
        }
    }

    /// What the client's last Parse of a name gave it, if that is unanswered.
    fn parsing_as(&self, statement: &str) -> Option<&Source> {
        self.parsing.iter().rev().find(|(name, _)| name == statement)?.1.as_ref()
    }

    // ---- what runs here ----

    /// Prepares here what the client prepared by Parse while it was away.
    pub async fn bring_back(&mut self, session: &mut Session, statement: &str) -> Result<()> {
        if let Some(Source::Parsed { sql, types }) = self.elsewhere.get(statement) {
            session.close_statement(statement).await?;
            session.parse(statement, sql, types).await?;
            self.elsewhere.remove(statement);
        }
        Ok(())
    }

    /// Before statements run here: makes sure of the names that they speak of.
    pub async fn attend_here(&mut self, session: &mut Session, steps: &[Step]) -> Result<()> {
        for step in steps {
            match &step.part {
                Part::Executes(name) => self.bring_back(session, name).await?,
                // That the name is taken is all that matters; what it stands for might not be accepted any more.
                Part::Prepares(name) | Part::Deallocates(Some(name))
                    if self.elsewhere.contains_key(name) && session.source_of(name).is_none() =>
                {
                    session.parse(name, "", &[]).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A statement was carried out here.
    pub fn ran_here(&mut self, part: &Part) {
        match part {
            Part::Deallocates(Some(name)) => self.replaced_here(name),
            Part::Deallocates(None) | Part::Discards { all: true } => self.elsewhere.clear(),
            _ => {}
        }
    }

    /// A name is given another meaning here, or none.
    pub fn replaced_here(&mut self, statement: &str) {
        self.elsewhere.remove(statement);
    }

    // ---- what runs there ----

    /// What must be done so that a name means there what it means here, and is taken for done: `Some` with what is to be
    /// prepared there after it was closed, if anything is.
    pub fn amend_there(&mut self, session: &Session, statement: &str) -> Option<Option<Source>> {
        // What the client has just said of it comes after what it meant here.
        let made = |step: &Step| matches!(&step.part, Part::Prepares(name) if name == statement);
        if self.parsing_as(statement).is_some() || self.running.iter().any(made) {
            return None;
        }
        let wanted = self.source_of(session, statement);
        match &wanted {
            Some(wanted) if self.there.get(statement) == Some(wanted) => return None,
            Some(wanted) => drop(self.there.insert(statement.to_owned(), wanted.clone())),
            None => drop(self.there.remove(statement)),
        }
        Some(wanted)
    }

    fn source_of(&self, session: &Session, statement: &str) -> Option<Source> {
        let unmade = |step: &Step| match &step.part {
            Part::Deallocates(Some(name)) => name == statement,
            Part::Deallocates(None) | Part::Discards { .. } => true,
            _ => false,
        };
        if self.running.iter().any(unmade) {
            return None;
        }
        self.elsewhere.get(statement).cloned().or_else(|| session.source_of(statement))
    }

    /// The client asks for Parse there.
    pub fn parse(&mut self, statement: &str, source: Source) {
        self.parsing.push_back((statement.to_owned(), Some(source)));
    }

    /// ParseComplete, to the client.
    pub fn parsed(&mut self) {
        if let Some((name, Some(source))) = self.parsing.pop_front() {
            self.there.insert(name.clone(), source.clone());
            self.elsewhere.insert(name, source);
        }
    }

    /// The client asks for Close there.
    pub fn close(&mut self, session: &mut Session, statement: &str) {
        self.forget(session, statement);
        let parsing = self.parsing.iter_mut().filter(|(name, _)| name == statement);
        parsing.for_each(|(_, source)| *source = None);
    }

    /// A Query goes there, which takes the unnamed statement with it.
    pub fn close_unnamed(&mut self) {
        self.elsewhere.remove("");
        self.there.remove("");
    }

    /// A statement is to run there.
    pub fn run(&mut self, step: Step) {
        if tag_of(&step.part).is_some() {
            self.running.push_back(step);
        }
    }

    /// A statement ran there, with this tag.
    pub fn ran(&mut self, session: &mut Session, tag: &str) {
        if self.running.front().is_none_or(|step| tag_of(&step.part) != Some(tag)) {
            return;
        }
        let Some(Step { text, part, .. }) = self.running.pop_front() else { return };
        match part {
            Part::Prepares(name) => {
                self.there.insert(name.clone(), Source::Prepared(text.clone()));
                self.elsewhere.insert(name, Source::Prepared(text));
            }
            Part::Deallocates(Some(name)) => self.forget(session, &name),
            _ => {
                session.forget_statements(None);
                self.elsewhere.clear();
                self.there.clear();
            }
        }
    }

    fn forget(&mut self, session: &mut Session, statement: &str) {
        session.forget_statements(Some(statement));
        self.elsewhere.remove(statement);
        self.there.remove(statement);
    }

    /// Of the statements that were to run there no more do.
    pub fn end_cycle(&mut self) {
        self.running.clear();
    }

    /// A message of a pipeline failed there, and those behind it are skipped.
    pub fn fail(&mut self) {
        self.parsing.clear();
        // A statement that was to be there may not be.
        self.there.clear();
    }

    /// The session is here again: PREPARE that ran there is repeated here.
    pub async fn come_back(&mut self, session: &mut Session) {
        let by_text = |source: &Source| matches!(source, Source::Prepared(_));
        let prepared: Vec<_> = self.elsewhere.extract_if(|_, source| by_text(source)).collect();
        for (name, source) in prepared {
            let Source::Prepared(text) = source else { continue };
            session.forget_statements(Some(&name));
            // It may be refused here, where what it names may be defined otherwise by now.
            if session.simple(&text, &mut Nobody).await.is_err() {
                session.fail();
            }
        }
    }

    /// The writer's session is no more.
    pub fn hang_up(&mut self) {
        self.parsing.clear();
        self.running.clear();
        self.there.clear();
        self.elsewhere.retain(|_, source| matches!(source, Source::Parsed { .. }));
    }
}

/// The tag of a statement that makes or unmakes names.
fn tag_of(part: &Part) -> Option<&'static str> {
    match part {
        Part::Prepares(_) => Some("PREPARE"),
        Part::Deallocates(Some(_)) => Some("DEALLOCATE"),
        Part::Deallocates(None) => Some("DEALLOCATE ALL"),
        Part::Discards { all: true } => Some("DISCARD ALL"),
        _ => None,
    }
}

/// Whom nothing is told.
struct Nobody;

impl Client for Nobody {
    fn data_row(&mut self, _: &[Datum], _: &[Column], _: &[i16], _: &Settings) -> Result<()> {
        Ok(())
    }
}
