//! TRUNCATE: empty trees in place of full ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::{TableLockMode, TreeKind};
use types::{Error, Result, SqlState};

use super::depend;
use super::work::Work;
use crate::catalog::codec::Object;
use crate::catalog::{IndexDef, Privileges, TableDef};

/// The caller holds ACCESS EXCLUSIVE on the tables.
pub(super) async fn run(
    work: &mut Work,
    tables: &[Arc<TableDef>],
    restart_identity: bool,
    cascade: bool,
) -> Result<()> {
    for table in tables {
        work.check_not_pending(table, "TRUNCATE")?;
    }
    let mut going: BTreeSet<u32> = tables.iter().map(|table| table.oid).collect();
    let mut queue: Vec<u32> = going.iter().copied().collect();
    while let Some(oid) = queue.pop() {
        let table = work.table(oid)?;
        for constraint in &table.referenced_by {
            if going.contains(&constraint.table) {
                continue;
            }
            let child = work.table(constraint.table)?;
            if !cascade {
                let message = "cannot truncate a table referenced in a foreign key constraint";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                    .detail(format!("Table \"{}\" references \"{}\".", child.name, table.name))
                    .hint(format!(
                        "Truncate table \"{}\" at the same time, or use TRUNCATE ... CASCADE.",
                        child.name
                    )));
            }
            work.check_holds(&child, Privileges::TRUNCATE)?;
            work.notice(SqlState::SUCCESSFUL_COMPLETION, format!("truncate cascades to table \"{}\"", child.name));
            work.lock(u64::from(child.oid), TableLockMode::AccessExclusive).await?;
            work.reload().await?;
            work.check_not_pending(&child, "TRUNCATE")?;
            going.insert(child.oid);
            queue.push(child.oid);
        }
    }
    for oid in going {
        let table = work.table(oid)?;
        empty(work, &table).await?;
        if restart_identity {
            for sequence in depend::owned_sequences(work, &table) {
                let owned = work.sequence(sequence)?;
                work.check_owner(owned.owner, "sequence", &owned.name)?;
                super::sequence::restart(work, sequence).await?;
            }
        }
    }
    work.reload().await
}

async fn empty(work: &Work, table: &TableDef) -> Result<()> {
    let tree = work.create_tree(TreeKind::Clustered).await?.0;
    work.drop_tree(table.tree).await?;
    let valid_from = work.valid_from().await?;
    for old in &table.indexes {
        let mut index = IndexDef { valid_from, tree, ..(**old).clone() };
        if old.tree != table.tree {
            index.tree = work.create_tree(TreeKind::Index).await?.0;
            work.drop_tree(old.tree).await?;
        }
        work.put(Object::Index(index)).await?;
    }
    work.put_table(TableDef { tree, valid_from, estimated_rows: 0.0, ..table.clone() }).await
}
