package clickhouse

import (
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/contract"
)

// refused says where a row came from that no table takes. A row of findings or
// reads is named by its first line.
func refused(table string, row any, err error) contract.Quarantined {
	q := contract.Quarantined{Reason: "row_shape", Format: table, Detail: Brief(err)}
	switch r := row.(type) {
	case detect.Finding:
		q.Origin, q.Time = first(r.Origins), r.Time
	case detect.Read:
		q.Origin, q.Time = first(r.Origins), r.Time
	case contract.Fact:
		q.Origin = r.Origin
	}
	return q
}

func first(l []detect.Origin) detect.Origin {
	if len(l) == 0 {
		return detect.Origin{Partition: -1}
	}
	return l[0]
}
