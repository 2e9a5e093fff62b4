package kafka

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// checksum is cheap and depends on offset, length and bytes of every record.
type checksum struct {
	records int
	sum     uint64
}

func (c *checksum) add(offset int64, value []byte) {
	c.records++
	c.sum = c.sum*31 + uint64(offset) + uint64(len(value)) + binary.LittleEndian.Uint64(value[len(value)/2:])
}

// counting is a handler that reads a little of each record.
type counting struct{ got checksum }

func (h *counting) Records(_ context.Context, b *Batch) error {
	for i := range b.Records {
		h.got.add(b.Records[i].Offset, b.Records[i].Value)
	}
	b.Release()
	return nil
}
func (*counting) Gap(context.Context, Gap) error               { return ErrHold }
func (*counting) BadBatch(_ context.Context, b BadBatch) error { return b.Err }
func (*counting) CaughtUp(context.Context, int64) error        { return nil }

// BenchmarkFetch measures what one partition costs between the socket and the
// handler: the exchange over loopback TCP, the checksum, decompression and the
// walk. The batches were recorded from a real broker: 85 lines of 742 bytes,
// repeated to fill 4 MiB. The broker's side is a goroutine that writes a
// prepared answer, so its share is one write call per fetch.
func BenchmarkFetch(b *testing.B) {
	want := map[int]checksum{} // by number of repetitions: the same whatever the codec
	for _, codec := range []string{"none", "lz4", "zstd"} {
		recorded, err := os.ReadFile(filepath.Join("wire", "testdata", "batches", "recorded-"+codec+".bin"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(codec, func(b *testing.B) {
			// As many repetitions as make 4 MiB uncompressed.
			times := 4 << 20 / (85 * 750)
			log := repeat(recorded, times)
			if _, ok := want[times]; !ok {
				want[times] = plainChecksum(b, times)
			}
			f, _ := testFetcher(b)
			handler := &counting{}
			f.handler = handler
			conn := serve(b, log, int64(85*times))
			r := &wire.FetchRequest{Version: wire.FetchByID, ClientID: "bench", Partition: 0, MinBytes: 1, MaxBytes: 4 << 20,
				MaxWait: time.Second, MaxAnswer: 64 << 20, Pool: f.gen.source.pool}
			fetch := func() {
				f.position = 0
				r.Correlation++
				message, err := r.RawExchange(conn)
				if err != nil {
					b.Fatal(err)
				}
				answer := message.(*wire.FetchAnswer)
				if err := f.deliver(b.Context(), answer); err != nil {
					b.Fatal(err)
				}
				answer.Buffer.Release()
			}
			fetch() // fills the pools
			b.ReportAllocs()
			b.SetBytes(int64(85 * times * 742))
			for b.Loop() {
				handler.got = checksum{}
				fetch()
				if handler.got != want[times] {
					b.Fatalf("got %+v, want %+v", handler.got, want[times])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*85*times), "us/record")
		})
	}
}

// repeat lays copies of a log behind each other with rising offsets, which are
// not under the batches' checksums.
func repeat(log []byte, times int) []byte {
	var out []byte
	for i := range times {
		at := len(out)
		out = append(out, log...)
		for rest := out[at:]; len(rest) > 0; rest = rest[12+binary.BigEndian.Uint32(rest[8:]):] {
			binary.BigEndian.PutUint64(rest, binary.BigEndian.Uint64(rest)+uint64(85*i))
		}
	}
	return out
}

// plainChecksum computes what must arrive from the recorded uncompressed batch,
// by scanning for the lines and not by decoding.
func plainChecksum(b *testing.B, times int) checksum {
	recorded, err := os.ReadFile(filepath.Join("wire", "testdata", "batches", "recorded-none.bin"))
	if err != nil {
		b.Fatal(err)
	}
	var c checksum
	for i := range times {
		n := int64(0)
		for at := 0; at+742 <= len(recorded); at++ {
			if string(recorded[at:at+10]) == `{"level":"` {
				c.add(int64(85*i)+n, recorded[at:at+742])
				n++
				at += 741
			}
		}
	}
	if c.records != 85*times {
		b.Fatalf("found %d lines in the recorded batch, want 85", c.records/times)
	}
	return c
}

// serve answers every request on a loopback connection with the same log.
func serve(b *testing.B, log []byte, end int64) net.Conn {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	body := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0}               // size, correlation id, tags
	body = append(body, make([]byte, 10)...)                // throttle, error, session
	body = append(body, 2)                                  // one topic
	body = append(body, make([]byte, 16)...)                // its id
	body = append(body, 2, 0, 0, 0, 0, 0, 0)                // one partition: number, error
	body = binary.BigEndian.AppendUint64(body, uint64(end)) // high watermark
	body = binary.BigEndian.AppendUint64(body, uint64(end))
	body = append(body, make([]byte, 8)...)               // log start
	body = append(body, 0, 0xff, 0xff, 0xff, 0xff)        // no aborted transactions, no replica
	body = binary.AppendUvarint(body, uint64(len(log))+1) // batches
	body = append(append(body, log...), 0, 0, 0)          // tags
	binary.BigEndian.PutUint32(body, uint32(len(body)-4))
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			head := make([]byte, 4)
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			request := make([]byte, binary.BigEndian.Uint32(head))
			if _, err := io.ReadFull(conn, request); err != nil {
				return
			}
			copy(body[4:8], request[4:8])
			if _, err := conn.Write(body); err != nil {
				return
			}
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		listener.Close()
		<-served
	})
	return conn
}
