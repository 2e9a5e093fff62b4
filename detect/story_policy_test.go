package detect_test

import (
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"trespass.dev/trespass/detect"
)

// storyPolicy reads a story's policy.
func storyPolicy(t *testing.T, name string, text []byte) *detect.Policy {
	t.Helper()
	type relation struct {
		Name    string
		Columns []string
	}
	var y struct {
		Tables yaml.MapSlice
		Routes []struct {
			Match, Kind, Cache string
			Roles, Tables      []string
			Ticket             bool
		}
		Principals struct {
			Bypass, Anonymous, Authenticated, Login []string
			Jobs                                    []struct {
				Role, App string
				Tables    []string
			}
		}
		Environments map[string]struct{ Databases []string }
		TestUsers    []string `yaml:"test_users"`
		Grace        map[string]string
	}
	if err := yaml.Unmarshal(text, &y); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p := &detect.Policy{TestUsers: y.TestUsers}
	for _, item := range y.Tables {
		var row struct {
			ID        string
			IDType    string `yaml:"id_type"`
			OwnerType string `yaml:"owner_type"`
			Owners    []string
			Tenant    string
			Shared    bool
			Public    *struct {
				When    map[string]string
				Columns []string
			}
			ExplainedBy []any `yaml:"explained_by"`
			Sensitive   []string
			Canaries    []string
			Mapping     bool
			Of          string
		}
		part, err := yaml.Marshal(item.Value)
		if err == nil {
			err = yaml.Unmarshal(part, &row)
		}
		if err != nil {
			t.Fatalf("%s: %v: %v", name, item.Key, err)
		}
		table := detect.Table{Name: item.Key.(string), ID: row.ID, IDType: idType(row.IDType), OwnerType: idType(row.OwnerType), Owners: row.Owners, Tenant: row.Tenant,
			Shared: row.Shared, Sensitive: row.Sensitive, Canaries: row.Canaries, Mapping: row.Mapping, Of: row.Of}
		if row.Public != nil {
			table.Public = &detect.Public{Columns: row.Public.Columns}
			for k, v := range row.Public.When {
				table.Public.When = append(table.Public.When, detect.Pair{Name: k, Value: v})
			}
		}
		for _, r := range row.ExplainedBy {
			switch r := r.(type) {
			case string:
				table.Relations = append(table.Relations, detect.TableRelation{Name: r})
			case map[string]any:
				for k, v := range r {
					rel := detect.TableRelation{Name: k}
					if m, ok := v.(map[string]any); ok {
						v = m["columns"]
					}
					for _, c := range v.([]any) {
						rel.Columns = append(rel.Columns, c.(string))
					}
					table.Relations = append(table.Relations, rel)
				}
			}
		}
		p.Tables = append(p.Tables, table)
	}
	kinds := map[string]detect.RouteKind{"user": detect.RouteUser, "service": detect.RouteService, "admin": detect.RouteAdmin, "public": detect.RoutePublic}
	for _, r := range y.Routes {
		p.Routes = append(p.Routes, detect.Route{Match: r.Match, Kind: kinds[r.Kind], Roles: r.Roles, Ticket: r.Ticket, Tables: r.Tables, Cache: r.Cache})
	}
	p.Principals = detect.Principals{Bypass: y.Principals.Bypass, Anonymous: y.Principals.Anonymous, Authenticated: y.Principals.Authenticated, Login: y.Principals.Login}
	for _, job := range y.Principals.Jobs {
		p.Principals.Jobs = append(p.Principals.Jobs, detect.Job{Role: job.Role, App: job.App, Tables: job.Tables})
	}
	for k, v := range y.Environments {
		p.Environments = append(p.Environments, detect.Environment{Name: k, Databases: v.Databases})
	}
	if len(y.Grace) > 0 {
		p.Grace = detect.DefaultGrace()
		for k, v := range y.Grace {
			d, err := time.ParseDuration(v)
			if err != nil {
				t.Fatal(err)
			}
			switch k {
			case "transfer":
				p.Grace.Transfer = d
			case "session":
				p.Grace.Session = d
			default:
				t.Fatalf("%s: grace %s", name, k)
			}
		}
	}
	if err := p.Compile(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func idType(s string) detect.IDType {
	switch s {
	case "", "uuid", "int", "text":
		return detect.IDType{Kind: s}
	}
	return detect.IDType{Kind: "prefix", Prefix: s}
}
