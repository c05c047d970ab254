CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE accounts (
    alias TEXT PRIMARY KEY, environment TEXT NOT NULL, uid TEXT NOT NULL DEFAULT '', margin_mode TEXT NOT NULL DEFAULT '',
    key_fingerprint TEXT NOT NULL DEFAULT '', rights TEXT NOT NULL DEFAULT '', key_expires_ms INTEGER,
    checked_ms INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    executions_watermark_ms INTEGER, position_mode TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE instances (
    uid TEXT PRIMARY KEY, name TEXT NOT NULL, account TEXT NOT NULL, symbol TEXT NOT NULL, mode TEXT NOT NULL,
    clock_ms INTEGER NOT NULL, tag TEXT NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL DEFAULT 0,
    play_path TEXT NOT NULL DEFAULT '', play_digest TEXT NOT NULL DEFAULT '', capital_usd TEXT NOT NULL DEFAULT '',
    sharing TEXT NOT NULL DEFAULT 'exclusive', capital_step TEXT NOT NULL DEFAULT 'full', declared INTEGER NOT NULL DEFAULT 0,
    enabled INTEGER NOT NULL DEFAULT 1, desired TEXT NOT NULL DEFAULT 'stopped', failed_code TEXT NOT NULL DEFAULT '',
    failed_text TEXT NOT NULL DEFAULT '', anchor_ms INTEGER NOT NULL DEFAULT 0, restarts TEXT NOT NULL DEFAULT '[]',
    previous_digests TEXT NOT NULL DEFAULT '[]', removed INTEGER NOT NULL DEFAULT 0, risk TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE UNIQUE INDEX instances_tag ON instances (tag);

CREATE TABLE bars (
    instance TEXT NOT NULL, clock_ms INTEGER NOT NULL, close_ms INTEGER NOT NULL, bar_digest TEXT NOT NULL DEFAULT '',
    processed_ms INTEGER NOT NULL, verdict TEXT NOT NULL, detail TEXT NOT NULL, intents TEXT NOT NULL DEFAULT '',
    late INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (instance, clock_ms, close_ms)
) WITHOUT ROWID;

CREATE TABLE judged (
    instance TEXT NOT NULL, close_ms INTEGER NOT NULL, entered INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (instance, close_ms)
) WITHOUT ROWID;
CREATE INDEX judged_refused ON judged (instance, close_ms) WHERE entered = 0;

CREATE TABLE intents (
    id TEXT PRIMARY KEY, instance TEXT NOT NULL, account TEXT NOT NULL, cause TEXT NOT NULL, bar_close_ms INTEGER NOT NULL,
    action TEXT NOT NULL, leg INTEGER NOT NULL, class TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
    qty TEXT NOT NULL, price_ref TEXT NOT NULL, band_bps TEXT, stop TEXT, targets TEXT, reason TEXT NOT NULL,
    play_digest TEXT NOT NULL,
    inputs_digest TEXT NOT NULL, parameters_digest TEXT NOT NULL, gates TEXT NOT NULL, created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, outcome TEXT NOT NULL DEFAULT '', tif TEXT NOT NULL DEFAULT '',
    CHECK (id = instance || '/' || cause || '/' || action || '/' || leg)
) WITHOUT ROWID;
CREATE INDEX intents_open ON intents (account, outcome) WHERE outcome = '';
CREATE INDEX intents_recent ON intents (account, class, created_ms);

CREATE TABLE orders (
    link_id TEXT PRIMARY KEY, intent TEXT REFERENCES intents (id), attempt INTEGER NOT NULL, account TEXT NOT NULL,
    owner TEXT NOT NULL, action TEXT NOT NULL, symbol TEXT NOT NULL, position_idx INTEGER NOT NULL DEFAULT 0,
    venue_order_id TEXT NOT NULL DEFAULT '', parent_link_id TEXT NOT NULL DEFAULT '', side TEXT NOT NULL, type TEXT NOT NULL,
    tif TEXT NOT NULL, qty TEXT NOT NULL, price TEXT, "trigger" TEXT, trigger_by TEXT NOT NULL DEFAULT '',
    reduce_only INTEGER NOT NULL, close_on_trigger INTEGER NOT NULL DEFAULT 0, stop TEXT, target TEXT,
    tpsl_mode TEXT NOT NULL DEFAULT '', protective INTEGER NOT NULL DEFAULT 0, tolerance_pct TEXT, state TEXT NOT NULL,
    venue_status TEXT NOT NULL DEFAULT '', code INTEGER, cancel_type TEXT NOT NULL DEFAULT '',
    reject_reason TEXT NOT NULL DEFAULT '', cum_qty TEXT NOT NULL DEFAULT '0', venue_cum_qty TEXT NOT NULL DEFAULT '0',
    avg_price TEXT NOT NULL DEFAULT '0', created_ms INTEGER NOT NULL, signed_ms INTEGER, acked_ms INTEGER,
    last_event_ms INTEGER NOT NULL, venue_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (intent, attempt)
) WITHOUT ROWID;
CREATE INDEX orders_live ON orders (account, symbol)
    WHERE state IN ('INTENT', 'SENT', 'ACKED', 'OPEN', 'PARTIAL', 'UNKNOWN', 'ORPHAN');
CREATE INDEX orders_lacking ON orders (account) WHERE venue_cum_qty <> cum_qty;
CREATE INDEX orders_venue_id ON orders (account, venue_order_id) WHERE venue_order_id <> '';

CREATE TABLE order_events (
    link_id TEXT NOT NULL REFERENCES orders (link_id), n INTEGER NOT NULL, source TEXT NOT NULL, request TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL, code INTEGER, detail TEXT NOT NULL DEFAULT '', venue_ms INTEGER,
    received_ms INTEGER NOT NULL, raw_digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (link_id, n)
) WITHOUT ROWID;

CREATE TABLE executions (
    n INTEGER PRIMARY KEY, account TEXT NOT NULL, exec_id TEXT NOT NULL, link_id TEXT, venue_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL, position_idx INTEGER NOT NULL, side TEXT NOT NULL, qty TEXT NOT NULL, price TEXT NOT NULL,
    value TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL, exec_type TEXT NOT NULL, create_type TEXT NOT NULL,
    stop_order_type TEXT NOT NULL, closed_size TEXT NOT NULL, exec_pnl TEXT NOT NULL, seq INTEGER NOT NULL,
    is_maker INTEGER NOT NULL, venue_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, source TEXT NOT NULL,
    owner TEXT NOT NULL, raw_digest TEXT NOT NULL DEFAULT '',
    UNIQUE (account, exec_id)
);
CREATE INDEX executions_owner ON executions (account, owner, symbol, position_idx);
CREATE INDEX executions_link ON executions (link_id) WHERE link_id IS NOT NULL;

CREATE TABLE virtual_positions (
    account TEXT NOT NULL, instance TEXT NOT NULL, symbol TEXT NOT NULL, position_idx INTEGER NOT NULL,
    signed_qty TEXT NOT NULL,
    avg_price TEXT NOT NULL, realised TEXT NOT NULL, fees TEXT NOT NULL, funding TEXT NOT NULL, opened_ms INTEGER NOT NULL,
    stop TEXT, target TEXT, verified_ms INTEGER NOT NULL DEFAULT 0, verified_seq INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, instance, symbol, position_idx)
) WITHOUT ROWID;

CREATE TABLE fill_checks (
    link_id TEXT NOT NULL, n INTEGER NOT NULL, expected TEXT NOT NULL, seen TEXT NOT NULL, stop_seen TEXT NOT NULL,
    result TEXT NOT NULL, latency_ms INTEGER NOT NULL, checked_ms INTEGER NOT NULL,
    PRIMARY KEY (link_id, n)
) WITHOUT ROWID;

CREATE TABLE budgets (
    scope TEXT NOT NULL, kind TEXT NOT NULL, window_start_ms INTEGER NOT NULL, "limit" TEXT NOT NULL, reserved TEXT NOT NULL,
    used TEXT NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (scope, kind, window_start_ms)
) WITHOUT ROWID;

CREATE TABLE equity (
    account TEXT NOT NULL, ms INTEGER NOT NULL, equity TEXT NOT NULL, wallet_balance TEXT NOT NULL, unrealised TEXT NOT NULL,
    source TEXT NOT NULL, transfers TEXT, day_start TEXT, high_water TEXT,
    PRIMARY KEY (account, ms)
) WITHOUT ROWID;

CREATE TABLE recon_runs (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, "trigger" TEXT NOT NULL, kinds TEXT NOT NULL, started_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL, result TEXT NOT NULL, inputs_file TEXT NOT NULL DEFAULT '',
    inputs_digest TEXT NOT NULL DEFAULT ''
);
CREATE TABLE recon_diffs (
    run INTEGER NOT NULL REFERENCES recon_runs (id), n INTEGER NOT NULL, class TEXT NOT NULL, scope TEXT NOT NULL,
    ours TEXT NOT NULL, theirs TEXT NOT NULL, repair TEXT NOT NULL, repair_link_id TEXT NOT NULL DEFAULT '',
    value_usd TEXT, explained_by TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run, n)
) WITHOUT ROWID;

CREATE TABLE halts (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, level INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL,
    actor TEXT NOT NULL, evidence TEXT NOT NULL DEFAULT '', raised_ms INTEGER NOT NULL, lifted_ms INTEGER, lifted_by TEXT,
    note TEXT
);
CREATE UNIQUE INDEX halts_in_force ON halts (scope, level, code) WHERE lifted_ms IS NULL;

CREATE TABLE incidents (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, severity TEXT NOT NULL, scope TEXT NOT NULL, text TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 1, opened_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, acked_ms INTEGER, acked_by TEXT,
    resolved_ms INTEGER, note TEXT, reopened_ms INTEGER
);
CREATE UNIQUE INDEX incidents_open ON incidents (kind, scope) WHERE resolved_ms IS NULL;
CREATE INDEX incidents_resolved ON incidents (resolved_ms) WHERE resolved_ms IS NOT NULL;

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY, route TEXT NOT NULL, severity TEXT NOT NULL, dedup TEXT NOT NULL, incident INTEGER NOT NULL,
    body TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL, done_ms INTEGER, error TEXT NOT NULL DEFAULT '',
    UNIQUE (route, dedup)
);
CREATE INDEX notifications_queued ON notifications (route, next_ms) WHERE status = 'queued';

CREATE TABLE commands (
    request_id TEXT PRIMARY KEY, method TEXT NOT NULL, params_digest TEXT NOT NULL, actor TEXT NOT NULL, result TEXT NOT NULL,
    ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
    n INTEGER PRIMARY KEY, account TEXT NOT NULL, instance TEXT NOT NULL, kind TEXT NOT NULL, link_id TEXT NOT NULL,
    exec_id TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, order_done INTEGER NOT NULL, created_ms INTEGER NOT NULL,
    UNIQUE (account, kind, link_id, exec_id)
);
CREATE INDEX outbox_instance ON outbox (account, instance, n);

CREATE TABLE armings (
    id TEXT PRIMARY KEY, instance TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, body TEXT NOT NULL,
    confirmed_ms INTEGER, confirmed_by TEXT NOT NULL DEFAULT '', revoked_ms INTEGER, revoked_by TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX armings_instance ON armings (instance, created_ms);

CREATE TABLE waivers (
    name TEXT PRIMARY KEY, reason TEXT NOT NULL, actor TEXT NOT NULL, created_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE evidence (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, passed INTEGER NOT NULL, created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX evidence_kind ON evidence (kind, subject, created_ms);
