# Every command has a name here; CI runs the same ones.

# The server
run *ARGS:
    cargo run -p api -- {{ARGS}}

# Every test, on SQLite and on PostgreSQL
test:
    cargo test --workspace

# Formatting, clippy and rustdoc; warnings are fatal
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

# Regenerates what is generated and requires that nothing changes
generated: entity openapi
    git diff --exit-code -- entity docs/contracts

# Is the OpenAPI document valid?
validate:
    openapi-spec-validator docs/contracts/todo-api.yaml

# Licences, sources and duplicate versions, offline
deny:
    cargo fetch --locked
    cargo deny --offline check licenses bans sources

# Schemathesis against a server of its own
fuzz:
    cargo build -p api
    e2e/with-server e2e/fuzz

# The server seen by its real clients: Better Auth, a typed client, a browser
e2e:
    cargo build -p api
    cd docs/examples && npm ci --no-audit --no-fund
    cd e2e && npm ci --no-audit --no-fund && npm test

# How fast it is beside a hand-written server and the bare database, in under ten minutes; --help tells what narrows it
bench *ARGS:
    cargo build --release --locked -p api -p bench --bin api --bin limit --bin people
    cargo run -qp bench -- {{ARGS}}

# A release build guided by a profile of itself under load, see docs/performance.md; needs cargo-pgo, and llvm-tools from rustup
pgo:
    cargo pgo build -- --locked -p api --bin api
    cargo run -qp bench -- --api "target/$(rustc --print host-tuple)/release/api" --skip limit,floor --only get,list,create,update,toggle,mixed --rounds 1
    cargo pgo optimize build -- --locked -p api --bin api

# What CI checks
ci: lint test generated validate deny fuzz e2e
