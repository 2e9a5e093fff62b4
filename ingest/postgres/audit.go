package postgres

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// Fields of a pgaudit line. ROWS is there with pgaudit.log_rows.
const (
	auditType = iota
	auditStatementID
	auditSubstatementID
	auditClass
	auditCommand
	auditObjectType
	auditObject
	auditStatement
	auditParameter
	auditRows
	auditFields
)

// isAudit says whether a message is pgaudit's. An application may log its own lines that
// begin with AUDIT.
func isAudit(message []byte) bool {
	rest, ok := bytes.CutPrefix(message, []byte("AUDIT: "))
	return ok && (bytes.HasPrefix(rest, []byte("SESSION,")) || bytes.HasPrefix(rest, []byte("OBJECT,")))
}

// audit reads AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,SQL,PARAMETERS[,ROWS].
// That an audit line was written says what was attempted, not that it was allowed.
func (r *reader) audit(e *entry, mem *decode.Scratch, st *detect.Statement) error {
	if e.width < 2 || r.auditFields(e.message, e.width, mem, st) != nil {
		// What is wrong is said of the message as it was logged.
		st.Params = nil
		if err := r.auditFields(e.text(mem), 1, mem, st); err != nil {
			return err
		}
	}
	r.walk.read(st, mem, effectsOf(st))
	return nil
}

// auditFields reads the fields of a message of width w.
func (r *reader) auditFields(message []byte, w int, mem *decode.Scratch, st *detect.Statement) error {
	const mark = len("AUDIT: ")
	var fields [auditFields]field
	list := message[mark:]
	n, wrong := split(list, w, fields[:])
	if wrong != nil {
		return &decode.Error{Format: "pgaudit", Reason: wrong.reason, At: mark + wrong.at, Detail: wrong.detail}
	}
	if n != auditFields && n != auditFields-1 {
		return auditError(decode.BadCSV, "want 9 or 10 fields")
	}
	raw := func(field int) []byte { return fields[field].in(list) }
	var ok, okToo bool
	st.StmtID, ok = decode.Digits(raw(auditStatementID))
	st.SubstmtID, okToo = decode.Digits(raw(auditSubstatementID))
	if !ok || !okToo || st.StmtID == 0 {
		return auditError(decode.BadField, "STATEMENT_ID and SUBSTATEMENT_ID: want whole numbers")
	}
	if rows := raw(auditRows); len(rows) > 0 {
		if st.Rows, ok = decode.Digits(rows); !ok {
			return auditError(decode.BadField, "ROWS: want a whole number")
		}
	}
	if w > 1 && (fields[auditClass].doubled || fields[auditCommand].doubled || fields[auditObjectType].doubled) {
		return auditError(decode.BadField, "no quotes are wanted in words of pgaudit")
	}
	if st.Line == 0 {
		// A text log without %l: within a session pgaudit's own count gives the order,
		// also of lines of one millisecond.
		st.Line = st.StmtID
	}
	st.Kind = detect.StatementAudit
	st.AuditObject = raw(auditType)[0] == 'O'
	st.Class = decode.String(raw(auditClass))
	st.Command = decode.String(raw(auditCommand))
	st.ObjectType = decode.String(raw(auditObjectType))
	st.Object = decode.String(plainName(fields[auditObject].text(list, w, mem), mem))
	switch string(raw(auditStatement)) {
	case "<previously logged>":
		st.Previous = true
	case "<not logged>":
	default:
		st.SQL = decode.String(fields[auditStatement].text(list, w, mem))
	}
	parameter := fields[auditParameter]
	return auditParams(parameter.in(list), parameter.inner(w), mem, st)
}

func auditError(reason decode.Reason, detail string) error {
	return &decode.Error{Format: "pgaudit", Reason: reason, At: -1, Detail: detail}
}

// auditParams reads the list of bind parameters, which is CSV inside the CSV. pgaudit
// prints NULL and the empty string alike; both are given as the empty string.
func auditParams(list []byte, w int, mem *decode.Scratch, st *detect.Statement) error {
	switch string(list) {
	case "<none>":
		st.ParamsKnown = true
		return nil
	case "<not logged>", "<previously logged>":
		return nil
	}
	for at, n := 0, 1; ; at, n = at+1, n+1 {
		p, end, wrong := nextField(list, at, w)
		if wrong != nil {
			return auditError(wrong.reason, "PARAMETER: "+wrong.detail)
		}
		if n > decode.MaxElements {
			return auditError(decode.TooMany, "PARAMETER: more than 10000 elements")
		}
		param := detect.Param{Unknown: string(p.in(list)) == "<long param suppressed>"}
		if !param.Unknown {
			param.Value = decode.String(p.text(list, w, mem))
		}
		st.Params = mem.AppendParam(st.Params, param)
		if at = end; end == len(list) {
			st.ParamsKnown = true
			return nil
		}
	}
}

// plainName takes the quotes off the parts of a name that would be the same without
// them: public."user" is public.user, but public."Order" is not public.order.
func plainName(name []byte, mem *decode.Scratch) []byte {
	if bytes.IndexByte(name, '"') < 0 {
		return name
	}
	dst := mem.Bytes(len(name))
	n := 0
	for i := 0; i < len(name); {
		if name[i] != '"' {
			dst[n] = name[i]
			n++
			i++
			continue
		}
		end := quotedEnd(name[i:])
		if part := name[i : i+end]; plain(part) {
			n += copy(dst[n:], part[1:len(part)-1])
		} else {
			n += copy(dst[n:], part)
		}
		i += end
	}
	return dst[:n]
}

// quotedEnd gives the length of the quoted part that b begins with.
func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		if i+1 == len(b) || b[i+1] != '"' {
			return i + 1
		}
		i++
	}
	return len(b)
}

// plain says whether a quoted part is a lower-case name.
func plain(part []byte) bool {
	if len(part) < 3 || part[len(part)-1] != '"' {
		return false
	}
	for i, c := range part[1 : len(part)-1] {
		if c != '_' && c-'a' > 25 && (i == 0 || c-'0' > 9 && c != '$') {
			return false
		}
	}
	return true
}
