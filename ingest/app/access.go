package app

import (
	"github.com/cespare/xxhash/v2"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// AccessVersion is the value of the key "trespass" in an access event.
const AccessVersion = "access/1"

// Access decodes Trespass's own access event, one JSON object per response that
// carries rows of somebody. deploy/schema/access-event.v1.json describes it.
// Keys that it does not know are stepped over, so that shippers may add theirs.
// The zero Access is ready for use.
type Access struct {
	scan jsonscan.Scanner
}

const accessFormat = "access"

// Decode gives a KindRequest. The request is Complete if the line carries the
// actor, the status and the records.
func (a *Access) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	*ev = detect.Event{Kind: detect.KindRequest, Request: mem.Request()}
	r := ev.Request
	s := &a.scan
	s.Reset(line, mem)
	var has struct{ version, actor, records bool }
	s.Enter(jsonscan.Object, "the line")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "trespass":
			has.version = version(s, AccessVersion)
		case "time":
			ev.Time = s.Time("time", decode.Millis)
		case "event_id":
			r.EventID = s.ID("event_id")
		case "env":
			r.Env = s.Text("env")
		case "deployment":
			r.Deployment = s.Text("deployment")
		case "service":
			r.Service = s.Text("service")
		case "database":
			r.Database = s.Text("database")
		case "request_id":
			r.RequestID = s.ID("request_id")
		case "trace_id":
			r.TraceID = traceID(s, "trace_id")
		case "span_id":
			r.SpanID = s.Text("span_id")
		case "route":
			r.Route = s.Text("route")
		case "path":
			r.Path = withoutQuery(s.Text("path"))
		case "method":
			r.Method = s.Text("method")
		case "status":
			r.Status = status(s, "status")
		case "actor":
			has.actor = actor(s, r)
		case "tenant":
			r.Tenant = s.ID("tenant")
		case "token":
			token(s, r)
		case "db":
			database(s, r)
		case "cache":
			cache(s, r)
		case "client":
			client(s, r)
		case "share":
			r.ShareToken = s.ID("share")
		case "requested":
			r.Requested = ids(s, mem, "requested")
		case "stripe":
			stripe(s, mem, r)
		case "records":
			has.records = true
			r.Records = records(s, mem)
		case "counts":
			r.Counts = counts(s, mem)
		default:
			s.Skip()
		}
	}
	s.End()
	switch {
	case !s.OK():
	case !has.version:
		s.Fail(decode.BadVersion, `the key "trespass" is not there`)
	case ev.Time == 0:
		s.Fail(decode.Missing, "time")
	}
	if !s.OK() {
		*ev = detect.Event{}
		return s.Err(accessFormat)
	}
	r.Complete = has.actor && has.records && r.Status != 0
	ev.LineID = lineID(r.EventID, line)
	return nil
}

// version reads the value of the key "trespass", which must be want.
func version(s *jsonscan.Scanner, want string) bool {
	if got := s.Text("trespass"); got != want && s.OK() {
		s.Fail(decode.BadVersion, "trespass: want "+want)
	}
	return s.OK()
}

// lineID names a line by the emitter's id of it, else by its bytes.
func lineID(eventID string, line []byte) uint64 {
	if eventID != "" {
		return xxhash.Sum64String(eventID)
	}
	return xxhash.Sum64(line)
}

// status reads an HTTP status: 100 to 599, or -1 where no response went out.
func status(s *jsonscan.Scanner, field string) int {
	if s.Null() {
		return 0
	}
	n := s.Int(field)
	if n != -1 && (n < 100 || n > 599) && s.OK() {
		s.Bad(field, "an HTTP status, or -1 for no response")
	}
	return int(n)
}

// actor says whether the object names a user, a service, or nobody.
func actor(s *jsonscan.Scanner, r *detect.Request) (known bool) {
	if s.Null() {
		r.Kind, r.NoUser = detect.ActorAnonymous, true
		return true
	}
	var named bool
	s.Enter(jsonscan.Object, "actor")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "user_id":
			named = true
			r.UserID = s.ID("actor.user_id")
		case "session_id":
			r.SessionID = s.ID("actor.session_id")
		case "kind":
			r.Kind = actorKind(s)
		case "role":
			r.AppRole = s.Text("actor.role")
		case "impersonated_by":
			r.ImpersonatedBy = s.ID("actor.impersonated_by")
		case "justification":
			r.Justification = s.ID("actor.justification")
		default:
			s.Skip()
		}
	}
	switch {
	case r.Kind == detect.ActorAnonymous && r.UserID != "":
		s.Bad("actor", `no user_id where kind is "anon"`)
	case r.Kind == detect.ActorUnknown && r.UserID != "":
		r.Kind = detect.ActorUser
	case r.Kind == detect.ActorUnknown && named:
		r.Kind = detect.ActorAnonymous
	}
	r.NoUser = r.Kind == detect.ActorAnonymous
	return r.Kind != detect.ActorUnknown
}

func actorKind(s *jsonscan.Scanner) detect.ActorKind {
	switch s.Text("actor.kind") {
	case "":
		return detect.ActorUnknown
	case "user":
		return detect.ActorUser
	case "anon":
		return detect.ActorAnonymous
	case "service", "job":
		return detect.ActorService
	}
	s.Bad("actor.kind", "user, service, job or anon")
	return detect.ActorUnknown
}

func token(s *jsonscan.Scanner, r *detect.Request) {
	if s.Null() {
		return
	}
	s.Enter(jsonscan.Object, "token")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "iat":
			r.TokenIssued = s.Time("token.iat", decode.Seconds)
		case "exp":
			r.TokenExpires = s.Time("token.exp", decode.Seconds)
		default:
			s.Skip()
		}
	}
}

func database(s *jsonscan.Scanner, r *detect.Request) {
	if s.Null() {
		return
	}
	s.Enter(jsonscan.Object, "db")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "role":
			r.Principal = s.Text("db.role")
		case "bypass_rls":
			r.Bypass = truth(s, "db.bypass_rls")
		default:
			s.Skip()
		}
	}
}

func cache(s *jsonscan.Scanner, r *detect.Request) {
	if s.Null() {
		return
	}
	s.Enter(jsonscan.Object, "cache")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "status":
			r.Cache.Status = cacheStatus(s.Text("cache.status"))
		case "id":
			r.Cache.ID = lastPart(s.ID("cache.id"))
		case "public":
			r.Cache.Public = truth(s, "cache.public")
		case "per_user":
			r.Cache.PerUser = truth(s, "cache.per_user")
		default:
			s.Skip()
		}
	}
}

func client(s *jsonscan.Scanner, r *detect.Request) {
	if s.Null() {
		return
	}
	s.Enter(jsonscan.Object, "client")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "browser":
			r.Browser = truth(s, "client.browser")
		case "secret_key":
			r.SecretKey = truth(s, "client.secret_key")
		default:
			s.Skip()
		}
	}
}

func stripe(s *jsonscan.Scanner, mem *decode.Scratch, r *detect.Request) {
	if s.Null() {
		return
	}
	s.Enter(jsonscan.Object, "stripe")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "ids":
			r.StripeIDs = ids(s, mem, "stripe.ids")
		case "user":
			r.StripeUser = s.ID("stripe.user")
		default:
			s.Skip()
		}
	}
}

// truth reads true, false or null.
func truth(s *jsonscan.Scanner, field string) detect.Tri {
	if s.Null() {
		return detect.Unknown
	}
	if s.Bool(field) {
		return detect.Yes
	}
	return detect.No
}
