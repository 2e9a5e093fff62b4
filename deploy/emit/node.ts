// Writes Trespass access events from Node: one line per response that carries rows of
// somebody. Copy this file into your application; it needs no package.
//
// Only ids and the names of columns go out, never values of rows, tokens or cookies.
// deploy/schema/access-event.v1.json describes every field.
//
//   import pino from "pino"
//   import { accessEvent, rows } from "./trespass"
//   const log = pino()
//
//   const orders = await db.query("select * from orders where id = $1", [id])
//   log.info(accessEvent({
//     request_id: req.id, route: "/api/orders/[id]", method: req.method, status: 200,
//     actor: { user_id: session?.user.id ?? null, session_id: session?.id },
//     db: { role: "service_role", bypass_rls: true },
//     requested: [id],
//     records: rows("orders", orders, { id: "id", owners: ["buyer_id", "seller_id"], tenant: "org_id" }),
//   }))
//
// Without pino: console.log(JSON.stringify(accessEvent({ … })))

export type Id = string | number | bigint | null | undefined

export interface AccessRecord {
  table: string
  id?: string
  owners?: Record<string, string>
  tenant?: string
  columns?: string[]
  state?: Record<string, string>
}

export interface AccessEvent {
  event_id?: string
  env?: string
  deployment?: string
  service?: string
  database?: string
  request_id?: string
  trace_id?: string
  route?: string
  path?: string
  method?: string
  status: number
  /** null: nobody was logged in. */
  actor: {
    user_id?: Id
    session_id?: Id
    kind?: "user" | "service" | "job" | "anon"
    role?: string
    impersonated_by?: Id
    justification?: string
  } | null
  tenant?: Id
  token?: { iat?: number; exp?: number }
  db?: { role?: string; bypass_rls?: boolean }
  cache?: { status?: string; id?: string; public?: boolean; per_user?: boolean }
  client?: { browser?: boolean; secret_key?: boolean }
  share?: Id
  requested?: Id[]
  stripe?: { ids?: string[]; user?: Id }
  /** What came back; [] says that nothing did. */
  records: AccessRecord[]
  counts?: { table: string; rows: number | null; truncated?: boolean; filter?: Record<string, string>; columns?: string[] }[]
}

/** Gives the object to log. The time is that of the call. */
export function accessEvent(event: AccessEvent): object {
  const plain = JSON.stringify(event, (_, v) => (typeof v === "bigint" ? v.toString() : v))
  return {
    trespass: "access/1",
    time: new Date().toISOString(),
    event_id: globalThis.crypto.randomUUID(),
    ...JSON.parse(plain),
  }
}

/** Gives what the event says of rows: ids and the names of columns, no values. */
export function rows(
  table: string,
  list: readonly object[],
  columns: { id: string; owners?: string[]; tenant?: string; state?: string[] },
): AccessRecord[] {
  const text = (v: unknown) => (v === null || v === undefined ? undefined : String(v))
  const pick = (row: Record<string, unknown>, names: string[]) => {
    const picked: Record<string, string> = {}
    for (const name of names) {
      const value = text(row[name])
      if (value !== undefined) picked[name] = value
    }
    return picked
  }
  return (list as Record<string, unknown>[]).map((row) => ({
    table,
    id: text(row[columns.id]),
    owners: pick(row, columns.owners ?? []),
    tenant: columns.tenant && text(row[columns.tenant]),
    columns: Object.keys(row),
    ...(columns.state && { state: pick(row, columns.state) }),
  }))
}
