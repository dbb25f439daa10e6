//! TPC-B's invariant: what was added to accounts, tellers and branches is what history says.

use anyhow::ensure;
use tokio_postgres::Client;

/// The four sums of a pgbench database, which agree when no transaction was lost, torn or applied twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    pub accounts: i64,
    pub tellers: i64,
    pub branches: i64,
    pub history: i64,
    /// Rows of history: committed transactions.
    pub transactions: i64,
}

impl Sums {
    /// Reads all four in one snapshot.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn read(client: &Client) -> anyhow::Result<Sums> {
        client.simple_query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let one = async |sql: &str| anyhow::Ok(client.query_one(sql, &[]).await?.get::<_, i64>(0));
        let sums = Sums {
            accounts: one("SELECT coalesce(sum(abalance), 0)::bigint FROM pgbench_accounts").await?,
            tellers: one("SELECT coalesce(sum(tbalance), 0)::bigint FROM pgbench_tellers").await?,
            branches: one("SELECT coalesce(sum(bbalance), 0)::bigint FROM pgbench_branches").await?,
            history: one("SELECT coalesce(sum(delta), 0)::bigint FROM pgbench_history").await?,
            transactions: one("SELECT count(*) FROM pgbench_history").await?,
        };
        client.simple_query("COMMIT").await?;
        Ok(sums)
    }

    /// Checks that the four agree.
    ///
    /// # Errors
    /// With all of them, when they do not.
    pub fn check(&self) -> anyhow::Result<()> {
        let agree = self.accounts == self.history && self.tellers == self.history && self.branches == self.history;
        ensure!(agree, "the sums differ: {self:?}");
        Ok(())
    }
}
