//! Reading tables: by key, by a range of keys, through an index, or all of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use engine::{Direction, KeyRange, Rows, Scan as EngineScan};
use futures::future::BoxFuture;
use protocol::TxnId;
use types::row::RowView;
use types::{Datum, Error, Result, SqlType};

use super::basic::Place;
use super::context::ExecContext;
use super::eval::{Env, eval};
use super::frames::{Frames, Row};
use super::lift::Lift;
use super::source::{Batch, BoxSource, OwnedRows, Source};
use super::system_column::{place, system_value};
use super::table::{after_prefix, push_key, tree};
use crate::bound::{
    Access, AnyKey, Expr, Fit, IndexAccess, Node, Plan, Relation, Scan, ScanColumn, SystemColumn, walk,
};
use crate::catalog::{self, IndexDef, SequenceDef, TableDef, VirtualRelation, VirtualSource, well_known};
use crate::session::Standing;

pub(crate) fn open(at: Place, scan: &Scan) -> Result<BoxSource> {
    Ok(match &scan.relation {
        Relation::Table(table) => {
            Box::new(TableScan::new(at, table.clone(), scan.columns.clone(), scan.access.clone(), scan.filter.clone()))
        }
        Relation::Virtual(relation) => Box::new(MadeScan::new(at, Made::System(relation), scan)),
        Relation::Sequence(sequence) => Box::new(MadeScan::new(at, Made::Sequence(sequence.clone()), scan)),
    })
}

/// The scan of a table that yields what `exprs` are over the rows of `input`, when they are columns of a scan without a
/// filter (which sees all columns).
pub(crate) fn projected(input: &Plan, exprs: &[Expr]) -> Option<Scan> {
    let Node::Scan(scan) = &input.node else { return None };
    if scan.filter.is_some() || !matches!(scan.relation, Relation::Table(_)) {
        return None;
    }
    let column = |expr: &Expr| match expr {
        Expr::Column { index, .. } => Some(scan.columns[*index]),
        _ => None,
    };
    let columns = exprs.iter().map(column).collect::<Option<Vec<_>>>()?;
    Some(Scan { columns, ..(**scan).clone() })
}

/// The value of an output column of a scan. Who wrote the row needs to be known only for some.
pub(crate) fn column_value(
    table: &TableDef,
    column: ScanColumn,
    key: &[u8],
    writer: Option<TxnId>,
    row: &RowView<'_>,
) -> Result<Datum> {
    Ok(match column {
        ScanColumn::Attribute(position) if table.columns[position].dropped => Datum::Null,
        ScanColumn::Attribute(position) => row.get(position)?,
        ScanColumn::System(what) => system_value(what, table, key, writer),
    })
}

/// A range of keys in a tree, or nothing.
pub(crate) enum Target {
    Nothing,
    Ranges(Vec<KeyRange>),
}

/// The types of the columns that an access' prefix and bounds are about.
pub(crate) fn access_types(table: &TableDef, access: &IndexAccess) -> Vec<SqlType> {
    match &access.index {
        Some(index) if index.tree != table.tree => {
            index.column_positions().map(|position| table.columns[position].ty).collect()
        }
        _ => table.shape.key_types.clone(),
    }
}

/// The values that an access compares its key with, in the order of [`AccessValues::expressions`].
struct AccessValues(Vec<Datum>);

impl AccessValues {
    fn expressions(access: &IndexAccess) -> impl Iterator<Item = &Expr> {
        let any: &[Expr] = match &access.any {
            Some(AnyKey::List(exprs)) => exprs,
            Some(AnyKey::Array(expr)) => std::slice::from_ref(expr),
            None => &[],
        };
        let bounds = access.lower.iter().chain(&access.upper).map(|bound| &bound.value);
        access.prefix.iter().chain(any).chain(bounds)
    }

    async fn of(at: &Place, access: &IndexAccess) -> Result<AccessValues> {
        let mut values = Vec::new();
        for expr in Self::expressions(access) {
            values.push(at.evaluate(expr, &[]).await?);
        }
        Ok(AccessValues(values))
    }
}

/// The ranges of keys that an access reads, where its values need no enclosing row and no waiting.
pub fn known_ranges(table: &TableDef, access: &IndexAccess, context: &Arc<ExecContext>) -> Option<Vec<KeyRange>> {
    let mut values = Vec::new();
    let frames = Frames::none();
    for expr in AccessValues::expressions(access) {
        let mut outer = false;
        walk::visit(expr, &mut |expr| outer |= matches!(expr, Expr::Outer { .. }));
        values.push(if outer { None } else { eval(expr, &Env::new(context, &[], &frames)).ok() }?);
    }
    match ranges(table, access, AccessValues(values)).ok()? {
        Target::Nothing => Some(Vec::new()),
        Target::Ranges(ranges) => Some(ranges),
    }
}

/// The ranges of keys that an access reads.
fn ranges(table: &TableDef, access: &IndexAccess, values: AccessValues) -> Result<Target> {
    let mut values = values.0.into_iter();
    let mut value = || values.next().ok_or_else(|| Error::internal("an access without a value"));
    let types = access_types(table, access);
    let mut prefix = Vec::new();
    for ty in types.iter().take(access.prefix.len()) {
        match Fit::new(value()?, *ty) {
            Fit::Value(value) => push_key(&value, *ty, &mut prefix),
            Fit::Below | Fit::Above | Fit::Null => return Ok(Target::Nothing),
        }
    }
    let next = types.get(access.prefix.len()).copied();
    if let Some(any) = &access.any {
        let ty = next.ok_or_else(|| Error::internal("an IN over a column that the index does not have"))?;
        let values = match any {
            AnyKey::List(exprs) => (0..exprs.len()).map(|_| value()).collect::<Result<Vec<_>>>()?,
            AnyKey::Array(_) => match value()? {
                Datum::Array(array) => array.elements.to_vec(),
                _ => Vec::new(),
            },
        };
        return Ok(any_ranges(values, ty, &prefix));
    }
    let mut lower = Bound::Included(prefix.clone());
    if access.lower.is_none() && access.upper.is_none() {
        let upper = if prefix.is_empty() { Bound::Unbounded } else { after_prefix(&prefix) };
        return Ok(Target::Ranges(vec![KeyRange { lower, upper }]));
    }
    let ty = next.ok_or_else(|| Error::internal("a bound on a column that the index does not have"))?;
    // Nulls stand behind all values, outside of any bound.
    let mut nulls = prefix.clone();
    push_key(&Datum::Null, ty, &mut nulls);
    let mut upper = Bound::Excluded(nulls);
    if let Some(bound) = &access.lower {
        match Fit::new(value()?, ty) {
            Fit::Value(value) => {
                let mut key = prefix.clone();
                push_key(&value, ty, &mut key);
                lower = if bound.inclusive {
                    Bound::Included(key)
                } else {
                    // Behind every entry with this value, whatever columns follow.
                    match after_prefix(&key) {
                        Bound::Excluded(after) => Bound::Included(after),
                        _ => return Ok(Target::Nothing),
                    }
                };
            }
            Fit::Below => {}
            Fit::Above | Fit::Null => return Ok(Target::Nothing),
        }
    }
    if let Some(bound) = &access.upper {
        match Fit::new(value()?, ty) {
            Fit::Value(value) => {
                let mut key = prefix.clone();
                push_key(&value, ty, &mut key);
                upper = if bound.inclusive { after_prefix(&key) } else { Bound::Excluded(key) };
            }
            Fit::Above => {}
            Fit::Below | Fit::Null => return Ok(Target::Nothing),
        }
    }
    Ok(Target::Ranges(vec![KeyRange { lower, upper }]))
}

fn any_ranges(values: Vec<Datum>, ty: SqlType, prefix: &[u8]) -> Target {
    // The set drops duplicates and puts the keys into their order.
    let mut keys = BTreeSet::new();
    for value in values {
        if let Fit::Value(value) = Fit::new(value, ty) {
            let mut key = prefix.to_vec();
            push_key(&value, ty, &mut key);
            keys.insert(key);
        }
    }
    let range = |key: Vec<u8>| {
        let upper = after_prefix(&key);
        KeyRange { lower: Bound::Included(key), upper }
    };
    Target::Ranges(keys.into_iter().map(range).collect())
}

/// Reads a table.
pub(crate) struct TableScan {
    at: Place,
    table: Arc<TableDef>,
    columns: Vec<ScanColumn>,
    access: Access,
    filter: Option<Expr>,
    started: bool,
    /// Ranges still to be read, last one first.
    ranges: Vec<KeyRange>,
    direction: Direction,
    index: Option<Arc<IndexDef>>,
    current: Option<EngineScan>,
    /// Rows or entries that were read.
    rows: Rows,
    /// How many of them have been taken.
    taken: usize,
    buffer: Vec<u8>,
}

impl TableScan {
    pub fn new(
        at: Place,
        table: Arc<TableDef>,
        columns: Vec<ScanColumn>,
        access: Access,
        filter: Option<Expr>,
    ) -> TableScan {
        TableScan {
            at,
            table,
            columns,
            access,
            filter,
            started: false,
            ranges: Vec::new(),
            direction: Direction::Forward,
            index: None,
            current: None,
            rows: Rows::new(),
            taken: 0,
            buffer: Vec::new(),
        }
    }

    async fn start(&mut self) -> Result<()> {
        self.started = true;
        let access = match &self.access {
            Access::Full => {
                self.ranges = vec![KeyRange::all()];
                return Ok(());
            }
            Access::Index(access) => access,
        };
        self.index = access.index.clone().filter(|index| index.tree != self.table.tree);
        let values = AccessValues::of(&self.at, access).await?;
        if let Target::Ranges(mut ranges) = ranges(&self.table, access, values)? {
            if access.reverse {
                self.direction = Direction::Backward;
            } else {
                ranges.reverse();
            }
            self.ranges = ranges;
        }
        Ok(())
    }

    /// Decodes one row.
    fn decode(&self, key: &[u8], writer: Option<TxnId>, row: &[u8]) -> Result<Row> {
        let view = self.table.shape.layout.view(row)?;
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            values.push(column_value(&self.table, *column, key, writer, &view)?);
        }
        Ok(values)
    }

    /// Whether a row passes the filter.
    async fn passes(&self, row: &[Datum]) -> Result<bool> {
        match &self.filter {
            Some(filter) => self.at.holds(filter, row).await,
            None => Ok(true),
        }
    }

    /// Reads further rows or entries; false at the end.
    async fn fill(&mut self, max: usize) -> Result<bool> {
        self.taken = 0;
        loop {
            self.at.context.check()?;
            // Nobody above has a turn before a row passes the filter.
            tokio::task::consume_budget().await;
            let Some(scan) = &mut self.current else {
                let Some(range) = self.ranges.pop() else { return Ok(false) };
                let engine = self.at.context.engine();
                let from = self.index.as_ref().map_or(self.table.tree, |index| index.tree);
                let scan = engine.scan(&self.at.context.view, tree(from), range, self.direction);
                let tells_writers = self.columns.contains(&ScanColumn::System(SystemColumn::Xmin));
                self.current = Some(if tells_writers { scan.with_writers() } else { scan });
                continue;
            };
            if scan.next_batch(&mut self.rows, max).await.lift()? > 0 {
                return Ok(true);
            }
            self.current = None;
        }
    }

    async fn read(&mut self, max: usize) -> Result<Vec<Row>> {
        if !self.started {
            self.start().await?;
        }
        let mut out = Batch::new(max);
        while out.is_empty() && (self.taken < self.rows.len() || self.fill(max).await?) {
            let rows = std::mem::take(&mut self.rows);
            while self.taken < rows.len() && !out.is_full() {
                let ((key, row), writer) = (rows.get(self.taken), rows.writer(self.taken));
                self.taken += 1;
                if self.index.is_none() {
                    let row = self.decode(key, writer, row)?;
                    if self.filter.is_none() || self.passes(&row).await? {
                        out.push(row);
                    }
                    continue;
                }
                // The entry's value is the row's key in the table.
                let mut buffer = std::mem::take(&mut self.buffer);
                buffer.clear();
                let context = &self.at.context;
                let tree = tree(self.table.tree);
                let writer = context.engine().get_version(&context.view, tree, row, &mut buffer).await.lift()?;
                if writer.is_none() {
                    let what = format!("an entry of index \"{}\" leads to no row", self.index_name());
                    return Err(Error::new(types::SqlState::INDEX_CORRUPTED, what));
                }
                let row = self.decode(row, writer, &buffer)?;
                self.buffer = buffer;
                if self.passes(&row).await? {
                    out.push(row);
                }
            }
            self.rows = rows;
        }
        Ok(out.into_rows())
    }

    fn index_name(&self) -> &str {
        self.index.as_ref().map_or("", |index| &index.name)
    }
}

impl Source for TableScan {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(self.read(max))
    }
}

/// What has rows only when it is read.
enum Made {
    System(&'static VirtualRelation),
    Sequence(Arc<SequenceDef>),
}

impl Made {
    fn oid(&self) -> u32 {
        match self {
            Made::System(relation) => relation.oid,
            Made::Sequence(sequence) => sequence.oid,
        }
    }

    /// All rows, each with a value for every column.
    async fn rows(&self, context: &ExecContext) -> Result<Vec<Row>> {
        let relation = match self {
            Made::System(relation) => relation,
            Made::Sequence(sequence) => {
                let Standing { last, called, ahead } = standing(sequence, context).await?;
                return Ok(vec![vec![Datum::Int8(last), Datum::Int8(ahead.into()), Datum::Bool(called)]]);
            }
        };
        let last_values =
            if relation.oid == well_known::PG_SEQUENCES { last_values(context).await? } else { HashMap::new() };
        let source = VirtualSource {
            catalog: &context.catalog,
            settings: &context.settings,
            session: &context.session,
            last_values,
        };
        let rows = (relation.rows)(&source)?;
        match rows.iter().find(|row| row.len() != relation.columns.len()) {
            Some(row) => Err(Error::internal(format!("{relation:?} made a row of {} columns", row.len()))),
            None => Ok(rows),
        }
    }
}

async fn standing(sequence: &SequenceDef, context: &ExecContext) -> Result<Standing> {
    context.session.database.sequences.read(sequence, &context.view, &context.session).await
}

/// The last values of the sequences that were drawn from, by their numbers.
async fn last_values(context: &ExecContext) -> Result<HashMap<u32, i64>> {
    let mut values = HashMap::new();
    for relation in context.catalog.relations() {
        let catalog::Relation::Sequence(sequence) = relation else { continue };
        tokio::task::consume_budget().await;
        context.check()?;
        if let Standing { last, called: true, .. } = standing(sequence, context).await? {
            values.insert(sequence.oid, last);
        }
    }
    Ok(values)
}

/// Reads what has rows only when it is read.
struct MadeScan {
    made: Made,
    columns: Vec<ScanColumn>,
    filter: Option<Expr>,
    at: Place,
    rows: Option<OwnedRows>,
}

/// The rows of a table of the system by an oid in them, for a statement that looks for those of one row outside after the other,
/// as pg_dump asks for the columns of each index: they are made once.
pub(super) struct ByOid {
    rows: Vec<Row>,
    places: HashMap<u32, Vec<u32>>,
}

impl ByOid {
    fn new(rows: Vec<Row>, column: usize) -> ByOid {
        let mut places: HashMap<u32, Vec<u32>> = HashMap::new();
        for (place, row) in (0..).zip(&rows) {
            if let Datum::Oid(oid) = row[column] {
                places.entry(oid).or_default().push(place);
            }
        }
        ByOid { rows, places }
    }
}

impl MadeScan {
    fn new(at: Place, made: Made, scan: &Scan) -> MadeScan {
        MadeScan { made, columns: scan.columns.clone(), filter: scan.filter.clone(), at, rows: None }
    }

    async fn rows(&mut self) -> Result<OwnedRows> {
        let mut passed = Vec::new();
        if let Some((relation, column, outer)) = self.lookup() {
            let Datum::Oid(wanted) = self.at.evaluate(outer, &[]).await? else { return Ok(OwnedRows::new(passed)) };
            let key = (relation.oid, column);
            let found = match self.at.context.by_oid(key) {
                Some(found) => found,
                None => {
                    let made = Arc::new(ByOid::new(self.made.rows(&self.at.context).await?, column));
                    self.at.context.keep_by_oid(key, made.clone());
                    made
                }
            };
            for &number in found.places.get(&wanted).into_iter().flatten() {
                self.pass(number.into(), &found.rows[number as usize], &mut passed).await?;
            }
            return Ok(OwnedRows::new(passed));
        }
        for (number, mut row) in (0..).zip(self.made.rows(&self.at.context).await?) {
            self.pass(number, &row, &mut passed).await?;
            row.clear();
        }
        Ok(OwnedRows::new(passed))
    }

    /// The column of a table of the system, and what of a row outside it is compared with: only such rows pass the filter.
    fn lookup(&self) -> Option<(&'static VirtualRelation, usize, &Expr)> {
        let Made::System(relation) = self.made else { return None };
        // Views are of what goes on.
        if relation.kind != b'r' {
            return None;
        }
        let terms = match self.filter.as_ref()? {
            Expr::And(terms) => terms.as_slice(),
            term => std::slice::from_ref(term),
        };
        terms.iter().find_map(|term| {
            let Expr::Call(call) = term else { return None };
            let ([left, right], "=") = (call.args.as_slice(), call.operator?.name) else { return None };
            let (own, outer) = if matches!(left, Expr::Outer { .. }) { (right, left) } else { (left, right) };
            let (Expr::Column { index, ty: SqlType::OID }, Expr::Outer { ty: SqlType::OID, .. }) = (own, outer) else {
                return None;
            };
            let ScanColumn::Attribute(column) = self.columns.get(*index)? else { return None };
            Some((relation, *column, outer))
        })
    }

    /// Takes a row if it passes the filter.
    async fn pass(&self, number: u64, row: &Row, passed: &mut Vec<Row>) -> Result<()> {
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            values.push(match column {
                ScanColumn::Attribute(position) => row[*position].clone(),
                ScanColumn::System(SystemColumn::TableOid) => Datum::Oid(self.made.oid()),
                ScanColumn::System(SystemColumn::Ctid) => place(number),
                ScanColumn::System(SystemColumn::Key) => Datum::Null,
                ScanColumn::System(_) => Datum::Oid(0),
            });
        }
        match &self.filter {
            Some(filter) if !self.at.holds(filter, &values).await? => {}
            _ => passed.push(values),
        }
        Ok(())
    }
}

impl Source for MadeScan {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if self.rows.is_none() {
                self.rows = Some(self.rows().await?);
            }
            Ok(self.rows.as_mut().map(|rows| rows.take(max)).unwrap_or_default())
        })
    }
}
