package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/worktime"
)

var update = flag.Bool("update", false, "write deploy/policy.schema.json")

const (
	samplePath = "../../deploy/policy.yaml"
	schemaPath = "../../deploy/policy.schema.json"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return all
}

// TestInvalid reads testdata/invalid. Each file begins with its wanted errors, one in
// each "# wantErr: " line. A position in front, such as 3:5:, counts the lines below
// those, and so does the position of the error.
func TestInvalid(t *testing.T) {
	for _, path := range files(t, "testdata/invalid/*.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			body := string(read(t, path))
			var wants []string
			for {
				want, rest, ok := strings.Cut(body, "\n")
				text, is := strings.CutPrefix(want, "# wantErr: ")
				if !ok || !is {
					break
				}
				wants, body = append(wants, text), rest
			}
			if len(wants) == 0 {
				t.Fatalf("%s has no # wantErr: line", path)
			}
			_, err := Parse("policy.yaml", []byte(body))
			var faults *Error
			if !errors.As(err, &faults) {
				t.Fatalf("Parse gave %v, want an *Error", err)
			}
			for _, want := range wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q:\n%v", want, err)
				}
			}
			lines := strings.Split(body, "\n")
			for _, p := range faults.Problems {
				if p.Position.Line < 1 || p.Position.Line > len(lines) || p.Position.Column < 1 {
					t.Errorf("%q is at %+v, outside the file", p.Message, p.Position)
				}
			}
		})
	}
}

func TestAllFaultsInOneRun(t *testing.T) {
	_, err := Parse("policy.yaml", []byte("tables:\n  orders:\n    ownrs: [user_id]\n  notes: {id: id}\nroutes: [{match: x}]\n"))
	const want = `policy.yaml:3:5: unknown key "ownrs" (did you mean "owners"?)
    2 |   orders:
>   3 |     ownrs: [user_id]
            ^
policy.yaml:4:3: nothing says whose rows "notes" holds; give owners, tenant or public, or shared: true if it belongs to nobody
    3 |     ownrs: [user_id]
>   4 |   notes: {id: id}
          ^
policy.yaml:5:11: route "x" does not begin with /
    4 |   notes: {id: id}
>   5 | routes: [{match: x}]
                  ^`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCaretStandsUnderItsColumn holds the printed caret against the position.
func TestCaretStandsUnderItsColumn(t *testing.T) {
	for _, path := range files(t, "testdata/invalid/*.yaml") {
		_, err := Parse("p.yaml", read(t, path))
		lines := strings.Split(err.Error(), "\n")
		for i, line := range lines {
			if !strings.HasSuffix(line, "^") || strings.TrimSpace(line) != "^" {
				continue
			}
			if caret := strings.IndexByte(line, '^'); caret > len([]rune(lines[i-1])) {
				t.Errorf("%s: the caret stands behind the line:\n%s\n%s", path, lines[i-1], line)
			}
		}
	}
}

func TestValid(t *testing.T) {
	paths := append(files(t, "testdata/valid/*.yaml"), samplePath)
	for _, path := range paths {
		file, err := Parse(path, read(t, path))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if len(file.Detect.Tables) == 0 || file.Detect.Version != file.Version || len(file.Version) != 16 {
			t.Errorf("%s: %d tables, versions %q and %q", path, len(file.Detect.Tables), file.Detect.Version, file.Version)
		}
	}
}

// TestSample reads what deploy/policy.yaml promises in its comments.
func TestSample(t *testing.T) {
	file, err := Parse(samplePath, read(t, samplePath))
	if err != nil {
		t.Fatal(err)
	}
	p := file.Detect
	orders := p.Table("public.orders")
	if orders == nil {
		t.Fatal("the sample has no orders")
	}
	want := detect.Table{
		Name: "orders", ID: "id", IDType: detect.IDType{Kind: "uuid"}, OwnerType: detect.IDType{Kind: "uuid"}, Owners: []string{"buyer_id", "seller_id"},
		Tenant: "org_id", Sensitive: []string{"shipping_address"}, Canaries: []string{"00000000-0000-4000-8000-00000000c0de"}, Pos: orders.Pos,
	}
	if diff := cmp.Diff(want, *orders); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if line := strings.Split(string(read(t, samplePath)), "\n")[orders.Pos.Line-1]; !strings.HasPrefix(line[orders.Pos.Column-1:], "orders:") {
		t.Errorf("orders is said to stand at %+v, which is %q", orders.Pos, line)
	}
	if p.Table("order_summary") != orders || p.Table("get_order") != orders {
		t.Error("a view or function of orders is not judged as orders")
	}
	customers := p.Table("customers")
	if !customers.Mapping || customers.IDType != (detect.IDType{Kind: "prefix", Prefix: "cus_"}) {
		t.Errorf("customers: %+v", customers)
	}
	profiles := p.Table("profiles")
	if diff := cmp.Diff(&detect.Public{When: []detect.Pair{{Name: "status", Value: "published"}}, Columns: []string{"id", "display_name", "avatar_url", "status"}}, profiles.Public); diff != "" {
		t.Errorf("profiles.public (-want +got):\n%s", diff)
	}
	messages := p.Table("messages")
	if diff := cmp.Diff([]detect.TableRelation{{Name: "support_ticket"}, {Name: "share_link", Columns: []string{"id", "subject"}}}, messages.Relations); diff != "" {
		t.Errorf("messages.explained_by (-want +got):\n%s", diff)
	}
	admin := p.Route("", "/admin/users/7")
	if admin.Kind != detect.RouteAdmin || !admin.Ticket || admin.Roles[0] != "staff" {
		t.Errorf("/admin/users/7: %+v", admin)
	}
	if r := p.Route("", "/api/profiles/7"); r.Kind != detect.RoutePublic || r.Cache != "private" {
		t.Errorf("/api/profiles/7: %+v", r)
	}
	if r := p.Route("", "/"); r.Kind != detect.RouteUser {
		t.Errorf("/: %+v", r)
	}
	// The sample says that these are the defaults, so they must be.
	if diff := cmp.Diff(detect.DefaultGrace(), p.Grace); diff != "" {
		t.Errorf("grace (-default +sample):\n%s", diff)
	}
	if diff := cmp.Diff(detect.DefaultThresholds(), p.Thresholds); diff != "" {
		t.Errorf("thresholds (-default +sample):\n%s", diff)
	}
	if diff := cmp.Diff(detect.DefaultPrincipals(), p.Principals, cmpopts.IgnoreFields(detect.Principals{}, "Jobs")); diff != "" {
		t.Errorf("principals (-default +sample):\n%s", diff)
	}
	if p.EnvironmentOf("market") != "production" || p.Egress("203.0.113.9") != detect.Yes || !p.TestUser("99999999-9999-4999-8999-999999999999") {
		t.Error("environments, egress or test users were not read")
	}
	if j := p.Job("nightly", "invoicer"); j == nil || j.Tables[0] != "orders" {
		t.Errorf("job: %+v", j)
	}
	fields := FieldMapping{Preset: "pino", Paths: map[string][]string{"user_id": {"session.user.id", "userId"}, "request_id": {"req.id"}, "record.orders": {"orderId"}}}
	if diff := cmp.Diff(fields, file.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestDefaultsFillWhatIsLeftOut(t *testing.T) {
	file, err := Parse("p", []byte("tables: {orders: {id: id, owners: [u]}}\nprincipals: {bypass: [app_owner]}\ngrace: {transfer: 1d12h, session: 0s}\nthresholds: {bound_records: 5}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := file.Detect
	if !p.BypassRole("app_owner") || p.BypassRole("service_role") || !p.AnonymousRole("anon") {
		t.Errorf("principals: %+v", p.Principals)
	}
	if p.Grace.Transfer != 36*time.Hour || p.Grace.Session != 0 || p.Grace.ClockSkew != 2*time.Second {
		t.Errorf("grace: %+v", p.Grace)
	}
	if p.Thresholds.BoundRecords != 5 || p.Thresholds.CriticalPeople != 10 {
		t.Errorf("thresholds: %+v", p.Thresholds)
	}
	block, err := Parse("p", read(t, "testdata/valid/block-style.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	order := block.Detect.Table(`"public"."Order"`)
	if diff := cmp.Diff([]string{"1001", "abc"}, order.Canaries); diff != "" {
		t.Errorf("canaries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]detect.Pair{{Name: "is_public", Value: "true"}, {Name: "price", Value: "0"}}, order.Public.When); diff != "" {
		t.Errorf("when (-want +got):\n%s", diff)
	}
}

func TestDefault(t *testing.T) {
	p := Default().Detect
	if !p.BypassRole("service_role") || !p.BypassRole("postgres") || !p.BypassRole("supabase_admin") || !p.AnonymousRole("anon") || !p.AuthenticatedRole("authenticated") || !p.LoginRole("authenticator") {
		t.Errorf("roles: %+v", p.Principals)
	}
	if p.Table("orders") != nil || p.Route("/x", "/x") != nil {
		t.Error("the default policy knows a table or a route")
	}
}

func TestVersionFollowsTheText(t *testing.T) {
	a, _ := Parse("a", []byte("tables: {t: {id: id, owners: [u]}}\n"))
	b, _ := Parse("b", []byte("tables: {t: {id: id, owners: [u]}}\n"))
	c, _ := Parse("a", []byte("tables: {t: {id: id, owners: [v]}}\n"))
	if a.Version != b.Version || a.Version == c.Version {
		t.Errorf("versions %s, %s, %s", a.Version, b.Version, c.Version)
	}
}

// TestHostileTextIsBounded gives Parse what is made to cost time or memory.
func TestHostileTextIsBounded(t *testing.T) {
	var nested strings.Builder
	for i := range 600 {
		nested.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		bomb += string(rune('b'+i)) + ": &" + string(rune('b'+i)) + " [" + strings.Repeat("*"+string(rune('a'+i))+",", 9) + "]\n"
	}
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", maxSize), "braces": strings.Repeat("{a: ", maxSize/4), "dashes": strings.Repeat("- ", maxSize/2), "questions": strings.Repeat("? ", maxSize/2),
		"indentation": nested.String(), "aliases": bomb, "too large": strings.Repeat("# a comment\n", maxSize/8), "many values": "a: [" + strings.Repeat("1,", maxSize/2-8) + "]",
		"quotes": strings.Repeat(`"`, maxSize-1), "NUL": "tables: {\x00: {}}", "bad UTF-8": "tables: {\xff\xfe: {}}", "long key": strings.Repeat("k", maxSize-8) + ": 1",
		"colons": strings.Repeat(": ", maxSize/2), "anchors": strings.Repeat("&a ", maxSize/4), "tags": strings.Repeat("!a ", maxSize/4),
	} {
		var err error
		took := worktime.Of(func() { _, err = Parse("p", []byte(text)) })
		if err == nil {
			t.Errorf("%s: taken", name)
		}
		if took > 3*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if len(err.Error()) > 100_000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

// TestSchemaIsWritten holds the shipped schema against the types that Parse reads into.
func TestSchemaIsWritten(t *testing.T) {
	if *update {
		if err := os.WriteFile(schemaPath, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(Schema()), string(read(t, schemaPath))); diff != "" {
		t.Errorf("deploy/policy.schema.json is not what the types say; run go test ./ingest/policy -run Schema -update (-types +file):\n%s", diff)
	}
}

// TestSchemaTakesWhatParseTakes holds the schema against Parse: it takes every valid
// file, and refuses the invalid ones whose fault is of one key.
func TestSchemaTakesWhatParseTakes(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("policy.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(path string) error {
		asJSON, err := yaml.YAMLToJSON(read(t, path))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var value any
		d := json.NewDecoder(bytes.NewReader(asJSON))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return schema.Validate(value)
	}
	for _, path := range append(files(t, "testdata/valid/*.yaml"), samplePath) {
		if err := check(path); err != nil {
			t.Errorf("%s is valid, but not by the schema: %v", path, err)
		}
	}
	for _, name := range []string{"unknown-key", "unknown-section", "wrong-type-owners", "wrong-type-tables", "wrong-type-shared", "wrong-type-number", "wrong-type-name", "bad-id-type", "empty-prefix", "relation-wrong-type", "mapping", "route-kind", "route-ticket", "route-cache", "threshold", "field", "field-path", "field-preset", "grace"} {
		if check("testdata/invalid/"+name+".yaml") == nil {
			t.Errorf("%s is invalid, but not by the schema", name)
		}
	}
}

// FuzzParse gives any text to Parse: it gives a compiled policy or an *Error whose
// places lie in the file.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/valid/*.yaml", "testdata/invalid/*.yaml", samplePath} {
		for _, path := range files(f, pattern) {
			f.Add(read(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var file *File
		var err error
		if took := worktime.Of(func() { file, err = Parse("p", text) }); took > 5*time.Second {
			t.Fatalf("%d bytes took %v", len(text), took)
		}
		if err == nil {
			for i := range file.Detect.Tables {
				name := file.Detect.Tables[i].Name
				if file.Detect.Table(name) == nil {
					t.Fatalf("table %q cannot be looked up", name)
				}
			}
			return
		}
		var faults *Error
		if !errors.As(err, &faults) || len(faults.Problems) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		count := len(lines(text))
		for _, p := range faults.Problems {
			if p.Position.Line > count {
				t.Fatalf("%q stands on line %d of %d", p.Message, p.Position.Line, count)
			}
		}
		_ = err.Error()
	})
}
