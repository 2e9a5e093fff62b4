package postgres

import (
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

const (
	auditCSV  = `2026-11-23 09:13:37.454 UTC,"app_user","market",29881,"127.0.0.1:48336",6b0403c1.74b9,1,"SELECT",2026-11-23 09:13:37 UTC,3/125,0,LOG,00000,"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,""select id, buyer_id, seller_id, total_cents from orders where id = $1 and org_id = $2 /* request_id=req-2001 */"",""0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0004,7c1f4f0e-8a58-4a4b-9d5a-0004aaaaaaaa"",1",,,,,,,,,"web api-7c1f4f0e","client backend",,-658459014359578`
	auditJSON = `{"timestamp":"2026-11-23 09:13:37.454 UTC","user":"app_user","dbname":"market","pid":29881,"remote_host":"127.0.0.1","remote_port":48336,"session_id":"6b0403c1.74b9","line_num":1,"ps":"SELECT","session_start":"2026-11-23 09:13:37 UTC","vxid":"3/125","txid":0,"error_severity":"LOG","message":"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,\"select id, buyer_id, seller_id, total_cents from orders where id = $1 and org_id = $2 /* request_id=req-2001 */\",\"0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0004,7c1f4f0e-8a58-4a4b-9d5a-0004aaaaaaaa\",1","application_name":"web api-7c1f4f0e","backend_type":"client backend","query_id":-658459014359578}`
	auditText = `2026-11-23 09:13:37.454 UTC [29881] [user=app_user,db=market,app=web api-7c1f4f0e] LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,"select id, buyer_id, seller_id, total_cents from orders where id = $1 and org_id = $2 /* request_id=req-2001 */","0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0004,7c1f4f0e-8a58-4a4b-9d5a-0004aaaaaaaa",1`
	claimsCSV = `2026-11-23 01:54:05.262 UTC,"authenticator","shop",7605,"127.0.0.1:58636",6b039cbd.1db5,4,"BIND",2026-11-23 01:54:05 UTC,3/104,0,LOG,00000,"AUDIT: SESSION,2,1,READ,SELECT,,,""select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true), set_config('request.path', $5, true), set_config('request.headers', $6, true), set_config('request.cookies', $7, true)"",""""""""""""""public"""""""", """"""""extensions"""""""""""",authenticated,""""{""""""""iss"""""""":""""""""https://abc.supabase.co/auth/v1"""""""",""""""""sub"""""""":""""""""11111111-1111-4111-8111-111111111111"""""""",""""""""aud"""""""":""""""""authenticated"""""""",""""""""exp"""""""":1893456000,""""""""role"""""""":""""""""authenticated"""""""",""""""""session_id"""""""":""""""""5f0f6b3e-0000-4000-8000-000000000001"""""""",""""""""app_metadata"""""""":{""""""""provider"""""""":""""""""email""""""""}}"""",GET,/orders,""""{""""""""host"""""""":""""""""abc.supabase.co"""""""",""""""""user-agent"""""""":""""""""Mozilla/5.0 (it's, \""""""""x\"""""""")"""""""",""""""""x-request-id"""""""":""""""""req-42"""""""",""""""""cf-ray"""""""":""""""""7ac6d98c123558de"""""""",""""""""x-client-info"""""""":""""""""supabase-js-node/2.45.0""""""""}"""",{}"",1",,,,,,,,,"PostgREST 12.2.3","client backend",,-580658459014359578`
)

func isAuditRead(ev *detect.Event) bool {
	st := ev.Statement
	return st != nil && st.Kind == detect.StatementAudit && st.Object == "public.orders" && st.RequestID == "req-2001" &&
		len(st.Params) == 2 && st.Params[0].Value == "0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0004" && st.Rows == 1 &&
		ev.Time == 1795425217454000000
}

func isClaims(ev *detect.Event) bool {
	st := ev.Statement
	return st != nil && st.Kind == detect.StatementSetting && st.Settings != nil && st.Settings.Role == "authenticated" &&
		st.Settings.Sub == "11111111-1111-4111-8111-111111111111" && st.Settings.RequestID == "req-42"
}

func BenchmarkDecode(b *testing.B) {
	for _, bb := range []struct {
		name  string
		d     decode.Decoder
		line  string
		right func(*detect.Event) bool
	}{
		{"csvlog/audit", NewCSVLog(Options{}), auditCSV, isAuditRead},
		{"csvlog/claims", NewCSVLog(Options{}), claimsCSV, isClaims},
		{"jsonlog/audit", NewJSONLog(Options{}), auditJSON, isAuditRead},
		{"stderr/audit", newStderr(b, Options{LinePrefix: "%m [%p] %q[user=%u,db=%d,app=%a] "}), auditText, isAuditRead},
		{"stderr/audit/guessed", newStderr(b, Options{}), auditText, isAuditRead},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var (
				mem decode.Scratch
				ev  detect.Event
			)
			line := []byte(bb.line)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%32 == 0 {
					mem.Reset()
				}
				if err := bb.d.Decode(line, &mem, &ev); err != nil {
					b.Fatal(err)
				}
				if !bb.right(&ev) {
					b.Fatal("not the event that the line says")
				}
			}
		})
	}
}
