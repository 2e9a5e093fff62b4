package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/pierrec/lz4/v4"

	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

var compressed = []wire.Codec{wire.Gzip, wire.Snappy, wire.LZ4, wire.Zstd}

func TestDecompressorAppends(t *testing.T) {
	random := make([]byte, 300_000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	for _, codec := range compressed {
		unpack := wire.NewDecompressor(limit)
		for name, want := range map[string][]byte{
			"empty": {}, "short": []byte("x"), "text": []byte(strings.Repeat("the quick brown fox ", 20_000)), "random": random,
		} {
			for range 2 { // the state of a codec is used again
				got, err := unpack.Append(codec, []byte("before"), wiretest.Compress(codec, want))
				if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
					t.Errorf("%s, %s: %d bytes, %v", codec, name, len(got), err)
				}
			}
		}
	}
}

func TestBombsAreRefusedInBoundedMemory(t *testing.T) {
	const most = 8 << 20 // zstd refuses frames with a window beyond the limit; 8 MiB is common
	for _, codec := range compressed {
		unpack := wire.NewDecompressor(most)
		if got, err := unpack.Append(codec, nil, wiretest.Compress(codec, make([]byte, most))); err != nil || len(got) != most {
			t.Errorf("%s: exactly the limit: %d bytes, %v", codec, len(got), err)
		}
		if _, err := unpack.Append(codec, nil, wiretest.Compress(codec, make([]byte, most+1))); !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("%s: one byte more: %v, want ErrTooLarge", codec, err)
		}
		bomb := wiretest.Compress(codec, make([]byte, 96<<20))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := unpack.Append(codec, []byte("before"), bomb)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, wire.ErrTooLarge) || string(out) != "before" {
			t.Errorf("%s: bomb: %d bytes, %v, want ErrTooLarge", codec, len(out), err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 8*most {
			t.Errorf("%s: the bomb made it allocate %d MiB", codec, used>>20)
		}
	}
}

func TestMalformedCompressionIsAnError(t *testing.T) {
	text := []byte(strings.Repeat("a golden line that compresses ", 50))
	for _, codec := range compressed {
		unpack := wire.NewDecompressor(limit)
		packed := wiretest.Compress(codec, text)
		for n := 1; n < len(packed); n++ {
			out, err := unpack.Append(codec, []byte("before"), packed[:n])
			if codec == wire.Snappy && n == 16 {
				continue // a frame of no blocks; the count of records does not fit then
			}
			if err == nil {
				t.Errorf("%s cut to %d of %d bytes: no error, %d bytes out", codec, n, len(packed), len(out))
			} else if string(out) != "before" {
				t.Errorf("%s cut to %d bytes: the output became %q", codec, n, out)
			}
		}
		if _, err := unpack.Append(codec, nil, []byte("this is not compressed at all")); err == nil {
			t.Errorf("%s: plain text was accepted", codec)
		}
	}
	if _, err := wire.NewDecompressor(100).Append(5, nil, nil); !errors.Is(err, wire.ErrCodec) {
		t.Errorf("codec 5: %v, want ErrCodec", err)
	}
}

func TestSnappyBlockWithoutFrame(t *testing.T) {
	got, err := wire.NewDecompressor(100).Append(wire.Snappy, nil, snappy.Encode(nil, []byte("hello")))
	if err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	// A bare block that claims more than it can hold reserves nothing.
	if _, err := wire.NewDecompressor(limit).Append(wire.Snappy, nil, binary.AppendUvarint(nil, 60<<20)); !errors.Is(err, wire.ErrCompressed) {
		t.Errorf("empty block of 60 MiB: %v", err)
	}
}

// A frame of blocks of up to 4 MiB, as Go's and C's producers write them, does not
// take 4 MiB for what is 300 KB, whatever free room there is.
func TestLZ4TakesNoMoreMemoryThanItNeeds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, repeat := range []int{1, 3, 12, 200} {
		var want []byte
		for len(want) < 300_000 {
			part := make([]byte, 2000)
			for i := range part {
				part[i] = byte(rng.Uint32())
			}
			want = append(want, bytes.Repeat(part, repeat)...)
		}
		packed := wiretest.Compress(wire.LZ4, want)
		for _, free := range []int{0, len(want) / 2, len(want), 2 * len(want)} {
			got, err := wire.NewDecompressor(limit).Append(wire.LZ4, make([]byte, 0, free), packed)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d times, %d free: %d bytes, %v", repeat, free, len(got), err)
			}
			if most := max(free, 5*len(want)); cap(got) > most {
				t.Errorf("%d times, %d free: %d bytes are taken for %d", repeat, free, cap(got), len(want))
			}
		}
	}
}

func TestLZ4Frames(t *testing.T) {
	text := bytes.Repeat([]byte("linked and independent blocks "), 20_000)
	frame := func(options ...lz4.Option) []byte {
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		if err := w.Apply(options...); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	checked := frame(lz4.BlockChecksumOption(true), lz4.ChecksumOption(true), lz4.SizeOption(uint64(len(text))), lz4.BlockSizeOption(lz4.Block1Mb))
	skipped := append([]byte{0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'}, checked...)
	// Flags: version 1, blocks depend on each other. The second block copies
	// eight bytes from the first one.
	linked := []byte("\x04\x22\x4d\x18\x40\x40\x00" + "\x08\x00\x00\x80abcdefgh" +
		"\x0a\x00\x00\x00\x14X\x09\x00\x5012345" + "\x00\x00\x00\x00")
	for name, test := range map[string]struct {
		frame []byte
		want  string
	}{
		"checksums and size": {checked, string(text)},
		"after a skippable":  {skipped, string(text)},
		"two frames":         {append(bytes.Clone(checked), checked...), string(text) + string(text)},
		"linked blocks":      {linked, "abcdefghXabcdefgh12345"},
	} {
		got, err := wire.NewDecompressor(limit).Append(wire.LZ4, nil, test.frame)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(test.want), err)
		}
	}
	for name, head := range map[string]string{
		"a dictionary":       "\x04\x22\x4d\x18\x61\x40\x00\x00\x00\x00\x00",
		"another version":    "\x04\x22\x4d\x18\xa0\x40\x00\x00\x00\x00\x00",
		"a block size of 3":  "\x04\x22\x4d\x18\x60\x30\x00\x00\x00\x00\x00",
		"the legacy format":  "\x02\x21\x4c\x18\x00\x00\x00\x00\x00\x00\x00",
		"an oversized block": "\x04\x22\x4d\x18\x60\x40\x00\xff\xff\xff\xff",
	} {
		if _, err := wire.NewDecompressor(limit).Append(wire.LZ4, nil, []byte(head)); !errors.Is(err, wire.ErrCompressed) {
			t.Errorf("%s: %v, want ErrCompressed", name, err)
		}
	}
}
