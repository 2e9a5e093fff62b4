package kafka

import (
	"sync"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// Record is one message; see wire.Record.
type Record = wire.Record

// The bounds of one Batch. A batch of producers that do not batch is put
// together with its neighbours, a very large one is delivered in parts.
const (
	batchRecords = 1024
	batchBytes   = 256 << 10 // unpacked; soft, a single record may exceed it
)

// Batch is a run of records of one partition. Everything in it lives in pooled
// memory until Release.
type Batch struct {
	Topic     string
	Partition int32
	// Records in offset order. Keys, values and headers alias pooled memory.
	Records []Record
	// HighWatermark is the end of the replicated log when these records were
	// fetched.
	HighWatermark int64
	// Next is the offset that follows the last record.
	Next int64

	buffers []*wire.Buffer
	bytes   int
	pool    *batchPool
}

// Release gives the memory back. It must be called exactly once, from any
// goroutine; afterwards no slice from the batch may be used.
func (b *Batch) Release() {
	for i, buf := range b.buffers {
		buf.Release()
		b.buffers[i] = nil
	}
	pool := b.pool
	clear(b.Records)
	*b = Batch{Records: b.Records[:0], buffers: b.buffers[:0]}
	pool.put(b)
}

// hold keeps buf alive as long as the batch.
func (b *Batch) hold(buf *wire.Buffer) {
	if n := len(b.buffers); n > 0 && b.buffers[n-1] == buf {
		return
	}
	buf.Retain()
	b.buffers = append(b.buffers, buf)
}

func (b *Batch) full() bool { return len(b.Records) >= batchRecords || b.bytes >= batchBytes }

// batchPool lends Batch values.
type batchPool struct{ pool sync.Pool }

func (p *batchPool) get(topic string, partition int32) *Batch {
	b, _ := p.pool.Get().(*Batch)
	if b == nil {
		b = &Batch{Records: make([]Record, 0, batchRecords)}
	}
	b.Topic, b.Partition, b.pool = topic, partition, p
	return b
}

func (p *batchPool) put(b *Batch) { p.pool.Put(b) }
