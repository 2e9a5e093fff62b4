-- PostgREST and Supabase: puts who makes each request into the Postgres log, in the
-- session and transaction of its statements. Needed where bind parameters are not
-- logged, as on hosted Supabase.
--
-- Run as the owner of the database, then reload PostgREST's configuration. It writes one
-- line per request, of this form, at level LOG:
--
--   trespass: {"sub": "…", "role": "authenticated", "path": "/orders", "method": "GET", "request_id": "…", …}
--
-- Trespass reads it from csvlog, jsonlog and the text log, where the message begins with
-- "trespass: {". It holds no token, no cookie, no header but the request id and the trace
-- id, and no claim but those named here. A failure to log never fails the request.
--
-- Whoever may run SQL of their own can write such a line into their own transaction. Keep
-- the right to create functions and to run DO from roles that clients can take.

create schema if not exists trespass;

create or replace function trespass.pre_request() returns void
  language plpgsql
  security invoker
  set search_path = ''
as $$
declare
  claims  jsonb;
  headers jsonb;
begin
  claims  := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  headers := nullif(current_setting('request.headers', true), '')::jsonb;
  raise log 'trespass: %', jsonb_build_object(
    'sub',        claims ->> 'sub',
    'session_id', claims ->> 'session_id',
    'role',       current_user,
    'app_role',   claims -> 'app_metadata' ->> 'role',
    'iat',        claims -> 'iat',
    'exp',        claims -> 'exp',
    'method',     current_setting('request.method', true),
    'path',       current_setting('request.path', true),
    'request_id', headers ->> 'x-request-id',
    'trace_id',   headers ->> 'traceparent',
    'browser',    case when headers ? 'origin' or headers ? 'referer' then true end
  );
exception when others then
  raise log 'trespass: the pre-request function failed: %', sqlstate;
end
$$;

comment on function trespass.pre_request() is 'Logs who makes a PostgREST request, for Trespass';

grant usage on schema trespass to public;
grant execute on function trespass.pre_request() to public;

-- If you have a pre-request function already, call this one from it instead of the next line.
alter role authenticator set pgrst.db_pre_request = 'trespass.pre_request';
notify pgrst, 'reload config';
