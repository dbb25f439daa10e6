//! `bench [SECONDS] [SCALE] [quorum] [processes] [few] [cache=SIZE]`: Redoubt and PostgreSQL side by side.
//!
//! `quorum` adds PostgreSQL with six standbys. With `processes` each node and server of ours is a process, and there is
//! a replica. `few` leaves out all but pgbench's scripts as prepared statements, and COPY; without it Debian's package
//! sysbench is needed. All have a cache of 512 MB, or SIZE. A server that finishes nothing, however long it warms up,
//! has no figures in that cell.
//!
//! Each cell runs for SECONDS on every server, three times in turns: a rate is the median one, with the lowest and the
//! highest. A table and plots go to standard output and to `tests/bench/results`.

use std::fmt::Write as _;
use std::path::Path;
use tests::bench::{CELLS, Cell, Figures, Subject, in_turns, median, provenance};
use tests::rival::Postgres;
use tests::{Cluster, Options};

/// In the place of figures.
const NOTHING: &str = "nothing finished";
/// Rows that COPY loads.
const COPY_ROWS: u64 = 500_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.first().map_or(Ok(10), |text| text.parse())?;
    let scale = arguments.get(1).map_or(Ok(10), |text| text.parse())?;
    let is_known = |word: &String| ["quorum", "processes", "few"].contains(&&**word) || word.starts_with("cache=");
    if let Some(word) = arguments.iter().skip(2).find(|word| !is_known(word)) {
        anyhow::bail!("{word}? bench [SECONDS] [SCALE] [quorum] [processes] [few] [cache=SIZE]");
    }
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let cache = arguments.iter().find_map(|argument| argument.strip_prefix("cache=")).unwrap_or("512MB");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let processes = has("processes");
    // With the load of 256 clients on two cores a writer may not run for half a second; this is not about that.
    let settings = ["--cache-size", cache, "--max-connections", "600", "--failover-timeout", "0"];
    let settings = settings.map(str::to_owned).to_vec();
    let options = Options { processes, replicas: processes.into(), arguments: settings, ..Options::default() };
    let cluster = runtime.block_on(Cluster::start(options))?;
    let single = Postgres::start(0, cache)?;
    let quorum = has("quorum").then(|| Postgres::start(6, cache)).transpose()?;
    let (name, replica) = if processes { ("Redoubt, in processes", Some(cluster.port(1))) } else { ("Redoubt", None) };
    let mut subjects = vec![
        Subject { name, port: cluster.port(0), replica, pids: vec![cluster.pid()] },
        Subject { name: "PostgreSQL", port: single.port(), replica: None, pids: single.pids()? },
    ];
    if let Some(quorum) = &quorum {
        let (port, pids) = (quorum.port(), quorum.pids()?);
        subjects.push(Subject { name: "PostgreSQL, six standbys", port, replica: Some(port + 1), pids });
    }

    let mut report = String::from("| workload |");
    subjects.iter().for_each(|subject| write!(report, " {} |", subject.name).expect("a string takes all"));
    report += "\n|---|";
    report += &"---|".repeat(subjects.len());
    row(&mut report, &format!("`pgbench -i -s {scale}`, seconds"), &subjects, |_, subject| {
        Ok(format!("{:.1}", subject.load(scale)?.as_secs_f64()))
    })?;
    if !has("few") {
        subjects.iter().try_for_each(Subject::load_others)?;
    }
    let is_chosen = |cell: &Cell| !has("few") || cell.mode == "prepared" && cell.workload != "hot";
    let mut plots = Vec::new();
    for cell in CELLS.into_iter().filter(is_chosen) {
        let measure = |subject: &Subject, is_first| match is_first {
            true => subject.warm(cell, seconds),
            false => subject.run(cell, seconds),
        };
        let turns = in_turns(&subjects, measure)?;
        row(&mut report, &label(cell), &subjects, |at, _| Ok(said(&turns[at])))?;
        plots.push((label(cell), turns.iter().map(|turns| Figures::median(turns)).collect()));
    }
    let copied = in_turns(&subjects, |subject, _| subject.copy(COPY_ROWS).map(Some))?;
    row(&mut report, &format!("COPY in / out, {COPY_ROWS} rows, primary key, rows/s"), &subjects, |at, _| {
        let rates = |way: usize| median(copied[at].iter().map(|turn| turn[way]));
        Ok(format!("{:.0} / {:.0}", rates(0), rates(1)))
    })?;
    row(&mut report, "lag of a replica under TPC-B c=8, p50 / p99 ms", &subjects, |_, subject| {
        if subject.replica.is_none() {
            return Ok("-".into());
        }
        let [p50, p99] = runtime.block_on(subject.lag(seconds))?;
        Ok(format!("{p50:.2} / {p99:.2}"))
    })?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/results");
    std::fs::create_dir_all(&folder)?;
    report = format!("{}\n\n{report}\n", provenance("just bench"));
    // A run of other settings does not replace it.
    let words = arguments.iter().skip(2).map(|word| word.replace('=', "-"));
    let settings = std::iter::once(scale.to_string()).chain(words).collect::<Vec<_>>().join("-");
    let file = |what: &str| folder.join(format!("bench-{settings}{what}"));
    std::fs::write(file(".md"), &report)?;
    let names: Vec<&str> = subjects.iter().map(|subject| subject.name).collect();
    std::fs::write(file("-tps.svg"), plot("transactions a second", &names, &plots, |it| it.tps))?;
    std::fs::write(file("-cpu.svg"), plot("server CPU, us a transaction", &names, &plots, |it| it.cpu_us))?;
    println!("\n{report}");
    Ok(())
}

fn said(turns: &[Figures]) -> String {
    let Some(Figures { tps, p99_ms, cpu_us, failed }) = Figures::median(turns) else { return NOTHING.to_owned() };
    let lowest = turns.iter().map(|turn| turn.tps).fold(f64::INFINITY, f64::min);
    let highest = turns.iter().map(|turn| turn.tps).fold(0.0, f64::max);
    let text = format!("{tps:.0} tps ({lowest:.0}-{highest:.0}), p99 {p99_ms:.1} ms, {cpu_us:.0} us CPU");
    if failed == 0 { text } else { format!("{text}, {failed} failed") }
}

fn label(cell: Cell) -> String {
    format!("{} {} c={}", cell.workload, cell.mode, cell.clients)
}

/// Measures a row of the table, subject by subject.
fn row(
    report: &mut String,
    label: &str,
    subjects: &[Subject],
    mut measure: impl FnMut(usize, &Subject) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    write!(report, "\n| {label} |")?;
    for (at, subject) in subjects.iter().enumerate() {
        let found = measure(at, subject)?;
        println!("{label}: {}: {found}", subject.name);
        write!(report, " {found} |")?;
    }
    Ok(())
}

/// Bars, grouped by workload; each group is scaled to its longest bar, for the groups differ by factors of twenty.
fn plot(
    title: &str,
    names: &[&str],
    groups: &[(String, Vec<Option<Figures>>)],
    value: impl Fn(&Figures) -> f64,
) -> String {
    const COLOURS: [&str; 3] = ["#2f6f9f", "#b4b4b4", "#808080"];
    let (bar, left, longest) = (14, 310, 420.0);
    let mut bars = String::new();
    let mut y = 30;
    for (label, figures) in groups {
        let scale = figures.iter().flatten().map(&value).fold(f64::MIN_POSITIVE, f64::max);
        writeln!(bars, "<text x='{}' y='{}' text-anchor='end'>{label}</text>", left - 8, y + bar).expect("a string");
        for (figure, colour) in figures.iter().zip(COLOURS) {
            let (width, value) = match figure.as_ref().map(&value) {
                Some(value) => (value / scale * longest, format!("{value:.0}")),
                None => (0.0, NOTHING.to_owned()),
            };
            writeln!(
                bars,
                "<rect x='{left}' y='{y}' width='{width:.0}' height='{}' fill='{colour}'/>\
                 <text x='{}' y='{}'>{value}</text>",
                bar - 2,
                left as f64 + width + 5.0,
                y + bar - 3
            )
            .expect("a string");
            y += bar;
        }
        y += 8;
    }
    let legend: Vec<String> = names
        .iter()
        .zip(COLOURS)
        .map(|(name, colour)| format!("<tspan fill='{colour}' font-weight='bold'>{name}</tspan>"))
        .collect();
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='840' height='{}' font-family='sans-serif' font-size='11'>\n\
         <rect width='100%' height='100%' fill='white'/>\n<text x='8' y='16'>{title}: {}</text>\n{bars}</svg>\n",
        y + 8,
        legend.join(", ")
    )
}
