-- Forensic questions, the same for the command line, Grafana and any SQL client:
--   SELECT * FROM trespass.ask_who_read(person = 'u1', since = '2026-11-01', until = '2026-12-01')
-- since is included, until is not.

CREATE OR REPLACE VIEW {db}.ask_who_read {on_cluster} AS
SELECT event_time, actor_kind, actor, session_id, route, principal, `table`, record_id, columns,
       verdict, relation, reason, claim, count, request_id, env, owner_column, origins
FROM {db}.reads_by_owner FINAL
WHERE owner = {person:String}
  AND event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
ORDER BY event_time, `table`, record_id;

CREATE OR REPLACE VIEW {db}.ask_what_was_read {on_cluster} AS
SELECT event_time, route, principal, `table`, record_id, arrayDistinct(owners.id) AS people, columns,
       verdict, relation, reason, claim, count, session_id, request_id, env, origins
FROM {db}.reads FINAL
WHERE actor = {actor:String}
  AND event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
ORDER BY event_time, `table`, record_id;

CREATE OR REPLACE VIEW {db}.ask_findings {on_cluster} AS
SELECT event_time, finding_id, revision, rule, severity, claim, cause, actor_kind, actor, session_id, route, principal,
       `table`, record_ids, owners, records, people, columns, summary, missing, evidence, request_id, env, origins
FROM {db}.findings FINAL
WHERE status = 'open'
  AND ({route:String} = '' OR route = {route:String})
  AND event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
ORDER BY event_time, finding_id;

CREATE OR REPLACE VIEW {db}.ask_who_read_record {on_cluster} AS
SELECT event_time, actor_kind, actor, session_id, route, principal, columns, verdict, relation, reason, claim,
       arrayDistinct(owners.id) AS people, request_id, env, origins
FROM {db}.reads FINAL
WHERE `table` = {table:String} AND record_id = {record:String}
  AND event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
ORDER BY event_time;

CREATE OR REPLACE VIEW {db}.ask_coverage {on_cluster} AS
SELECT route, `table`, sum(count) AS records,
       sumIf(count, verdict NOT IN ('owner_unknown', 'actor_unknown', 'malformed')) AS judged,
       sumIf(count, verdict = 'owner_unknown') AS owner_unknown,
       sumIf(count, verdict = 'actor_unknown') AS actor_unknown,
       sumIf(count, verdict = 'malformed') AS malformed,
       min(event_time) AS first, max(event_time) AS last
FROM {db}.reads FINAL
WHERE event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
GROUP BY route, `table`
ORDER BY records DESC, route, `table`;
