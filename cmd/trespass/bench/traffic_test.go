package bench

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"trespass.dev/trespass/detect"
)

// Sizes of the marketplace. Every user buys ordersEach orders and opens ticketsEach
// tickets; the sellers of orders are users as well.
const (
	users       = 2_000
	ordersEach  = 10
	ticketsEach = 5
)

// Lengths that lines are brought to.
const (
	appLine   = 742
	auditLine = 465
)

// padding fills a line up, where a user agent or an application's name stands.
const padding = " Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36" +
	" Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"

// traffic makes the logs of one marketplace after another's request: request ids,
// transactions and times never repeat. The same number always gives the same lines.
// It allocates nothing once its memory has grown.
type traffic struct {
	start time.Time
	// every is the time between two requests, and so says how many lines the windows
	// hold. 0 means a millisecond.
	every time.Duration
	// claims makes each transaction begin with a line that sets role and claims, as
	// row security wants it; without, the statement names its request in a comment.
	claims bool
	// leakEvery makes every so manyth request one for somebody else's order; 0 none.
	leakEvery int64

	n        int64 // requests made
	sessions [pool]int64
	app      lines
	audit    lines
	scratch  []byte
}

// pool is the number of database sessions that the application holds.
const pool = 20

// lines is a run of lines in one piece of memory.
type lines struct {
	mem  []byte
	ends []int
}

func (l *lines) reset() { l.mem, l.ends = l.mem[:0], l.ends[:0] }

func (l *lines) end() { l.ends = append(l.ends, len(l.mem)) }

func (l *lines) add(line []byte) {
	l.mem = append(l.mem, line...)
	l.end()
}

func (l *lines) len() int { return len(l.ends) }

// line gives the ith line, without a newline.
func (l *lines) line(i int) []byte {
	from := 0
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.mem[from:l.ends[i]:l.ends[i]]
}

// request is one request of the traffic.
type request struct {
	n       int64
	at      time.Time
	user    int64
	list    bool // of tickets, three rows; else of one order or two
	rows    int64
	foreign bool
}

// at is the time of the nth request.
func (t *traffic) at(n int64) time.Time {
	return t.start.Add(time.Duration(n) * cmp.Or(t.every, time.Millisecond))
}

func (t *traffic) request(n int64) request {
	r := request{n: n, at: t.at(n), user: int64(mix(uint64(n)) % users), rows: 1 + n&1}
	switch {
	case t.leakEvery > 0 && n%t.leakEvery == t.leakEvery-1:
		r.foreign, r.rows = true, 1
	case n%3 == 2 && !t.claims:
		r.list, r.rows = true, 3
	case t.claims:
		r.rows = 1
	}
	return r
}

// verdict is what must be said of every record of a request.
func (r *request) verdict() detect.Verdict {
	if r.foreign {
		return detect.VerdictForeign
	}
	return detect.VerdictOwn
}

// order numbers the ith order that comes back for a request: one that its user
// bought, or, for a leak, one that neither buyer nor seller is.
func (r *request) order(i int64) int64 {
	k := (r.n/3 + i) % ordersEach
	if r.foreign {
		return stranger(r.user) + users*k
	}
	return r.user + users*k
}

func (r *request) ticket(i int64) int64 { return r.user + users*((r.n/3+i)%ticketsEach) }

func buyer(order int64) int64  { return order % users }
func seller(order int64) int64 { return (order*7 + 3) % users }

// stranger gives a buyer whose orders the user does not sell: sellers of a buyer's
// orders all are the same modulo the number of users.
func stranger(user int64) int64 {
	for b := (user + 1) % users; ; b = (b + 1) % users {
		if (b*7+3)%users != user {
			return b
		}
	}
}

// next makes the lines of the next count requests in place of the last ones.
func (t *traffic) next(count int) {
	t.app.reset()
	t.audit.reset()
	for range count {
		r := t.request(t.n)
		t.appEvent(&r)
		t.statements(&r)
		t.n++
	}
}

// appEvent writes the application's own access event.
func (t *traffic) appEvent(r *request) {
	from := len(t.app.mem)
	b := append(t.app.mem, `{"trespass":"access/1","time":"`...)
	b = r.at.AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = strconv.AppendInt(append(b, `","event_id":"e-`...), r.n, 36)
	b = appendID(append(b, `","env":"production","request_id":"`...), kindRequest, r.n)
	switch {
	case r.list:
		b = append(b, `","route":"/api/tickets","path":"/api/tickets`...)
	case r.rows == 1:
		b = appendID(append(b, `","route":"/api/orders/[id]","path":"/api/orders/`...), kindOrder, r.order(0))
	default:
		b = append(b, `","route":"/api/orders","path":"/api/orders`...)
	}
	b = appendID(append(b, `","method":"GET","status":200,"actor":{"kind":"user","user_id":"`...), kindUser, r.user)
	b = strconv.AppendInt(append(b, `","session_id":"s-`...), r.user, 10)
	b = append(b, `"},"records":[`...)
	for i := range r.rows {
		if i > 0 {
			b = append(b, ',')
		}
		if r.list {
			b = appendID(append(b, `{"table":"tickets","id":"`...), kindTicket, r.ticket(i))
			b = appendID(append(b, `","owners":{"user_id":"`...), kindUser, r.user)
			b = append(b, `"}}`...)
			continue
		}
		o := r.order(i)
		b = appendID(append(b, `{"table":"orders","id":"`...), kindOrder, o)
		b = appendID(append(b, `","owners":{"buyer_id":"`...), kindUser, buyer(o))
		b = appendID(append(b, `","seller_id":"`...), kindUser, seller(o))
		b = append(b, `"}}`...)
	}
	b = append(b, `],"user_agent":"`...)
	b = append(b, padding[:max(0, appLine-len(`"}`)-(len(b)-from))]...)
	t.app.mem = append(b, `"}`...)
	t.app.end()
}

// statements writes what pgaudit logs of the request's transaction, as csvlog.
func (t *traffic) statements(r *request) {
	session := r.n % pool
	at := r.at.Add(-2 * time.Millisecond)
	if t.claims {
		const q = `""""""""` // a quote of the JSON, doubled by each of three layers of CSV
		p := append(t.scratch[:0], `""authenticated,""""{`+q+"sub"+q+":"+q...)
		p = appendID(p, kindUser, r.user)
		p = strconv.AppendInt(append(p, q+","+q+"session_id"+q+":"+q+"s-"...), r.user, 10)
		p = append(p, q+`}""""""`...)
		t.scratch = p
		t.statement(r, session, at, ",,", "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", false, p, 1)
	}
	p := t.scratch[:0]
	switch {
	case r.list:
		p = appendID(p, kindUser, r.user)
		t.statement(r, session, at, "TABLE,public.tickets,", "select id, user_id, subject, created_at from tickets where user_id = $1 order by created_at desc limit 20", true, p, r.rows)
	case r.foreign:
		p = appendID(p, kindOrder, r.order(0))
		t.statement(r, session, at, "TABLE,public.orders,", "select id, buyer_id, seller_id, total_cents from orders where id = $1", true, p, r.rows)
	case r.rows == 1:
		p = appendID(append(p, `""`...), kindOrder, r.order(0))
		p = append(appendID(append(p, ','), kindUser, r.user), `""`...)
		t.statement(r, session, at, "TABLE,public.orders,", "select id, seller_id, total_cents from orders where id = $1 and buyer_id = $2", true, p, r.rows)
	default:
		p = appendID(p, kindUser, r.user)
		t.statement(r, session, at, "TABLE,public.orders,", "select id, buyer_id, seller_id, total_cents from orders where buyer_id = $1 limit 2", true, p, r.rows)
	}
	t.scratch = p
}

// statement writes one AUDIT line. params are as pgaudit writes them, doubled quotes
// and all, inside csvlog's own quotes.
func (t *traffic) statement(r *request, session int64, at time.Time, object, sql string, named bool, params []byte, rows int64) {
	t.sessions[session]++
	line := t.sessions[session]
	from := len(t.audit.mem)
	b := at.AppendFormat(t.audit.mem, "2006-01-02 15:04:05.000 UTC")
	b = append(b, `,"app_user","market",`...)
	b = strconv.AppendInt(b, 4000+session, 10)
	b = append(b, `,"127.0.0.1:5`...)
	b = strconv.AppendInt(b, 4000+session, 10)
	b = append(b, `",`...)
	b = strconv.AppendInt(b, t.start.Unix(), 16)
	b = append(b, '.')
	b = strconv.AppendInt(b, 4000+session, 16)
	b = append(b, ',')
	b = strconv.AppendInt(b, line, 10)
	b = append(b, `,"SELECT",`...)
	b = t.start.AppendFormat(b, "2006-01-02 15:04:05 UTC")
	b = append(b, ',')
	b = strconv.AppendInt(b, session+3, 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, r.n/pool+1, 10)
	b = append(b, `,0,LOG,00000,"AUDIT: SESSION,`...)
	b = strconv.AppendInt(b, line, 10)
	b = append(b, `,1,READ,SELECT,`...)
	b = append(b, object...)
	b = append(b, `""`...)
	b = append(b, sql...)
	if named {
		b = appendID(append(b, ` /*request_id='`...), kindRequest, r.n)
		b = append(b, `'*/`...)
	}
	b = append(b, `"",`...)
	b = append(b, params...)
	b = append(b, ',')
	b = strconv.AppendInt(b, rows, 10)
	b = append(b, `",,,,,,,,,"web`...)
	const rest = `","client backend",,0`
	b = append(b, padding[:max(0, auditLine-len(rest)-(len(b)-from))]...)
	t.audit.mem = append(b, rest...)
	t.audit.end()
}

// facts gives the owner of every row as lines of facts.
func (t *traffic) facts(yield func(line []byte)) {
	var b []byte
	owner := func(table string, kind byte, record int64, column string, user int64) {
		b = append(append(b[:0], `{"trespass":"fact/1","fact":"owner","table":"`...), table...)
		b = appendID(append(b, `","record":"`...), kind, record)
		b = append(append(b, `","column":"`...), column...)
		b = appendID(append(b, `","user":"`...), kindUser, user)
		b = append(b, `","valid_from":"`...)
		b = t.start.Add(-24*time.Hour).AppendFormat(b, "2006-01-02T15:04:05Z")
		b = append(b, `"}`...)
		yield(b)
	}
	for i := range int64(users * ordersEach) {
		owner("orders", kindOrder, i, "buyer_id", buyer(i))
		owner("orders", kindOrder, i, "seller_id", seller(i))
	}
	for i := range int64(users * ticketsEach) {
		owner("tickets", kindTicket, i, "user_id", i%users)
	}
}

// heartbeat gives a line that moves the clock and says nothing else.
func heartbeat(at time.Time) []byte {
	return at.AppendFormat([]byte(`{"trespass":"heartbeat/1","time":"`), `2006-01-02T15:04:05.000000Z"}`)
}

// Kinds of ids, so that no two things share one.
const (
	kindUser byte = iota + 1
	kindOrder
	kindTicket
	kindRequest
)

// appendID writes the uuid of a thing.
func appendID(b []byte, kind byte, n int64) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], mix(uint64(n)^uint64(kind)<<56))
	binary.BigEndian.PutUint64(raw[8:], uint64(n))
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = 0x80 | kind
	var text [36]byte
	hex.Encode(text[0:8], raw[0:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return append(b, text[:]...)
}

// mix is the finaliser of splitmix64: numbers that follow one another look random.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
