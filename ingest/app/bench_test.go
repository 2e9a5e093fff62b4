package app

import (
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// accessLine is an access event of 742 bytes with three records, the mean length of
// the application lines that the project measures by.
const accessLine = `{"trespass":"access/1","time":"2026-11-23T01:55:57.374Z","event_id":"01JD9X4Z7QK3","env":"production","deployment":"dpl_123456","service":"web","request_id":"req-0b9e0d9a6c1f","route":"/api/orders/[id]","method":"GET","status":200,"actor":{"user_id":"11111111-1111-4111-8111-111111111111","session_id":"5f0f6b3e-0000-4000-8000-000000000001"},"tenant":"aaaaaaaa","db":{"role":"authenticated"},"records":[{"table":"orders","id":"0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0002","owners":{"buyer_id":"11111111-1111-4111-8111-111111111111","seller_id":"22222222-2222-4222-8222-222222222222"}},{"table":"order_items","id":"77","owners":{"buyer_id":"11111111-1111-4111-8111-111111111111"}},{"table":"order_items","id":"78","columns":["id","sku","quantity"]}]}`

const pinoLine = `{"level":30,"time":1795398957366,"service":"web","env":"production","req":{"id":"req-42","method":"GET","url":"/api/orders/0b9e0d9a?expand=1","headers":{"host":"127.0.0.1:45675","connection":"keep-alive","x-request-id":"req-42","x-vercel-id":"iad1::iad1::abcde-1700000000000-0123456789ab","authorization":"[Redacted]","cookie":"[Redacted]","accept":"*/*","accept-language":"*","sec-fetch-mode":"cors","user-agent":"node","accept-encoding":"gzip, deflate"},"remoteAddress":"127.0.0.1","remotePort":55570},"userId":"11111111-1111-4111-8111-111111111111","tenantId":"aaaaaaaa","route":"/api/orders/[id]","res":{"statusCode":200,"headers":{"content-type":"application/json","x-vercel-cache":"HIT"}},"responseTime":3,"msg":"request completed"}`

// bench decodes batches of 1000 lines, as the stream does, and checks each event.
func bench(b *testing.B, d decode.Decoder, text string, check func(r *detect.Request) bool) {
	line := []byte(text)
	var (
		mem decode.Scratch
		ev  detect.Event
		n   int
	)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%1000 == 0 {
			mem.Reset()
		}
		if err := d.Decode(line, &mem, &ev); err != nil {
			b.Fatal(err)
		}
		if !check(ev.Request) {
			b.Fatalf("%+v", ev.Request)
		}
	}
}

func BenchmarkAccess(b *testing.B) {
	if len(accessLine) != 742 {
		b.Fatalf("the line has %d bytes, want 742", len(accessLine))
	}
	bench(b, new(Access), accessLine, func(r *detect.Request) bool {
		return r.Complete && len(r.Records) == 3 && len(r.Records[0].Owners) == 2 && r.Status == 200
	})
}

func BenchmarkPino(b *testing.B) {
	bench(b, newPino(b), pinoLine, func(r *detect.Request) bool {
		return r.RequestID == "req-42" && r.Status == 200 && r.UserID != "" && r.Cache.Status == detect.CacheHit
	})
}

// Decoding must not make garbage: a batch is decoded into the memory of the last one.
func TestDecodeAllocatesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		d    decode.Decoder
		line string
	}{
		"access": {new(Access), accessLine},
		"pino":   {newPino(t), pinoLine},
	} {
		var (
			mem  decode.Scratch
			ev   detect.Event
			line = []byte(c.line)
		)
		batch := func() {
			mem.Reset()
			for range 100 {
				if err := c.d.Decode(line, &mem, &ev); err != nil {
					t.Fatal(err)
				}
			}
		}
		batch()
		if n := testing.AllocsPerRun(10, batch); n != 0 {
			t.Errorf("%s: %v allocations per 100 lines, want 0", name, n)
		}
	}
}
