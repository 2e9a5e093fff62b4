package postgres

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/app"
	"trespass.dev/trespass/ingest/decode"
)

// body fills st with what the message of e says.
func (r *reader) body(e *entry, mem *decode.Scratch, st *detect.Statement) error {
	if e.failed() {
		st.Kind = detect.StatementError
		st.SQL = decode.String(e.statement)
		r.walk.read(st, mem, nothing)
		return nil
	}
	switch message := e.message; { // no quotes stand in what these look for
	case isAudit(message):
		return r.audit(e, mem, st)
	case app.IsPreRequest(message):
		set, err := app.PreRequest(&r.json, e.text(mem), mem)
		if err != nil {
			return err
		}
		st.Kind, st.Settings = detect.StatementSetting, set
	default:
		r.text(e, mem, st)
	}
	return nil
}

// text reads the lines of log_statement and log_min_duration_statement:
//
//	statement: SQL
//	execute NAME: SQL
//	duration: 0.161 ms  parse|bind|execute NAME: SQL
//
// NAME may hold a colon, but no blank after one. Any other message is none of ours.
func (r *reader) text(e *entry, mem *decode.Scratch, st *detect.Statement) {
	body := afterDuration(e.text(mem))
	if sql, ok := bytes.CutPrefix(body, []byte("statement: ")); ok {
		st.Kind, st.SQL, st.ParamsKnown = detect.StatementText, decode.String(sql), true
		r.walk.read(st, mem, everything)
		return
	}
	verb, rest, _ := bytes.Cut(body, []byte{' '})
	name, sql, ok := bytes.Cut(rest, []byte(": "))
	if !ok {
		return
	}
	does := everything
	switch string(verb) {
	case "execute":
		st.Kind = detect.StatementText
		if bytes.HasPrefix(name, []byte("fetch from ")) {
			st.Kind = detect.StatementTwin
		}
	case "parse":
		st.Kind, does = detect.StatementTwin, nothing
	case "bind":
		st.Kind = detect.StatementTwin
	default:
		return
	}
	st.SQL = decode.String(sql)
	if list, ok := parameterList(e.detail); ok {
		st.Params, st.ParamsKnown = detailParams(list, mem)
	} else {
		st.ParamsKnown = string(verb) != "parse" && bytes.IndexByte(sql, '$') < 0
	}
	r.walk.read(st, mem, does)
}

// text gives the message as it was logged.
func (e *entry) text(mem *decode.Scratch) []byte {
	if e.width < 2 || bytes.IndexByte(e.message, '"') < 0 {
		return e.message
	}
	return single(e.message, '"', e.width, mem)
}

// afterDuration steps over "duration: 0.161 ms" and the blanks behind it.
func afterDuration(message []byte) []byte {
	rest, ok := bytes.CutPrefix(message, []byte("duration: "))
	if !ok {
		return message
	}
	i := 0
	for i < len(rest) && (rest[i] == '.' || rest[i]-'0' <= 9) {
		i++
	}
	if rest, ok = bytes.CutPrefix(rest[i:], []byte(" ms")); !ok {
		return nil
	}
	return bytes.TrimLeft(rest, " ")
}
