//! Statements of the simple protocol from shared plans: see [`plans`](super::plans) for how they are found and
//! [`lift`] for which literals become parameters.
//!
//! **Errors are those of the text as it stands.** A lifted plan is made and used only when nothing goes wrong: when a
//! literal cannot be read as its parameter's type, or binding finds anything amiss, the text is planned with its literals
//! in place, which reports what PostgreSQL reports, where PostgreSQL reports it. What fails when it runs fails the same
//! way with a parameter as with a constant: such errors have no place in the text.

use std::sync::Arc;

use types::{Datum, Result, Settings, SqlType, oid, text_io};

use super::plans::Key;
use super::portal::Prepared;
use super::run::plan_that_finds;
use super::state::Session;
use crate::bound::{Access, Expr, Plan, Relation, ScanColumn, walk};
use crate::parse::Parsed;
use crate::parse::lift::{Slot, lift};
use crate::parse::shape::Literal;

/// Types whose values are read from a literal at its execution as they would be while binding: by the text and
/// settings that plans are looked for by. An interval's depends on its modifier, a `reg*` name's on the catalog.
fn reads_plainly(ty: SqlType) -> bool {
    matches!(
        ty.oid,
        oid::TEXT
            | oid::VARCHAR
            | oid::BPCHAR
            | oid::NAME
            | oid::INT2
            | oid::INT4
            | oid::INT8
            | oid::OID
            | oid::XID
            | oid::TID
            | oid::FLOAT4
            | oid::FLOAT8
            | oid::NUMERIC
            | oid::BOOL
            | oid::DATE
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::UUID
            | oid::BYTEA
            | oid::JSON
    )
}

/// Whether a plan compares a column with a parameter that the condition of a partial index names.
fn asks_of_partial_index(plan: &Plan) -> bool {
    let mut asks = false;
    walk::visit_scans(plan, &mut |scan| {
        let Relation::Table(table) = &scan.relation else { return };
        if table.indexes.iter().all(|index| index.predicate.is_none()) {
            return;
        }
        let named = |attribute: usize| {
            let predicates = table.indexes.iter().filter_map(|index| index.predicate.as_ref());
            predicates.into_iter().any(|predicate| predicate.columns.contains(&attribute))
        };
        for condition in scan.filter.iter().cloned().flat_map(Expr::into_conjuncts) {
            let (mut has_parameter, mut is_named) = (false, false);
            walk::visit(&condition, &mut |part| match part {
                Expr::Param { .. } => has_parameter = true,
                Expr::Column { index, .. } => {
                    is_named |= matches!(scan.columns[*index], ScanColumn::Attribute(attribute) if named(attribute));
                }
                _ => {}
            });
            asks |= has_parameter && is_named;
        }
        if let Access::Index(access) = &scan.access {
            let key: Vec<usize> = match &access.index {
                Some(index) => index.column_positions().collect(),
                None => table.key.clone(),
            };
            asks |= key.into_iter().any(named);
        }
    });
    asks
}

/// The value of a lifted literal as a parameter of this type.
fn value(slot: Slot, literal: &Literal, text: &str, ty: SqlType, settings: &Settings) -> Result<Datum> {
    let base = SqlType::of(ty.oid);
    if !slot.negated {
        return text_io::parse(&literal.value(text), base, settings);
    }
    // The minus is next to the number, mostly.
    match text[..literal.end as usize].get(literal.start as usize - 1..) {
        Some(number) if number.starts_with('-') => text_io::parse(number, base, settings),
        _ => text_io::parse(&format!("-{}", literal.raw(text)), base, settings),
    }
}

/// The parameters of a plan for a text; `None` if one cannot be read.
fn values(plan: &Prepared, literals: &[Literal], text: &str, settings: &Settings) -> Option<Vec<Datum>> {
    let slots = plan.lifted.iter().zip(&plan.bound.params);
    slots.map(|(slot, ty)| value(*slot, &literals[slot.literal], text, *ty, settings).ok()).collect()
}

impl Session {
    /// Whether plans of this session's statements are those of others.
    pub(super) fn may_share_plans(&self) -> bool {
        self.shares_plans && self.private.is_none() && !self.private_stale
    }

    /// Takes the shape of a text whose plan may be shared. False: it must be planned for itself.
    pub(super) fn reads_shape(&mut self, text: &str) -> bool {
        self.refresh_settings();
        self.may_share_plans() && self.shape.read(text)
    }

    /// The shared plan of the text whose shape was read last, with its parameters.
    ///
    /// # Errors
    /// 25P02.
    pub(super) fn shared_by_shape(&mut self, text: &str) -> Result<Option<(Arc<Prepared>, Vec<Datum>)>> {
        let version = self.database.engine.catalog_version();
        let key = Key::Shape { text, shape: &self.shape };
        let Some(plan) = self.database.plans.get(version, &self.origin, key) else { return Ok(None) };
        let Some(params) = values(&plan, self.shape.literals(), text, &self.settings) else { return Ok(None) };
        if let Some(parsed) = &plan.parsed {
            self.check_not_failed(&parsed.statement)?;
        }
        Ok(Some((plan, params)))
    }

    /// Plans the text whose shape was read last and that is one statement, and keeps the plan if it can be shared.
    ///
    /// # Errors
    /// What planning the statement reports.
    pub(super) async fn share_by_shape(
        &mut self,
        text: &Arc<str>,
        parsed: Parsed,
    ) -> Result<(Arc<Prepared>, Vec<Datum>)> {
        let version = self.database.engine.catalog_version();
        let mut found = self.lifted(text, &parsed).await;
        if found.is_none() {
            found = Some((self.prepare(text.clone(), parsed, &[]).await?, Vec::new()));
        }
        let (plan, params) = found.expect("just made");
        let plan = Arc::new(plan);
        if plan.is_shareable(version) {
            let key = Key::Shape { text, shape: &self.shape };
            self.database.plans.put(version, &self.origin, key, plan.clone());
        }
        Ok((plan, params))
    }

    /// The plan with literals lifted, and their values; `None` if there are none or anything is wrong.
    async fn lifted(&mut self, text: &Arc<str>, parsed: &Parsed) -> Option<(Prepared, Vec<Datum>)> {
        let mut lifted = parsed.clone();
        let slots = lift(&mut lifted.statement, self.shape.literals());
        if slots.is_empty() {
            return None;
        }
        let given: Vec<u32> = slots.iter().map(|slot| self.shape.literals()[slot.literal].class.type_oid()).collect();
        let mut plan = self.prepare(text.clone(), lifted, &given).await.ok()?;
        let plain = given.iter().zip(&plan.bound.params).all(|(given, ty)| *given != 0 || reads_plainly(*ty));
        if !plain || plan.bound.params.len() != slots.len() {
            return None;
        }
        // Of a parameter the planner does not know whether a partial index has its rows.
        if plan_that_finds(&plan.bound.statement).is_some_and(asks_of_partial_index) {
            return None;
        }
        plan.lifted = slots.into();
        let params = values(&plan, self.shape.literals(), text, &self.settings)?;
        Some((plan, params))
    }
}
