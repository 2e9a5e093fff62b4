package app

import (
	"testing"

	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

func newPino(t testing.TB) *Mapped {
	m, ok := Preset("pino")
	if !ok {
		t.Fatal("the preset pino is gone")
	}
	return newMapped(t, "pino", m)
}

func newMapped(t testing.TB, format string, m Mapping) *Mapped {
	d, err := NewMapped(format, m)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var ownNames = Mapping{
	"time":           {"ts"},
	"request_id":     {"ctx.rid"},
	"user_id":        {"ctx.who"},
	"justification":  {"ctx.ticket"},
	"requested":      {"ctx.keys"},
	"record.orders":  {"orderId"},
	"record.bills":   {"invoiceIds"},
	"stripe_ids":     {"cus"},
	"secret_key":     {"service_key"},
	"share":          {"shareId"},
	"cache_per_user": {"cacheUser"},
	"token_iat":      {"token.iat"},
	"token_exp":      {"token.exp"},
}

func TestStories(t *testing.T) {
	t.Run("access", func(t *testing.T) {
		decodetest.Run(t, "testdata/access", func() decode.Decoder { return new(Access) })
	})
	t.Run("pino", func(t *testing.T) {
		decodetest.Run(t, "testdata/pino", func() decode.Decoder { return newPino(t) })
	})
	t.Run("mapping", func(t *testing.T) {
		decodetest.Run(t, "testdata/mapping", func() decode.Decoder { return newMapped(t, "shop", ownNames) })
	})
	t.Run("heartbeat", func(t *testing.T) {
		decodetest.Run(t, "testdata/heartbeat", func() decode.Decoder { return new(Heartbeat) })
	})
}

func FuzzAccess(f *testing.F) {
	decodetest.Seed(f, "testdata/access")
	f.Fuzz(func(t *testing.T, line []byte) { decodetest.Fuzz(t, new(Access), line) })
}

func FuzzPino(f *testing.F) {
	decodetest.Seed(f, "testdata/pino")
	d := newPino(f)
	f.Fuzz(func(t *testing.T, line []byte) { decodetest.Fuzz(t, d, line) })
}

func FuzzHeartbeat(f *testing.F) {
	decodetest.Seed(f, "testdata/heartbeat")
	f.Fuzz(func(t *testing.T, line []byte) { decodetest.Fuzz(t, new(Heartbeat), line) })
}
