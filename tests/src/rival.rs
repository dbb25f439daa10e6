//! PostgreSQL beside us, as durable as it comes: one server, or one with six standbys of which any four must have flushed.

use crate::cluster::PATIENCE;
use anyhow::{Context, ensure};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A PostgreSQL server of our own, gone when dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    directory: tempfile::TempDir,
    port: u16,
    standbys: u16,
}

impl Postgres {
    /// Starts a server with default settings but for a cache of `cache`, as PostgreSQL writes it, and `standbys` standbys that
    /// flush before a commit is told.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub fn start(standbys: u16, cache: &str) -> anyhow::Result<Postgres> {
        let programs = Command::new("pg_config").arg("--bindir").output().context("pg_config: install postgresql")?;
        let programs = PathBuf::from(String::from_utf8(programs.stdout)?.trim());
        let rival = Postgres { programs, directory: tempfile::tempdir()?, port: free_port(standbys)?, standbys };
        let path = rival.directory.path().to_str().context("a temporary directory has a plain name")?.to_owned();
        if is_root()? {
            run(Command::new("chown").args(["postgres", &path]))?;
        }
        let (main, port) = (format!("{path}/main"), rival.port);
        rival.run("initdb", &["-D", &main, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])?;
        let settings = format!(
            "port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nshared_buffers={cache}\n\
             max_wal_size=8GB\nmax_wal_senders=20\nwal_keep_size=4GB\nmax_connections=600\n"
        );
        append(&format!("{main}/postgresql.conf"), &settings)?;
        rival.start_server("main")?;
        for n in 1..=standbys {
            let data = format!("{path}/standby{n}");
            let from = port.to_string();
            rival
                .run("pg_basebackup", &["-h", "127.0.0.1", "-p", &from, "-U", "postgres", "-D", &data, "-c", "fast"])?;
            let primary = format!("host=127.0.0.1 port={port} user=postgres application_name=s{n}");
            let settings = format!("port={}\nshared_buffers=128MB\nprimary_conninfo='{primary}'\n", port + n);
            append(&format!("{data}/postgresql.conf"), &settings)?;
            rival.run_program("touch", &[&format!("{data}/standby.signal")])?;
            rival.start_server(&format!("standby{n}"))?;
        }
        if standbys > 0 {
            let names = (1..=standbys).map(|n| format!("s{n}")).collect::<Vec<_>>().join(",");
            rival.psql(&format!("ALTER SYSTEM SET synchronous_standby_names = 'ANY 4 ({names})'"))?;
            rival.psql("SELECT pg_reload_conf()")?;
            let deadline = Instant::now() + PATIENCE;
            while rival.psql("SELECT count(*) >= 4 FROM pg_stat_replication WHERE sync_state = 'quorum'")? != "t" {
                ensure!(Instant::now() < deadline, "the standbys do not connect");
            }
        }
        Ok(rival)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The processes that run the servers.
    ///
    /// # Errors
    /// When a server has ended.
    pub fn pids(&self) -> anyhow::Result<Vec<u32>> {
        self.servers().map(|server| self.pid(&server)).collect()
    }

    fn servers(&self) -> impl Iterator<Item = String> + use<> {
        std::iter::once("main".to_owned()).chain((1..=self.standbys).map(|n| format!("standby{n}")))
    }

    fn pid(&self, server: &str) -> anyhow::Result<u32> {
        let file = self.directory.path().join(server).join("postmaster.pid");
        let text = std::fs::read_to_string(&file).with_context(|| format!("{server} is not running"))?;
        Ok(text.lines().next().unwrap_or_default().parse()?)
    }

    fn start_server(&self, server: &str) -> anyhow::Result<()> {
        let data = self.directory.path().join(server);
        let data = data.to_str().context("a temporary directory has a plain name")?;
        self.run("pg_ctl", &["-D", data, "-w", "-t", "60", "-l", &format!("{data}.log"), "start"])
    }

    fn psql(&self, sql: &str) -> anyhow::Result<String> {
        let port = self.port.to_string();
        let output = Command::new("psql")
            .args(["-X", "-A", "-t", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", sql, "postgres"])
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let program = self.programs.join(program);
        self.run_program(program.to_str().context("programs have plain names")?, arguments)
    }

    /// Runs a program as the user that PostgreSQL wants: anyone but root.
    fn run_program(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = if is_root()? {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups", program]);
            command
        } else {
            Command::new(program)
        };
        run(command.args(arguments).current_dir(self.directory.path()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for server in self.servers() {
            let data = self.directory.path().join(server);
            let _ = self.run("pg_ctl", &["-D", &data.to_string_lossy(), "-m", "immediate", "stop"]);
        }
    }
}

fn is_root() -> anyhow::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    // Servers that the command leaves behind must not hold our pipes.
    let log = tempfile::tempfile()?;
    let status = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).status()?;
    if !status.success() {
        use std::io::{Read, Seek};
        let (mut log, mut text) = (log, String::new());
        log.rewind()?;
        log.read_to_string(&mut text)?;
        anyhow::bail!("{command:?}: {status}\n{text}");
    }
    Ok(())
}

fn append(file: &str, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    std::fs::File::options().append(true).open(file)?.write_all(text.as_bytes())?;
    Ok(())
}

fn free_port(behind: u16) -> anyhow::Result<u16> {
    crate::cluster::free_ports(behind)
}
