//! ALTER VIEW.

use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result};

use super::rename;
use super::work::Work;
use crate::bound::AlterView;
use crate::catalog::codec::Object;
use crate::catalog::parameters::{self, Bearer};
use crate::catalog::{Relation, ViewDef, ViewParameters};

pub(super) async fn alter(work: &mut Work, view: &Arc<ViewDef>, actions: &[AlterView]) -> Result<()> {
    let mode = TableLockMode::AccessExclusive;
    let Relation::View(found) = rename::locked(work, &Relation::View(view.clone()), mode).await? else {
        return Err(Error::internal("a view became something else"));
    };
    let mut new = (*found).clone();
    for action in actions {
        match action {
            AlterView::SetOptions(options) => {
                parameters::set(Bearer::View, &mut new.options, options)?;
                if ViewParameters::read(&new.options)?.check_option.is_some() {
                    work.check_takes_check_option(&new)?;
                }
            }
            AlterView::ResetOptions(names) => parameters::reset(&mut new.options, names),
            AlterView::SetDefault { column, text } => {
                new.defaults.retain(|(at, _)| at != column);
                new.defaults.extend(text.iter().map(|text| (*column, Arc::from(text.as_str()))));
            }
        }
    }
    work.put(Object::View(new)).await?;
    work.reload().await
}
