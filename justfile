# The commands of the project; CI runs the same ones.

# Runs the server
run *ARGS:
    cargo run -p api -- {{ARGS}}

# Runs every test, on SQLite and on PostgreSQL
test:
    cargo test --workspace

# Checks long histories of random writers that are killed and cut off; TIMES is their length, with 1 for that in `test`
history TIMES="30":
    HISTORY_TIMES={{TIMES}} cargo test -p service --test history -- --nocapture no_write

# Reads streams of events through servers that are killed and connections that are cut; TIMES is the length, with 1 for that in `test`
live TIMES="20":
    LIVE_TIMES={{TIMES}} cargo test -p api --test it -- --nocapture live::

# Checks formatting, clippy and rustdoc; warnings are errors
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked

# Rewrites the entities from the migrated schema
entity:
    cargo run -p entity --example regenerate

# Rewrites the committed OpenAPI document
openapi:
    cargo run -qp api -- openapi > docs/contracts/todo-api.yaml

# Regenerates the entities and the OpenAPI document; fails if the committed files differ
generated: entity openapi
    git diff --exit-code -- entity docs/contracts

# Validates the OpenAPI document
validate:
    openapi-spec-validator docs/contracts/todo-api.yaml

# Computes the vectors of recurrence with python-dateutil; fails if a difference is not explained
vectors:
    python3 docs/recurrence/second-opinion.py

# Checks the alert rules for Prometheus, and runs their tests (promtool)
monitoring:
    promtool check config docs/deployment/monitoring/prometheus.yml
    promtool check rules docs/deployment/monitoring/alerts.yml
    promtool test rules docs/deployment/monitoring/alerts.test.yml

# Checks the Dockerfile (hadolint) and the syntax of the compose files, without a container engine
containers:
    hadolint docs/deployment/Dockerfile
    docker-compose -f docs/deployment/compose.yaml config --quiet
    BETTER_AUTH_URL=x POSTGRES_PASSWORD=x TASKS_PASSWORD=x docker-compose -f docs/deployment/compose.postgres.yaml config --quiet

# Checks licences, sources and duplicate versions of dependencies, offline
deny:
    cargo fetch --locked
    cargo deny --offline check licenses bans sources

# Checks dependencies for known vulnerabilities; needs the network for the advisory database, so it is not part of `ci`
audit:
    cargo deny check advisories

# Runs Schemathesis against a temporary server
fuzz:
    cargo build -p api
    e2e/with-server e2e/fuzz

# Builds and tests the typed client
client:
    cd clients/typescript && npm ci --no-audit --no-fund && npm test

# Runs the end-to-end tests: Better Auth, the packed client, the code of the documentation, a browser
e2e: client
    cargo build -p api
    cd docs/examples && npm ci --no-audit --no-fund
    cd docs/examples/nextjs && npm ci --ignore-scripts --no-audit --no-fund && NEXT_TELEMETRY_DISABLED=1 npm run build
    cd e2e && npm ci --omit=optional --no-audit --no-fund && npm test

# Measures the server, a hand-written one and the database alone, in under ten minutes; --help lists the options
bench *ARGS:
    cargo build --release --locked -p api -p bench --bin api --bin limit --bin users
    cargo run -qp bench -- {{ARGS}}

# Attacks the server as one user on both databases, in under ten minutes, and prints the effect on other users; --help lists the options
siege *ARGS:
    cargo build --release --locked -p api --bin api
    cargo run -qp bench -- siege {{ARGS}}

# Makes a release build that is optimized with a profile of the server under load, see docs/performance.md; needs cargo-pgo, and llvm-tools from rustup
pgo:
    cargo pgo build -- --locked -p api --bin api
    cargo run -qp bench -- --api "target/$(rustc --print host-tuple)/release/api" --skip limit,floor --only get,list,create,update,toggle,mixed --rounds 1
    cargo pgo optimize build -- --locked -p api --bin api

# Runs everything that CI checks
ci: lint test generated validate vectors monitoring containers deny fuzz e2e
