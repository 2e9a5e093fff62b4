-- Findings, reads, quarantine and facts.
--
-- Every table folds copies by its key, so that writing the same rows again after
-- a lost acknowledgement, a crash or a zombie changes nothing that a view shows.
-- No table has a deduplication window: with one, a crash between the window's log
-- and the part's rename loses an acknowledged insert.
-- Keys and partitions hold only what is the same on every replay.

CREATE TABLE IF NOT EXISTS {db}.findings {on_cluster}
(
    event_time    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    finding_id    FixedString(32),
    revision      UInt32,
    rule          LowCardinality(String),
    family        LowCardinality(String),
    severity      Enum8('info' = 0, 'low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4),
    claim         Enum8('possible' = 0, 'proven' = 1),
    missing       Array(LowCardinality(String)),
    cause         LowCardinality(String),
    evidence      Array(String),
    verdict       LowCardinality(String),
    status        Enum8('open' = 0, 'resolved' = 1),
    summary       String CODEC(ZSTD(3)),
    actor_kind    LowCardinality(String),
    actor         String,
    session_id    String,
    app_role      LowCardinality(String),
    impersonating String,
    actor_conflict String,
    request_id    String,
    trace_id      String,
    principal     LowCardinality(String),
    route         LowCardinality(String),
    `table`       LowCardinality(String),
    record_ids    Array(String),
    owners        Array(String),
    tenant        String,
    columns       Array(LowCardinality(String)),
    records       UInt64,
    people        UInt64,
    env           LowCardinality(String),
    origins       Array(Tuple(source LowCardinality(String), partition Int32, offset Int64)),
    policy        LowCardinality(String),
    detected_at   DateTime64(3, 'UTC'),
    writer        LowCardinality(String),
    INDEX by_actor actor TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_owner owners TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_record record_ids TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_id finding_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {replacing:revision}
PARTITION BY toYYYYMM(event_time)
ORDER BY (family, toStartOfHour(event_time), finding_id)
TTL toDateTime(event_time) + INTERVAL 36 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {db}.reads {on_cluster}
(
    event_time  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    access_key  String CODEC(ZSTD(1)),
    revision    UInt32,
    actor_kind  LowCardinality(String),
    actor       String,
    session_id  String,
    app_role    LowCardinality(String),
    impersonating String,
    request_id  String,
    trace_id    String,
    route       LowCardinality(String),
    principal   LowCardinality(String),
    bypass      Enum8('unknown' = 0, 'no' = 1, 'yes' = 2),
    `table`     LowCardinality(String),
    record_id   String,
    owners      Array(Tuple(`column` LowCardinality(String), id String)),
    tenant      String,
    columns     Array(LowCardinality(String)),
    verdict     LowCardinality(String),
    relation    LowCardinality(String),
    reason      LowCardinality(String),
    claim       Enum8('possible' = 0, 'proven' = 1),
    missing     Array(LowCardinality(String)),
    count       UInt64,
    env         LowCardinality(String),
    origins     Array(Tuple(source LowCardinality(String), partition Int32, offset Int64)),
    policy      LowCardinality(String),
    inserted_at DateTime64(3, 'UTC'),
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_record record_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {replacing:revision}
PARTITION BY toYYYYMM(event_time)
PRIMARY KEY (actor, toStartOfHour(event_time))
ORDER BY (actor, toStartOfHour(event_time), `table`, record_id, access_key)
TTL toDateTime(event_time) + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The same reads by owner: one row for each owner of a record, so that "who read
-- this person's rows" is one look-up. A record without known owners has owner ''.
CREATE TABLE IF NOT EXISTS {db}.reads_by_owner {on_cluster}
(
    owner       String,
    owner_column LowCardinality(String),
    event_time  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    access_key  String CODEC(ZSTD(1)),
    revision    UInt32,
    actor_kind  LowCardinality(String),
    actor       String,
    session_id  String,
    request_id  String,
    route       LowCardinality(String),
    principal   LowCardinality(String),
    `table`     LowCardinality(String),
    record_id   String,
    tenant      String,
    columns     Array(LowCardinality(String)),
    verdict     LowCardinality(String),
    relation    LowCardinality(String),
    reason      LowCardinality(String),
    claim       Enum8('possible' = 0, 'proven' = 1),
    count       UInt64,
    env         LowCardinality(String),
    origins     Array(Tuple(source LowCardinality(String), partition Int32, offset Int64))
)
ENGINE = {replacing:revision}
PARTITION BY toYYYYMM(event_time)
PRIMARY KEY (owner, toStartOfHour(event_time))
ORDER BY (owner, toStartOfHour(event_time), `table`, record_id, access_key, owner_column)
TTL toDateTime(event_time) + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.reads_to_owners {on_cluster} TO {db}.reads_by_owner AS
SELECT owner, owner_column, event_time, access_key, revision, actor_kind, actor, session_id, request_id, route, principal,
       `table`, record_id, tenant, columns, verdict, relation, reason, claim, count, env, origins
FROM {db}.reads
ARRAY JOIN if(empty(owners), [''], owners.id) AS owner, if(empty(owners), [''], owners.`column`) AS owner_column;

CREATE TABLE IF NOT EXISTS {db}.quarantine {on_cluster}
(
    source      LowCardinality(String),
    partition   Int32,
    offset      Int64,
    record_time DateTime64(3, 'UTC'),
    reason      LowCardinality(String),
    format      LowCardinality(String),
    detail      String CODEC(ZSTD(1)),
    size        UInt64,
    hash        String,
    inserted_at DateTime64(3, 'UTC')
)
ENGINE = {replacing:}
ORDER BY (source, partition, offset, reason)
TTL toDateTime(inserted_at) + INTERVAL 3 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {db}.facts {on_cluster}
(
    kind        LowCardinality(String),
    `table`     LowCardinality(String),
    record_id   String,
    `column`    LowCardinality(String),
    user_id     String,
    tenant      String,
    agent       String,
    principal   LowCardinality(String),
    value       LowCardinality(String),
    columns     Array(LowCardinality(String)),
    valid_from  DateTime64(6, 'UTC'),
    valid_to    DateTime64(6, 'UTC'),
    retract     UInt8,
    source      LowCardinality(String),
    partition   Int32,
    offset      Int64,
    inserted_at DateTime64(3, 'UTC')
)
ENGINE = {replacing:}
ORDER BY (kind, `table`, record_id, `column`, user_id, tenant, agent, principal, valid_from)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
