package join

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
)

func compareOrigins(a, b detect.Origin) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// Kinds of access keys. An access of one kind never has the key of another.
const (
	keyComplete = 'c' // complete lines of one request id and user, within one keyBucket
	keyRequest  = 'r' // request lines of one request id and user, none of them complete
	keyTxn      = 't' // a transaction without request
	keyLine     = 'l' // one line by itself
	keyLate     = 'd' // one line that came too late to be joined, and maybe came before as well
)

// keyer makes access keys: a letter for the kind, and 128 bits of a SHA-256 over what
// the access is known by. Nothing of where a line lay goes in, so that a file and a
// topic give the same key; user ids go in but cannot be read back.
type keyer struct{ b []byte }

func (k *keyer) begin(kind byte) { k.b = append(k.b[:0], kind) }

func (k *keyer) text(s string) {
	k.b = binary.AppendUvarint(k.b, uint64(len(s)))
	k.b = append(k.b, s...)
}

func (k *keyer) number(n int64) { k.b = binary.BigEndian.AppendUint64(k.b, uint64(n)) }

func (k *keyer) key(a *memory.Arena) string {
	kind := k.b[0]
	sum := sha256.Sum256(k.b)
	k.b = append(k.b[:0], kind, '-')
	k.b = hex.AppendEncode(k.b, sum[:16])
	return a.Keep(k.b)
}

// bucket is the span of keyBucket that a time lies in. It never crosses an hour, a day
// or a month.
func bucket(time int64) int64 { return time / keyBucket }

// requestKey is the key of an access with request lines.
func (d *Detector) requestKey(kind byte, id, trace, user string, time int64) string {
	k := &d.keyer
	k.begin(kind)
	k.text(id)
	if id == "" {
		k.text(trace)
	} else {
		k.text("")
	}
	k.text(user)
	k.number(bucket(time))
	return k.key(&d.arena)
}

// lineKey is the key of a line that stands for itself.
func (d *Detector) lineKey(x *node) string {
	k := &d.keyer
	if x.is(flagLate) {
		k.begin(keyLate)
	} else {
		k.begin(keyLine)
	}
	k.number(int64(x.line))
	k.number(x.time)
	return k.key(&d.arena)
}

// txnKey is the key of a transaction without request: by its first execution.
func (d *Detector) txnKey(s *detect.StatementLine) string {
	k := &d.keyer
	k.begin(keyTxn)
	k.text(s.Session)
	k.text(s.Txn)
	k.number(int64(s.LineID))
	k.number(s.Time)
	return k.key(&d.arena)
}
