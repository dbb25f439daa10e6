//! Running a lowered plan.
//!
//! [`Run`] is one execution of a bound plan: it collects what the plan needs first (scalar subqueries, common table
//! expressions), lowers it for good, has DataFusion optimise it, and hands out its batches. A numeric that does not fit
//! its fixed-point form makes it start again without such forms, as long as no row has left it. Whatever else goes
//! wrong before then is left to the row executor: it spills joins and groups of any kind, runs a subquery only when its
//! value is asked for, and meets an error of the query's own again. The first rows of a union are held back until there
//! are some more, for what goes wrong in a later part of it.
//!
//! DataFusion's planner recurses with large frames, so planning has a thread with a stack of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr;
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::optimizer::eliminate_join::EliminateJoin;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimize_unions::OptimizeUnions;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::SessionConfig;
use futures::StreamExt;
use futures::future::{BoxFuture, Either, select};
use sql::bound::Plan;
use sql::exec::{Claim, ExecContext, Step};
use types::{Datum, Error, Result, SqlState};

use crate::cancel::{CancellableJoins, Watch};
use crate::error::{Failure, classify, is_for_rows};
use crate::lower::{self, Missing, Mode, Prerequisites, Query, Refusal, Table, may_be_ordered};
use crate::repr::{Shape, datum_at};
use crate::scan::BATCH_ROWS;
use crate::spill::SessionFiles;

/// The stack of a planning thread, in bytes. Only what is touched is ever backed by memory.
const PLANNING_STACK_BYTES: usize = 64 << 20;

/// How much of a union is there, in bytes, before its first row goes to the client.
const UNION_BYTES_MIN: usize = 16 << 20;

/// What all runs share.
pub(crate) struct Environment {
    pub partitions: usize,
    /// The most memory that the operators of one query may use, in bytes.
    pub memory_bytes: usize,
}

/// A plan ready to be run.
struct Ready {
    plan: Arc<dyn ExecutionPlan>,
    shapes: Vec<Shape>,
    state: SessionState,
    streams_union: bool,
}

/// One execution of a bound plan.
pub(crate) struct Run {
    environment: Arc<Environment>,
    plan: Arc<Plan>,
    context: Arc<ExecContext>,
    prerequisites: Arc<Prerequisites>,
    mode: Mode,
    state: State,
    /// Whether the first batches are held back.
    streams_union: bool,
    /// The first batches, as long as they have not been handed out.
    held: VecDeque<(RecordBatch, Vec<Shape>)>,
    /// Whether rows have been handed out.
    started: bool,
}

enum State {
    /// What has to be run first.
    Waiting(Vec<Missing>),
    Planned(Box<Ready>),
    Streaming {
        stream: SendableRecordBatchStream,
        shapes: Vec<Shape>,
    },
    Done,
}

impl Run {
    /// Prepares a plan.
    ///
    /// # Errors
    /// A refusal if the plan is not one for this executor.
    pub(crate) fn new(
        environment: &Arc<Environment>,
        plan: &Plan,
        context: &Arc<ExecContext>,
    ) -> std::result::Result<Run, Refusal> {
        // Of what is run first, nobody sees the order.
        if may_be_ordered(plan) {
            return Err(Refusal("rows in the order of an index".into()));
        }
        let prerequisites = Arc::new(Prerequisites::default());
        Run::with(environment, Arc::new(plan.clone()), context, prerequisites)
    }

    fn with(
        environment: &Arc<Environment>,
        plan: Arc<Plan>,
        context: &Arc<ExecContext>,
        prerequisites: Arc<Prerequisites>,
    ) -> std::result::Result<Run, Refusal> {
        let mode = Mode { decimals: true };
        let state = prepare(environment, &plan, context, &prerequisites, mode)?;
        let (environment, context) = (Arc::clone(environment), Arc::clone(context));
        let held = VecDeque::new();
        Ok(Run { environment, plan, context, prerequisites, mode, state, streams_union: false, held, started: false })
    }

    /// The next batch with the form of its columns, `None` at the end.
    pub(crate) async fn next_batch(&mut self) -> Result<Option<(RecordBatch, Vec<Shape>)>> {
        let next = match self.held.pop_front() {
            Some(batch) => Some(batch),
            None => self.make_batch().await?,
        };
        self.started |= next.is_some();
        Ok(next)
    }

    /// Makes the first batches, of a union more than one.
    async fn hold_back(&mut self) -> Result<()> {
        let mut bytes = 0;
        while !self.started && (self.held.is_empty() || (self.streams_union && bytes < UNION_BYTES_MIN)) {
            let Some(batch) = self.make_batch().await? else { break };
            bytes += batch.0.get_array_memory_size();
            self.held.push_back(batch);
        }
        Ok(())
    }

    async fn make_batch(&mut self) -> Result<Option<(RecordBatch, Vec<Shape>)>> {
        loop {
            self.context.check()?;
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(None),
                State::Waiting(missing) => {
                    let ready = collect(&self.environment, &self.context, &self.prerequisites, missing).await?;
                    self.prerequisites = Arc::new(ready);
                    self.prepare_again()?;
                }
                State::Planned(ready) => {
                    self.streams_union = ready.streams_union;
                    let stream = execute_stream(Arc::clone(&ready.plan), ready.state.task_ctx());
                    match stream {
                        Ok(stream) => self.state = State::Streaming { stream, shapes: ready.shapes },
                        Err(error) => self.recover(&error)?,
                    }
                }
                State::Streaming { mut stream, shapes } => match pull(&mut stream, &self.context).await? {
                    None => return Ok(None),
                    Some(Ok(batch)) if batch.num_rows() == 0 => self.state = State::Streaming { stream, shapes },
                    Some(Ok(batch)) => {
                        self.state = State::Streaming { stream, shapes: shapes.clone() };
                        return Ok(Some((batch, shapes)));
                    }
                    Some(Err(error)) => {
                        drop(stream);
                        self.recover(&error)?;
                    }
                },
            }
        }
    }

    /// Starts again if that can help.
    fn recover(&mut self, error: &DataFusionError) -> Result<()> {
        let failure = classify(error);
        if self.started {
            return Err(failure.into_sql());
        }
        match failure {
            Failure::Inexact if self.mode.decimals => self.mode.decimals = false,
            other => return Err(other.into_sql()),
        }
        self.prepare_again()
    }

    fn prepare_again(&mut self) -> Result<()> {
        self.held.clear();
        let state = prepare(&self.environment, &self.plan, &self.context, &self.prerequisites, self.mode);
        self.state = state.map_err(|refusal| Error::new(SqlState::FEATURE_NOT_SUPPORTED, refusal.to_string()))?;
        match &self.state {
            State::Waiting(_) => Err(Error::internal("a query needs what it already has")),
            _ => Ok(()),
        }
    }

    /// The next rows for the client, or that the row executor must run the plan.
    pub(crate) async fn next_step(&mut self) -> Result<Step> {
        let rows = match self.hold_back().await {
            Ok(()) => self.next_rows().await,
            Err(error) => Err(error),
        };
        match rows {
            Ok(Some(rows)) => Ok(Step::Rows(rows)),
            Ok(None) => Ok(Step::End),
            Err(error) if self.started || !is_for_rows(&error) => Err(error),
            Err(error) => {
                if error.sqlstate() == SqlState::INTERNAL_ERROR {
                    tracing::warn!(%error, "the vector executor failed, and the row executor runs the plan");
                } else {
                    tracing::debug!(%error, "the row executor runs the plan");
                }
                Ok(Step::GivenUp)
            }
        }
    }

    /// The next rows, `None` at the end.
    async fn next_rows(&mut self) -> Result<Option<Vec<Vec<Datum>>>> {
        match self.next_batch().await? {
            Some((batch, shapes)) => rows_of(&batch, &shapes).map(Some),
            None => Ok(None),
        }
    }
}

/// The next batch of a stream, unless the statement is cancelled before it is there.
async fn pull(
    stream: &mut SendableRecordBatchStream,
    context: &ExecContext,
) -> Result<Option<datafusion::error::Result<RecordBatch>>> {
    loop {
        let cancelled = std::pin::pin!(context.cancel.cancelled());
        if let Either::Right((batch, _)) = select(cancelled, stream.next()).await {
            return Ok(batch);
        }
        context.check()?;
    }
}

/// The rows of a batch.
fn rows_of(batch: &RecordBatch, shapes: &[Shape]) -> Result<Vec<Vec<Datum>>> {
    let mut rows: Vec<Vec<Datum>> = (0..batch.num_rows()).map(|_| Vec::with_capacity(shapes.len())).collect();
    for (column, shape) in batch.columns().iter().zip(shapes) {
        for (at, row) in rows.iter_mut().enumerate() {
            row.push(datum_at(column, *shape, at).map_err(|error| classify(&error).into_sql())?);
        }
    }
    Ok(rows)
}

/// Runs what a plan needs first. Tables come before scalars, which may read them.
fn collect<'a>(
    environment: &'a Arc<Environment>,
    context: &'a Arc<ExecContext>,
    known: &'a Arc<Prerequisites>,
    missing: Vec<Missing>,
) -> BoxFuture<'a, Result<Prerequisites>> {
    Box::pin(async move {
        let refused = |refusal: Refusal| Error::new(SqlState::FEATURE_NOT_SUPPORTED, refusal.to_string());
        let mut ready = Prerequisites { scalars: known.scalars.clone(), tables: known.tables.clone() };
        let (tables, scalars): (Vec<Missing>, Vec<Missing>) =
            missing.into_iter().partition(|missing| matches!(missing, Missing::Table { .. }));
        for missing in tables.into_iter().chain(scalars) {
            match missing {
                Missing::Table { id, plan } => {
                    if ready.tables.contains_key(&id) {
                        continue;
                    }
                    let so_far =
                        Arc::new(Prerequisites { scalars: ready.scalars.clone(), tables: ready.tables.clone() });
                    let mut run = Run::with(environment, plan, context, so_far).map_err(refused)?;
                    let mut claim = Claim::new(context.memory());
                    let mut table = Table { shapes: Vec::new(), batches: Vec::new(), claim: None };
                    while let Some((batch, shapes)) = run.next_batch().await? {
                        claim.add(batch.get_array_memory_size())?;
                        table.shapes = shapes;
                        table.batches.push(batch);
                    }
                    if table.batches.is_empty() {
                        table.shapes = run.plan.fields.iter().map(|field| Shape::of(field.ty, false)).collect();
                    }
                    table.claim = Some(Arc::new(claim));
                    ready.tables.insert(id, table);
                }
                Missing::Scalar { address, plan, exists } => {
                    let so_far =
                        Arc::new(Prerequisites { scalars: ready.scalars.clone(), tables: ready.tables.clone() });
                    let mut run = Run::with(environment, plan, context, so_far).map_err(refused)?;
                    let value = if exists {
                        Datum::Bool(run.next_rows().await?.is_some())
                    } else {
                        single_value(&mut run).await?
                    };
                    ready.scalars.insert(address, value);
                }
            }
        }
        Ok(ready)
    })
}

/// The single value of a scalar subquery; null without a row.
async fn single_value(run: &mut Run) -> Result<Datum> {
    let mut value = None;
    while let Some(rows) = run.next_rows().await? {
        for row in rows {
            if value.is_some() {
                let message = "more than one row returned by a subquery used as an expression";
                return Err(Error::new(SqlState::CARDINALITY_VIOLATION, message));
            }
            value = Some(row.into_iter().next().unwrap_or(Datum::Null));
        }
    }
    Ok(value.unwrap_or(Datum::Null))
}

/// Lowers a plan and, unless something has to be run first, plans it.
fn prepare(
    environment: &Environment,
    plan: &Plan,
    context: &Arc<ExecContext>,
    prerequisites: &Prerequisites,
    mode: Mode,
) -> std::result::Result<State, Refusal> {
    let work = || {
        let query = lower::lower(plan, context, mode, prerequisites)?;
        if !query.missing.is_empty() {
            return Ok(State::Waiting(query.missing));
        }
        let ready = physical(environment, context, query)?;
        Ok(State::Planned(Box::new(ready)))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("planner".into()).stack_size(PLANNING_STACK_BYTES);
        match thread.spawn_scoped(scope, work) {
            Ok(handle) => handle.join().unwrap_or_else(|_| {
                // A rule of the library's own is broken; the row executor does not depend on it.
                tracing::error!("planning for the vector executor panicked");
                Err(Refusal("planning panicked".into()))
            }),
            Err(error) => Err(Refusal(format!("no thread for planning: {error}"))),
        }
    })
}

fn physical(
    environment: &Environment,
    context: &Arc<ExecContext>,
    query: Query,
) -> std::result::Result<Ready, Refusal> {
    let state = session(environment, context)?;
    let plan = futures::executor::block_on(state.create_physical_plan(&query.plan))?;
    tracing::debug!("the vector executor runs\n{}", displayable(plan.as_ref()).indent(false));
    Ok(Ready { plan, shapes: query.shapes, state, streams_union: query.streams_union })
}

/// DataFusion's session for one run.
fn session(environment: &Environment, context: &Arc<ExecContext>) -> std::result::Result<SessionState, Refusal> {
    let mut config = SessionConfig::new()
        .with_target_partitions(environment.partitions)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.optimizer.repartition_joins = environment.partitions > 1;
    options.optimizer.repartition_aggregations = environment.partitions > 1;
    options.optimizer.enable_round_robin_repartition = environment.partitions > 1;
    // Scans take no filters, so filters found while joining would be evaluated for nothing.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // What a sort keeps free for merging what it has spilled must leave it something to sort with.
    options.execution.sort_spill_reservation_bytes =
        options.execution.sort_spill_reservation_bytes.min(environment.memory_bytes / 8);
    let pool = Arc::new(FairSpillPool::new(environment.memory_bytes));
    // Our own files count by the session's limit, so DataFusion's has nothing to say.
    let files = Arc::new(SessionFiles::new(context.session.clone()));
    let disk = DiskManagerBuilder::default().with_temp_file_factory(files);
    let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(disk).with_memory_pool(pool).build_arc()?;
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_analyzer_rules(Vec::new())
        .with_optimizer_rules(rules())
        .with_physical_optimizer_rules(physical_rules(context))
        .build())
}

/// DataFusion's rules for physical plans, without the one that moves a filter through any projection and joins it to the
/// filter below, in any order: it knows nothing of functions that can fail. Scans take no filters, so nothing is lost.
fn physical_rules(context: &ExecContext) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::default().rules;
    rules.retain(|rule| !rule.name().starts_with("FilterPushdown"));
    rules.push(Arc::new(CancellableJoins(Watch::new(context))));
    rules
}

/// DataFusion's rules, in its order, without those for what we never give it: subqueries, DISTINCT, uncoerced types.
fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(OptimizeUnions::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(EliminateJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateDuplicatedExpr::new()),
        Arc::new(EliminateFilter::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(EliminateLimit::new()),
        Arc::new(PropagateEmptyRelation::new()),
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(PushDownLimit::new()),
        Arc::new(PushDownFilter::new()),
        Arc::new(SingleDistinctToGroupBy::new()),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ]
}
