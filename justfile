# Convenience only: each recipe is one plain command, and ./check runs the same ones.

# Format, lint, test: the whole loop.
default: check

# Start a local cluster.
up:
    ./up

# Everything that CI runs.
check:
    ./check

# The fast loop: storage and the row engine, without DataFusion.
hot:
    cargo test -p redoubt-protocol -p redoubt-storage -p redoubt-types -p redoubt-engine -p redoubt-sql

# Ten minutes of killed, paused and cut-off hosts under load: `just chaos SEED SECONDS`.
chaos seed="1" seconds="600":
    cargo build --release --bin redoubt
    cargo run --release -p redoubt-tests --bin chaos -- {{seed}} {{seconds}}

# So many kills of the writer in a row under TPC-B, and how long until writes are accepted again:
# `just failover [ROUNDS] [CLIENTS] [command] [proxy]`.
failover *arguments:
    cargo build --release --bin redoubt
    cargo run --release -p redoubt-tests --bin failover -- {{arguments}}

# What 0, 1, 5 and 15 replicas cost the writer, how they lag, and how soon a new one answers:
# `just replicas [SECONDS] [SCALE] [N,N,...]`.
replicas *arguments:
    cargo build --release --bin redoubt
    cargo run --release -p redoubt-tests --bin replicas -- {{arguments}}

# Memory of connections that are silent, and what eight clients do among them: `just idle [CONNECTIONS] [SECONDS]`.
idle *arguments:
    cargo build --release --bin redoubt
    cargo run --release -p redoubt-tests --bin idle -- {{arguments}}

# TPC-B for an hour, with a plot of what stays flat: `just hour [SECONDS] [CLIENTS] [RATE] [SCALE]`.
hour *arguments:
    cargo build --release --bin redoubt
    cargo run --release -p redoubt-tests --bin hour -- {{arguments}}

# Redoubt and PostgreSQL side by side, three turns of so many seconds for each cell:
# `just bench SECONDS SCALE [quorum] [processes] [few] [cache=SIZE]`.
bench *arguments:
    cargo build --release --bin redoubt
    cargo run --release -p redoubt-tests --bin bench -- {{arguments}}

# The hot cores one by one: redo, row and key codecs, leaf search and insert, group commit, the wire.
cores:
    cargo bench -p redoubt-protocol --bench redo
    cargo bench -p redoubt-types --bench codecs
    cargo bench -p redoubt-engine --bench hot_path
    cargo bench -p redoubt-storage --bench group_commit
    cargo bench -p redoubt-server --bench round_trip

# What growth and faults cost: recovery after redo without images, the rebuilding of a node, a slow node, CPU for redo.
figures:
    cargo bench -p redoubt-storage --bench figures -- recovery 100 300 1000
    cargo bench -p redoubt-storage --bench figures -- rebuild 256 1024
    cargo bench -p redoubt-storage --bench figures -- slow
    cargo bench -p redoubt-storage --bench background_cost

# Clusters under simulation, seeds A up to B.
sim A B:
    cargo run --release -p redoubt-sim --example sim -- {{A}}..{{B}}

fmt:
    cargo fmt --all

lint:
    cargo clippy --release --workspace --all-targets -- -D warnings

# What the compiler is told of how often our code runs, made anew: after large changes, and for another compiler.
tune:
    ./tuning/train

# Licences and sources of what comes from crates.io (needs `cargo install cargo-deny`).
deny:
    cargo deny check

doc:
    cargo doc --release --workspace --no-deps

# Flip every byte of a small node's directory, one at a time.
torture:
    TORTURE_STRIDE=1 cargo test --release -p redoubt-storage --test node_torture
