package app

import (
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// records reads the rows that a line says came back.
func records(s *jsonscan.Scanner, mem *decode.Scratch) (list []detect.Record) {
	if s.Null() {
		return nil
	}
	for s.Enter(jsonscan.Array, "records"); s.Next(); {
		list = mem.AppendRecord(list, record(s, mem))
	}
	return list
}

func record(s *jsonscan.Scanner, mem *decode.Scratch) (r detect.Record) {
	s.Enter(jsonscan.Object, "records")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "table":
			r.Table = s.Text("records.table")
		case "id":
			r.ID = s.ID("records.id")
		case "owners":
			r.Owners = owners(s, mem)
		case "tenant":
			r.Tenant = s.ID("records.tenant")
		case "columns":
			r.Columns = ids(s, mem, "records.columns")
		case "state":
			r.State = state(s, mem)
		default:
			s.Skip()
		}
	}
	if r.Table == "" && s.OK() {
		s.Fail(decode.Missing, "records.table")
	}
	return r
}

// owners reads {"buyer_id": "ann", "seller_id": ["bob", "cyd"]}, which names the
// columns, or [{"column": "buyer_id", "id": "ann"}], or ["ann"], which does not.
// A null is an owner column that holds nobody.
func owners(s *jsonscan.Scanner, mem *decode.Scratch) (list []detect.Owner) {
	switch s.Kind() {
	case jsonscan.Null:
		s.Skip()
	case jsonscan.Array:
		for s.Enter(jsonscan.Array, "records.owners"); s.Next(); {
			if o := owner(s); o.ID != "" {
				list = mem.AppendOwner(list, o)
			}
		}
	default:
		s.Enter(jsonscan.Object, "records.owners")
		for column, ok := s.Name(); ok; column, ok = s.Name() {
			list = ownersOf(s, mem, column, list)
		}
	}
	return list
}

func owner(s *jsonscan.Scanner) (o detect.Owner) {
	if s.Kind() != jsonscan.Object {
		o.ID = s.ID("records.owners")
		return o
	}
	s.Enter(jsonscan.Object, "records.owners")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "column":
			o.Column = s.Text("records.owners.column")
		case "id":
			o.ID = s.ID("records.owners.id")
		default:
			s.Skip()
		}
	}
	return o
}

func ownersOf(s *jsonscan.Scanner, mem *decode.Scratch, column string, list []detect.Owner) []detect.Owner {
	add := func() {
		if id := s.ID("records.owners"); id != "" {
			list = mem.AppendOwner(list, detect.Owner{Column: column, ID: id})
		}
	}
	if s.Kind() != jsonscan.Array {
		add()
		return list
	}
	for s.Enter(jsonscan.Array, "records.owners"); s.Next(); {
		add()
	}
	return list
}

// state reads logged state columns; numbers and booleans are kept as written.
func state(s *jsonscan.Scanner, mem *decode.Scratch) (list []detect.Pair) {
	if s.Null() {
		return nil
	}
	s.Enter(jsonscan.Object, "records.state")
	for name, ok := s.Name(); ok; name, ok = s.Name() {
		list = mem.AppendPair(list, detect.Pair{Name: name, Value: scalar(s, "records.state")})
	}
	return list
}

// counts reads how many rows came back of tables whose records are not listed.
func counts(s *jsonscan.Scanner, mem *decode.Scratch) (list []detect.Count) {
	if s.Null() {
		return nil
	}
	for s.Enter(jsonscan.Array, "counts"); s.Next(); {
		list = mem.AppendCount(list, count(s, mem))
	}
	return list
}

func count(s *jsonscan.Scanner, mem *decode.Scratch) detect.Count {
	c := detect.Count{Rows: -1}
	s.Enter(jsonscan.Object, "counts")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "table":
			c.Table = s.Text("counts.table")
		case "rows":
			c.Rows = rows(s)
		case "truncated":
			c.Truncated = truth(s, "counts.truncated") == detect.Yes
		case "filter":
			c.Filter = filter(s, mem)
		case "columns":
			c.Columns = ids(s, mem, "counts.columns")
		default:
			s.Skip()
		}
	}
	if c.Table == "" && s.OK() {
		s.Fail(decode.Missing, "counts.table")
	}
	return c
}

func rows(s *jsonscan.Scanner) int64 {
	if s.Null() {
		return -1
	}
	n := s.Int("counts.rows")
	if n < 0 {
		s.Bad("counts.rows", "a number from 0, or null")
	}
	return n
}

func filter(s *jsonscan.Scanner, mem *decode.Scratch) (list []detect.Filter) {
	if s.Null() {
		return nil
	}
	s.Enter(jsonscan.Object, "counts.filter")
	for column, ok := s.Name(); ok; column, ok = s.Name() {
		list = mem.AppendFilter(list, detect.Filter{Column: column, Value: scalar(s, "counts.filter")})
	}
	return list
}

// ids reads an array of ids; null is an empty one.
func ids(s *jsonscan.Scanner, mem *decode.Scratch, field string) (list []string) {
	if s.Null() {
		return nil
	}
	for s.Enter(jsonscan.Array, field); s.Next(); {
		list = mem.AppendString(list, s.ID(field))
	}
	return list
}

// scalar reads a string, number, boolean or null as text.
func scalar(s *jsonscan.Scanner, field string) string {
	switch s.Kind() {
	case jsonscan.Number, jsonscan.Bool:
		return decode.String(s.Raw())
	default:
		return s.Text(field)
	}
}
