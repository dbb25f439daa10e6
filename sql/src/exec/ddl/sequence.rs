//! CREATE SEQUENCE and ALTER SEQUENCE: parameters, by PostgreSQL's `init_params`.

use std::sync::Arc;

use types::{Error, Result, SqlState, SqlType, oid};

use super::work::Work;
use crate::bound::SequenceOptions;
use crate::catalog::codec::Object;
use crate::catalog::{SchemaDef, SequenceDef, SequenceOwner};
use crate::exec::lift::Lift;

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn bounds(ty: SqlType) -> Result<(i64, i64)> {
    match ty.oid {
        oid::INT2 => Ok((i64::from(i16::MIN), i64::from(i16::MAX))),
        oid::INT4 => Ok((i64::from(i32::MIN), i64::from(i32::MAX))),
        oid::INT8 => Ok((i64::MIN, i64::MAX)),
        _ => Err(invalid("sequence type must be smallint, integer, or bigint")),
    }
}

/// The sequence that the options make of `old`, or of nothing; without oid, name and owner then.
///
/// # Errors
/// 22023.
pub(super) fn define(options: &SequenceOptions, old: Option<&SequenceDef>) -> Result<SequenceDef> {
    let data_type = options.data_type.or(old.map(|old| old.data_type)).unwrap_or(SqlType::INT8);
    let (lowest, highest) = bounds(data_type)?;
    let increment = options.increment.or(old.map(|old| old.increment)).unwrap_or(1);
    if increment == 0 {
        return Err(invalid("INCREMENT must not be zero"));
    }
    // A bound that was the old type's own follows the type.
    let kept = |bound: fn(&SequenceDef) -> i64, limits: fn((i64, i64)) -> i64| -> Result<Option<i64>> {
        let Some(old) = old else { return Ok(None) };
        let follows = old.data_type != data_type && bound(old) == limits(bounds(old.data_type)?);
        Ok((!follows).then(|| bound(old)))
    };
    let max = match options.max {
        Some(max) => max,
        None => kept(|old| old.max, |limits| limits.1)?,
    };
    let max = max.unwrap_or(if increment > 0 { highest } else { -1 });
    let min = match options.min {
        Some(min) => min,
        None => kept(|old| old.min, |limits| limits.0)?,
    };
    let min = min.unwrap_or(if increment > 0 { 1 } else { lowest });
    for (word, value) in [("MAXVALUE", max), ("MINVALUE", min)] {
        if !(lowest..=highest).contains(&value) {
            let message = format!("{word} ({value}) is out of range for sequence data type {}", data_type.name());
            return Err(invalid(message));
        }
    }
    if min >= max {
        return Err(invalid(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")));
    }
    let start = options.start.or(old.map(|old| old.start)).unwrap_or(if increment > 0 { min } else { max });
    check_within("START", start, min, max)?;
    if let Some(Some(restart)) = options.restart {
        check_within("RESTART", restart, min, max)?;
    }
    let cache = options.cache.or(old.map(|old| old.cache)).unwrap_or(1);
    if cache <= 0 {
        return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
    }
    let cycle = options.cycle.or(old.map(|old| old.cycle)).unwrap_or(false);
    let base = old.cloned().unwrap_or_else(|| SequenceDef {
        oid: 0,
        name: Arc::from(""),
        schema: 0,
        schema_name: Arc::from(""),
        owner: 0,
        acl: None,
        data_type,
        start,
        increment,
        min,
        max,
        cache,
        cycle,
        owned_by: None,
        generation: 0,
    });
    Ok(SequenceDef { data_type, start, increment, min, max, cache, cycle, ..base })
}

fn check_within(what: &str, value: i64, min: i64, max: i64) -> Result<()> {
    if value < min {
        return Err(invalid(format!("{what} value ({value}) cannot be less than MINVALUE ({min})")));
    }
    if value > max {
        return Err(invalid(format!("{what} value ({value}) cannot be greater than MAXVALUE ({max})")));
    }
    Ok(())
}

async fn owner_column(
    work: &mut Work,
    options: &SequenceOptions,
    sequence: &SequenceDef,
) -> Result<Option<SequenceOwner>> {
    match options.owned_by {
        None => Ok(sequence.owned_by),
        Some(None) => Ok(None),
        Some(Some((oid, column))) => {
            // Whoever drops one of the two must know of this.
            work.lock(u64::from(oid), engine::TableLockMode::AccessShare).await?;
            work.reload().await?;
            let table = work.table(oid)?;
            if table.columns[column].dropped {
                let known = work.context.catalog.table(oid).map(|table| &*table.columns[column].name);
                let (column, table) = (known.unwrap_or_default(), &table.name);
                let message = format!("column \"{column}\" of relation \"{table}\" does not exist");
                return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
            }
            if table.schema != sequence.schema {
                let message = "sequence must be in same schema as table it is linked to";
                return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
            }
            if table.owner != sequence.owner {
                let message = "sequence must have same owner as table it is linked to";
                return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
            }
            Ok(Some(SequenceOwner { table: table.oid, column, identity: false }))
        }
    }
}

pub(super) async fn create(
    work: &mut Work,
    schema: &SchemaDef,
    name: &str,
    options: &SequenceOptions,
    if_not_exists: bool,
) -> Result<String> {
    let tag = "CREATE SEQUENCE".to_owned();
    work.claim(schema, name).await?;
    if !work.is_free_or(schema, name, if_not_exists)? {
        return Ok(tag);
    }
    let mut sequence = define(options, None)?;
    sequence.oid = work.oid().await?;
    sequence.name = Arc::from(name);
    sequence.schema = schema.oid;
    sequence.schema_name = schema.name.clone();
    sequence.owner = work.role()?.oid;
    sequence.owned_by = owner_column(work, options, &sequence).await?;
    work.put(Object::Sequence(sequence)).await?;
    Ok(tag)
}

pub(super) async fn alter(work: &mut Work, sequence: &Arc<SequenceDef>, options: &SequenceOptions) -> Result<String> {
    lock(work, sequence.oid).await?;
    let found = work.sequence(sequence.oid)?;
    work.check_owner(found.owner, "sequence", &found.name)?;
    change(work, &found, options).await?;
    Ok("ALTER SEQUENCE".to_owned())
}

/// Keeps others from drawing values, setting or changing the sequence before the transaction ends.
pub(super) async fn lock(work: &mut Work, sequence: u32) -> Result<()> {
    work.lock(u64::from(sequence), engine::TableLockMode::ShareRowExclusive).await?;
    work.reload().await
}

/// Stores a sequence with other parameters, and restarts it if that is asked for: both with the transaction.
pub(super) async fn change(work: &mut Work, old: &SequenceDef, options: &SequenceOptions) -> Result<()> {
    lock(work, old.oid).await?;
    let old = &*work.sequence(old.oid)?;
    let mut new = define(options, Some(old))?;
    if options.owned_by.is_some() && old.owned_by.is_some_and(|owner| owner.identity) {
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot change ownership of identity sequence"));
    }
    new.owned_by = owner_column(work, options, &new).await?;
    let restart = options.restart.map(|restart| restart.unwrap_or(new.start));
    begin_generation(work, old, new, restart).await?;
    work.reload().await
}

/// Stores a sequence as restarted at its beginning. The catalog is to be read again after this.
pub(super) async fn restart(work: &mut Work, sequence: u32) -> Result<()> {
    lock(work, sequence).await?;
    let old = work.sequence(sequence)?;
    begin_generation(work, &old, (*old).clone(), Some(old.start)).await
}

async fn begin_generation(work: &Work, old: &SequenceDef, mut new: SequenceDef, restart: Option<i64>) -> Result<()> {
    let session = work.context.session.clone();
    new.generation = old.generation + 1;
    session.database.sequences.change(old, &new, restart, &session).await?;
    remove_state(work, old).await?;
    work.put(Object::Sequence(new)).await
}

/// Removes the state of a sequence, with the transaction.
pub(super) async fn remove_state(work: &Work, sequence: &SequenceDef) -> Result<()> {
    // At REPEATABLE READ a value may have been drawn behind the snapshot; the row is then left: its number is not used again.
    if work.sees_the_past() {
        return Ok(());
    }
    let key = crate::catalog::store::sequence_key(work.catalog.database, sequence);
    let mut txn = work.txn().await?;
    let view = work.engine().statement(&mut txn);
    let agree = &mut |_: &[u8], _| Ok(true);
    work.engine().delete(&mut txn, &view, work.engine().catalog_tree(), &key, None, agree).await.lift()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_come_from_type_and_direction() {
        let up = define(&SequenceOptions { data_type: Some(SqlType::INT4), ..Default::default() }, None);
        let up = up.expect("the defaults are sound");
        assert_eq!((up.min, up.max, up.start), (1, i64::from(i32::MAX), 1));
        let down = define(&SequenceOptions { increment: Some(-1), ..Default::default() }, None);
        let down = down.expect("the defaults are sound");
        assert_eq!((down.min, down.max, down.start), (i64::MIN, -1, -1));
    }

    #[test]
    fn a_type_change_takes_its_bounds_along() {
        let old = define(&SequenceOptions { data_type: Some(SqlType::INT4), ..Default::default() }, None);
        let old = old.expect("the defaults are sound");
        let new = define(&SequenceOptions { data_type: Some(SqlType::INT8), ..Default::default() }, Some(&old));
        assert_eq!(new.expect("a wider type").max, i64::MAX);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let message = |options: SequenceOptions| define(&options, None).expect_err("refused").message.clone();
        assert_eq!(message(SequenceOptions { increment: Some(0), ..Default::default() }), "INCREMENT must not be zero");
        assert_eq!(
            message(SequenceOptions { min: Some(Some(5)), max: Some(Some(5)), ..Default::default() }),
            "MINVALUE (5) must be less than MAXVALUE (5)"
        );
        assert_eq!(
            message(SequenceOptions { start: Some(0), ..Default::default() }),
            "START value (0) cannot be less than MINVALUE (1)"
        );
    }
}
