package join

import (
	"cmp"

	"trespass.dev/trespass/detect"
)

// A statement prepared in SQL is audited at each EXECUTE with the text of its PREPARE, so
// a comment in that text names the request that prepared it, and not the one that runs it.
// The line of the EXECUTE itself, with the same statement id, names the latter.

// namesExecution says whether a line is the EXECUTE of a prepared statement and names its
// request.
func namesExecution(s *detect.Statement) bool {
	return s.Kind == detect.StatementAudit && s.Class == "MISC" && s.Command == "EXECUTE" && s.StmtID != 0 && (s.RequestID != "" || s.TraceID != "")
}

// executed gives what prepared statements read the request that their EXECUTE names.
func (b *unitBuilder) executed() {
	for i := range b.lines {
		e := &b.lines[i]
		if e.read || !namesExecution(&e.Statement) {
			continue
		}
		for k := range b.lines {
			l := &b.lines[k]
			if l.read && l.StmtID == e.StmtID && l.Kind == detect.StatementAudit && l.Plan != nil && l.Plan.Prepares {
				l.RequestID, l.TraceID, l.Route = e.RequestID, e.TraceID, cmp.Or(e.Route, l.Route)
				l.Twins = append(l.Twins, e.Origin)
			}
		}
	}
}
