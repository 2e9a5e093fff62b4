// Package wiretest builds record batches for tests, right ones and wrong ones.
package wiretest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// Record is one message of a batch.
type Record struct {
	Offset     int64 // relative to the batch's base
	Time       int64
	Key, Value string // an empty key is written as null
	Null       bool   // the value is null
}

// Batch builds a record batch of format 2, also a wrong one.
type Batch struct {
	Base          int64
	Codec         wire.Codec
	Records       []Record // offsets are relative to Base
	Headers       []string // name and value in turn, for every record
	LastDelta     int32    // 0: the last record's offset
	Transactional bool
	Control       bool
	LogAppendTime bool
	MaxTime       int64
	ProducerID    int64
	Count         int32  // 0: as many as Records
	Payload       []byte // replaces the encoded records, before compression
	Compressed    []byte // replaces the compressed payload
	Magic         byte   // 0: 2
}

// Marker is the control batch that ends a transaction.
func Marker(base, producer int64, commit bool) Batch {
	key := "\x00\x00\x00\x00"
	if commit {
		key = "\x00\x00\x00\x01"
	}
	return Batch{Base: base, Transactional: true, Control: true, ProducerID: producer,
		Records: []Record{{Key: key, Value: "\x00\x00\x00\x00\x00\x00"}}}
}

// Values are records with those values and rising offsets.
func Values(list ...string) []Record {
	records := make([]Record, len(list))
	for i, v := range list {
		records[i] = Record{Offset: int64(i), Value: v}
	}
	return records
}

// Bytes encodes the batch with a right checksum.
func (b Batch) Bytes() []byte {
	var payload []byte
	lastDelta, count := b.LastDelta, b.Count
	for _, r := range b.Records {
		payload = appendRecord(payload, r, b.Headers)
		if b.LastDelta == 0 {
			lastDelta = int32(r.Offset)
		}
	}
	if count == 0 {
		count = int32(len(b.Records))
	}
	if b.Payload != nil {
		payload = b.Payload
	}
	if payload = Compress(b.Codec, payload); b.Compressed != nil {
		payload = b.Compressed
	}
	attributes := uint16(b.Codec)
	for bit, set := range map[uint16]bool{0x08: b.LogAppendTime, 0x10: b.Transactional, 0x20: b.Control} {
		if set {
			attributes |= bit
		}
	}
	magic := b.Magic
	if magic == 0 {
		magic = 2
	}
	out := binary.BigEndian.AppendUint64(nil, uint64(b.Base))
	out = binary.BigEndian.AppendUint32(out, uint32(49+len(payload)))
	out = append(out, 0, 0, 0, 0, magic, 0, 0, 0, 0) // leader epoch, magic, checksum
	out = binary.BigEndian.AppendUint16(out, attributes)
	out = binary.BigEndian.AppendUint32(out, uint32(lastDelta))
	out = binary.BigEndian.AppendUint64(out, 0)
	out = binary.BigEndian.AppendUint64(out, uint64(b.MaxTime))
	out = binary.BigEndian.AppendUint64(out, uint64(b.ProducerID))
	out = append(out, 0, 0, 0, 0, 0, 0) // producer epoch, sequence
	out = binary.BigEndian.AppendUint32(out, uint32(count))
	out = append(out, payload...)
	binary.BigEndian.PutUint32(out[17:], crc32.Checksum(out[21:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}

func appendRecord(dst []byte, r Record, headers []string) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, r.Time)
	body = binary.AppendVarint(body, r.Offset)
	body = appendField(body, r.Key, r.Key == "")
	body = appendField(body, r.Value, r.Null)
	body = binary.AppendVarint(body, int64(len(headers)/2))
	for _, h := range headers {
		body = appendField(body, h, false)
	}
	dst = binary.AppendVarint(dst, int64(len(body)))
	return append(dst, body...)
}

func appendField(dst []byte, s string, null bool) []byte {
	if null {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(s)))
	return append(dst, s...)
}

// Compress packs a payload the way Kafka's Java client does.
func Compress(codec wire.Codec, b []byte) []byte {
	var out bytes.Buffer
	switch codec {
	case wire.Gzip:
		w := gzip.NewWriter(&out)
		mustWrite(w.Write(b))
		must(w.Close())
	case wire.Snappy:
		out.WriteString("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
		for len(b) > 0 {
			n := min(len(b), 32<<10)
			block := snappy.Encode(nil, b[:n])
			out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(block))))
			out.Write(block)
			b = b[n:]
		}
	case wire.LZ4:
		w := lz4.NewWriter(&out)
		must(w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)))
		mustWrite(w.Write(b))
		must(w.Close())
	case wire.Zstd:
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		must(err)
		mustWrite(w.Write(b))
		must(w.Close())
	default:
		return b
	}
	return out.Bytes()
}

func mustWrite(_ int, err error) { must(err) }

// must is for writers into memory, which cannot fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
