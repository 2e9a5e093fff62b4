package policy

import (
	"time"

	"trespass.dev/trespass/detect"
)

// document is the shape of the file. The decoder and the JSON Schema both follow
// these structs; the doc tags are the schema's descriptions.
type document struct {
	Tables       named[table]       `yaml:"tables" doc:"The tables that hold somebody's rows, by name: orders, or app.orders outside schema public."`
	Routes       []route            `yaml:"routes" doc:"Who uses which route. The first that matches wins; a route that none matches is a user's."`
	Principals   principals         `yaml:"principals" doc:"What the database roles stand for. Left out: the roles of Supabase and Postgres."`
	Environments named[environment] `yaml:"environments" doc:"The databases of each environment, so that a preview that reads production is seen."`
	TestUsers    []text             `yaml:"test_users" doc:"User ids whose rows are test data."`
	Egress       []string           `yaml:"egress" doc:"Addresses or prefixes of your own servers. A secret key used from elsewhere is a finding."`
	Grace        grace              `yaml:"grace" doc:"How long before and after a change the old and the new state both count."`
	Thresholds   thresholds         `yaml:"thresholds" doc:"The numbers of the severity table."`
	Fields       fields             `yaml:"fields" doc:"How your log lines name their fields: a preset, and paths of your own."`
}

type table struct {
	ID        string     `yaml:"id" doc:"Column of the record id."`
	IDType    idType     `yaml:"id_type" doc:"Form of the record id. An id of another form is malformed."`
	OwnerType idType     `yaml:"owner_type" doc:"Form of the owners' and users' ids."`
	Owners    []string   `yaml:"owners" doc:"Columns that name the row's owner. Any of them owns it."`
	Tenant    string     `yaml:"tenant" doc:"Column of the organisation that the row belongs to; its members may read it."`
	Shared    bool       `yaml:"shared" doc:"The rows belong to nobody and are never judged."`
	Public    *public    `yaml:"public" doc:"When anybody may read a row, and which of its columns."`
	Explained []relation `yaml:"explained_by" doc:"Further relations that explain a read: support_ticket, share_link, retention, or one of your own."`
	Sensitive []string   `yaml:"sensitive" doc:"Columns that make a proven foreign read critical."`
	Canaries  []text     `yaml:"canaries" doc:"Ids of planted records that nobody has a reason to read."`
	Mapping   mapping    `yaml:"mapping" doc:"The record belongs to a user by a mapping that facts carry, such as a Stripe customer's."`
	Of        string     `yaml:"of" doc:"This is a view or function over that table, and is judged as it."`
}

type public struct {
	When    conditions `yaml:"when" doc:"Column and value that must hold; all of them. Left out: always."`
	Columns []string   `yaml:"columns" doc:"The columns that are public then. Any other column stays private."`
}

type route struct {
	Match  string    `yaml:"match" doc:"Template: * or [id] for one segment, ** at the end for the rest."`
	Kind   routeKind `yaml:"kind" doc:"Who uses it: user, service (no end user), admin (roles), public."`
	Roles  []string  `yaml:"roles" doc:"Application roles that an admin route takes."`
	Ticket ticket    `yaml:"ticket" doc:"An admin route that demands a ticket or reason for each read."`
	Tables []string  `yaml:"tables" doc:"The tables that a service route may read. Left out: all."`
	Cache  cache     `yaml:"cache" doc:"Whether a shared cache may store its responses. Left out: only those of public routes."`
}

type principals struct {
	Bypass        []string `yaml:"bypass" doc:"Roles that bypass row security."`
	Anonymous     []string `yaml:"anonymous" doc:"Roles that stand for nobody logged in."`
	Authenticated []string `yaml:"authenticated" doc:"Roles that stand for a logged-in user."`
	Login         []string `yaml:"login" doc:"Login roles that always switch to another before they read."`
	Jobs          []job    `yaml:"jobs" doc:"Background jobs: a role, the application name that goes with it, the tables that it may read."`
}

type job struct {
	Role   string   `yaml:"role" doc:"Database role of the job."`
	App    string   `yaml:"app" doc:"application_name of the job. Left out: any."`
	Tables []string `yaml:"tables" doc:"The tables that it may read. Left out: all."`
}

type environment struct {
	Databases []string `yaml:"databases" doc:"Names of its databases or projects, as the logs write them."`
}

type grace struct {
	ClockSkew    *span `yaml:"clock_skew" doc:"How far two machines' clocks may differ."`
	Transfer     *span `yaml:"transfer" doc:"Around a change of owner."`
	MemberBefore *span `yaml:"member_before" doc:"Before a membership begins."`
	MemberAfter  *span `yaml:"member_after" doc:"After a membership ends."`
	Session      *span `yaml:"session" doc:"Around sign-in and sign-out."`
	Mapping      *span `yaml:"mapping" doc:"Around a change of a mapping."`
	PolicyDrift  *span `yaml:"policy_drift" doc:"How long a change of row security still explains a foreign read."`
}

type thresholds struct {
	CriticalPeople *int `yaml:"critical_people" doc:"So many people in one access make a proven read critical."`
	BoundRecords   *int `yaml:"bound_records" doc:"So many records too many, by count alone, make a possible read high."`
}

// policy turns the document into the domain's own words. It is not yet compiled.
func (doc *document) policy(version string) *detect.Policy {
	p := &detect.Policy{
		Version:    version,
		TestUsers:  plainTexts(doc.TestUsers),
		EgressIPs:  doc.Egress,
		Grace:      doc.Grace.windows(),
		Thresholds: doc.Thresholds.numbers(),
		Principals: doc.Principals.roles(),
	}
	for _, t := range doc.Tables {
		p.Tables = append(p.Tables, t.Value.domain(t.Name, t.At))
	}
	for _, r := range doc.Routes {
		p.Routes = append(p.Routes, detect.Route{
			Match: r.Match, Kind: r.Kind.domain(), Roles: r.Roles, Ticket: r.Ticket != "",
			Tables: r.Tables, Cache: string(r.Cache),
		})
	}
	for _, e := range doc.Environments {
		p.Environments = append(p.Environments, detect.Environment{Name: e.Name, Databases: e.Value.Databases})
	}
	return p
}

func (t *table) domain(name string, at detect.Position) detect.Table {
	out := detect.Table{
		Name: name, ID: t.ID, IDType: t.IDType.domain(), OwnerType: t.OwnerType.domain(), Owners: t.Owners, Tenant: t.Tenant, Shared: t.Shared,
		Sensitive: t.Sensitive, Canaries: plainTexts(t.Canaries), Mapping: t.Mapping != "", Of: t.Of, Pos: at,
	}
	if t.Public != nil {
		out.Public = &detect.Public{Columns: t.Public.Columns}
		for _, c := range t.Public.When {
			out.Public.When = append(out.Public.When, detect.Pair{Name: c.Name, Value: string(c.Value)})
		}
	}
	for _, r := range t.Explained {
		out.Relations = append(out.Relations, detect.TableRelation{Name: r.Name, Columns: r.Columns})
	}
	return out
}

// roles keeps the default of each list that the file leaves out.
func (p *principals) roles() detect.Principals {
	d := detect.DefaultPrincipals()
	for _, list := range []struct {
		said  []string
		known *[]string
	}{{p.Bypass, &d.Bypass}, {p.Anonymous, &d.Anonymous}, {p.Authenticated, &d.Authenticated}, {p.Login, &d.Login}} {
		if list.said != nil {
			*list.known = list.said
		}
	}
	for _, j := range p.Jobs {
		d.Jobs = append(d.Jobs, detect.Job{Role: j.Role, App: j.App, Tables: j.Tables})
	}
	return d
}

// windows keeps the default of each window that the file leaves out.
func (g *grace) windows() detect.Grace {
	d := detect.DefaultGrace()
	for _, window := range []struct {
		said  *span
		known *time.Duration
	}{
		{g.ClockSkew, &d.ClockSkew}, {g.Transfer, &d.Transfer}, {g.MemberBefore, &d.MemberBefore}, {g.MemberAfter, &d.MemberAfter},
		{g.Session, &d.Session}, {g.Mapping, &d.Mapping}, {g.PolicyDrift, &d.PolicyDrift},
	} {
		if window.said != nil {
			*window.known = time.Duration(*window.said)
		}
	}
	return d
}

func (t *thresholds) numbers() detect.Thresholds {
	d := detect.DefaultThresholds()
	if t.CriticalPeople != nil {
		d.CriticalPeople = *t.CriticalPeople
	}
	if t.BoundRecords != nil {
		d.BoundRecords = *t.BoundRecords
	}
	return d
}

func plainTexts(list []text) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}
