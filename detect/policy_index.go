package detect

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"trespass.dev/trespass/detect/query"
)

// policyIndex makes look-ups of one compiled policy quick. It is built once by
// Compile and only read afterwards, so any number of goroutines may use it.
type policyIndex struct {
	tables       map[string]*Table // by canonical name; a view's name leads to its table
	environments map[string]string // by database
	routes       []routeMatcher    // in the order of Policy.Routes
	egress       []netip.Prefix
}

// PolicyProblem is one thing wrong with a policy. Path names the place by the keys
// of the file, such as tables[2].owners[0].
type PolicyProblem struct {
	Path    string
	Message string
}

// Error gives "path: message".
func (p *PolicyProblem) Error() string { return p.Path + ": " + p.Message }

// Compile checks the policy as a whole, spells its table names canonically, fills
// in the defaults of the sections that are left empty altogether, and builds what
// the look-ups need. It reports every problem at once: the error joins one
// *PolicyProblem for each. Until Compile has succeeded the look-ups find nothing.
func (p *Policy) Compile() error {
	if p.Grace == (Grace{}) {
		p.Grace = DefaultGrace()
	}
	if p.Thresholds == (Thresholds{}) {
		p.Thresholds = DefaultThresholds()
	}
	if p.Principals.empty() {
		p.Principals = DefaultPrincipals()
	}
	c := compiler{policy: p, index: &policyIndex{
		tables:       make(map[string]*Table, len(p.Tables)),
		environments: make(map[string]string),
	}}
	c.compileTables()
	c.compileRoutes()
	c.compileJobs()
	c.compileEnvironments()
	c.compileEgress()
	c.checkNumbers()
	if len(c.problems) > 0 {
		return errors.Join(c.problems...)
	}
	p.index = c.index
	return nil
}

// compiler holds one run of Compile.
type compiler struct {
	policy   *Policy
	index    *policyIndex
	problems []error
}

func (c *compiler) fail(path, format string, args ...any) {
	c.problems = append(c.problems, &PolicyProblem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) compileTables() {
	tables := c.policy.Tables
	first := make(map[string]int, len(tables))
	for i := range tables {
		t := &tables[i]
		path := fmt.Sprintf("tables[%d]", i)
		if t.Name == "" {
			c.fail(path, "a table needs a name")
			continue
		}
		t.Name = CanonicalTable(t.Name)
		if _, twice := first[t.Name]; twice {
			c.fail(path, "table %q is declared twice (public.%s and %s are one table)", t.Name, t.Name, t.Name)
			continue
		}
		first[t.Name] = i
		c.checkTable(path, t)
	}
	for i := range tables {
		if at, ok := first[tables[i].Name]; !ok || at != i {
			continue
		}
		if base := c.base(i, first); base != nil {
			c.index.tables[tables[i].Name] = base
		}
	}
}

// base follows Of from table i to the table that it is judged as.
func (c *compiler) base(i int, byName map[string]int) *Table {
	tables := c.policy.Tables
	path := fmt.Sprintf("tables[%d].of", i)
	t := &tables[i]
	for range tables {
		if t.Of == "" {
			return t
		}
		t.Of = CanonicalTable(t.Of)
		next, ok := byName[t.Of]
		if !ok {
			if t == &tables[i] {
				c.fail(path, "unknown table %q%s", t.Of, c.suggestTable(t.Of))
			}
			return nil
		}
		t = &tables[next]
	}
	c.fail(path, "%q leads back to itself", tables[i].Name)
	return nil
}

func (c *compiler) checkTable(path string, t *Table) {
	c.checkIDType(path+".id_type", t.IDType)
	c.checkIDType(path+".owner_type", t.OwnerType)
	says := len(t.Owners) > 0 || t.Tenant != "" || t.Public != nil || len(t.Relations) > 0 || len(t.Canaries) > 0 || t.Mapping
	switch {
	case t.Of != "" && (says || t.Shared || t.ID != ""):
		c.fail(path+".of", "%q is judged as %q, so nothing else can be said of it here", t.Name, t.Of)
	case t.Shared && says:
		c.fail(path+".shared", "%q belongs to nobody (shared), so owners, tenant, public, explained_by and canaries say nothing; remove one or the other", t.Name)
	case !t.Shared && !says && t.Of == "":
		c.fail(path, "nothing says whose rows %q holds; give owners, tenant or public, or shared: true if it belongs to nobody", t.Name)
	}
	if t.ID == "" && len(t.Canaries) > 0 {
		c.fail(path+".canaries", "canaries are record ids, and %q has no id column; give id", t.Name)
	}
	c.checkNames(path+".owners", t.Owners)
	c.checkNames(path+".sensitive", t.Sensitive)
	c.checkNames(path+".canaries", t.Canaries)
	if t.Public != nil {
		if len(t.Public.Columns) == 0 {
			c.fail(path+".public", "public needs columns: the columns that anyone may see once the row is public")
		}
		c.checkNames(path+".public.columns", t.Public.Columns)
		for i, pair := range t.Public.When {
			if pair.Name == "" || pair.Value == "" {
				c.fail(fmt.Sprintf("%s.public.when[%d]", path, i), "a condition needs a column and a value")
			}
		}
	}
	seen := make(map[string]bool, len(t.Relations))
	for i, r := range t.Relations {
		at := fmt.Sprintf("%s.explained_by[%d]", path, i)
		switch {
		case r.Name == "":
			c.fail(at, "a relation needs a name")
		case seen[r.Name]:
			c.fail(at, "relation %q is declared twice", r.Name)
		}
		seen[r.Name] = true
		c.checkNames(at+".columns", r.Columns)
	}
}

// checkNames refuses empty and repeated entries of a list.
func (c *compiler) checkNames(path string, names []string) {
	for i, name := range names {
		switch {
		case strings.TrimSpace(name) == "":
			c.fail(fmt.Sprintf("%s[%d]", path, i), "an entry is empty")
		case slices.Contains(names[:i], name):
			c.fail(fmt.Sprintf("%s[%d]", path, i), "%q is listed twice", name)
		}
	}
}

func (c *compiler) checkIDType(path string, t IDType) {
	switch t.Kind {
	case "", "uuid", "int", "text":
		if t.Prefix != "" {
			c.fail(path, "only the id type prefix takes a prefix")
		}
	case "prefix":
		if t.Prefix == "" {
			c.fail(path, "the id type prefix needs its prefix, such as cus_")
		}
	default:
		c.fail(path, "unknown id type %q; known are uuid, int, text and prefix", t.Kind)
	}
}

func (c *compiler) compileRoutes() {
	routes := c.policy.Routes
	c.index.routes = make([]routeMatcher, len(routes))
	usable := make([]bool, len(routes))
	for i := range routes {
		r := &routes[i]
		path := fmt.Sprintf("routes[%d]", i)
		m, err := compileRoute(r.Match)
		if err != nil {
			c.fail(path+".match", "%s", err)
			continue
		}
		c.index.routes[i], usable[i] = m, true
		for j := range i {
			if usable[j] && c.index.routes[j].covers(m) {
				place := fmt.Sprintf("routes[%d]", j)
				if line := routes[j].Pos.Line; line > 0 {
					place = fmt.Sprintf("line %d", line)
				}
				c.fail(path+".match", "route %q can never match: %q (%s) comes first and takes all of it; move it above or remove it", r.Match, routes[j].Match, place)
				break
			}
		}
		c.checkRoute(path, r)
	}
}

func (c *compiler) checkRoute(path string, r *Route) {
	if r.Kind > RoutePublic {
		c.fail(path+".kind", "unknown kind; known are user, service, admin and public")
	}
	if r.Kind == RouteAdmin && len(r.Roles) == 0 {
		c.fail(path, "an admin route needs roles: the application roles that may use it")
	}
	if r.Kind != RouteAdmin && len(r.Roles) > 0 {
		c.fail(path+".roles", "roles are for routes of kind admin")
	}
	if r.Kind != RouteAdmin && r.Ticket {
		c.fail(path+".ticket", "a ticket can be demanded on routes of kind admin only")
	}
	if r.Kind != RouteService && len(r.Tables) > 0 {
		c.fail(path+".tables", "tables are for routes of kind service")
	}
	if r.Cache != "" && r.Cache != "private" && r.Cache != "public" {
		c.fail(path+".cache", "unknown cache %q; known are private and public", r.Cache)
	}
	c.checkNames(path+".roles", r.Roles)
	r.Tables = c.resolveTables(path+".tables", r.Tables)
}

// resolveTables spells the names canonically and refuses those not declared.
func (c *compiler) resolveTables(path string, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	resolved := make([]string, len(names))
	for i, name := range names {
		resolved[i] = CanonicalTable(name)
		if !slices.ContainsFunc(c.policy.Tables, func(t Table) bool { return t.Name == resolved[i] }) {
			c.fail(fmt.Sprintf("%s[%d]", path, i), "unknown table %q%s", name, c.suggestTable(resolved[i]))
		}
	}
	return resolved
}

func (c *compiler) suggestTable(name string) string {
	names := make([]string, len(c.policy.Tables))
	for i := range c.policy.Tables {
		names[i] = c.policy.Tables[i].Name
	}
	return Suggest(name, names)
}

func (c *compiler) compileJobs() {
	jobs := c.policy.Principals.Jobs
	for i := range jobs {
		path := fmt.Sprintf("principals.jobs[%d]", i)
		if jobs[i].Role == "" {
			c.fail(path, "a job needs the database role that it runs as")
		}
		jobs[i].Tables = c.resolveTables(path+".tables", jobs[i].Tables)
	}
	roles := c.policy.Principals
	for _, list := range []struct {
		key   string
		names []string
	}{{"bypass", roles.Bypass}, {"anonymous", roles.Anonymous}, {"authenticated", roles.Authenticated}, {"login", roles.Login}} {
		c.checkNames("principals."+list.key, list.names)
	}
	for i, role := range roles.Anonymous {
		if slices.Contains(roles.Authenticated, role) || slices.Contains(roles.Bypass, role) {
			c.fail(fmt.Sprintf("principals.anonymous[%d]", i), "role %q is declared anonymous and something else; a role has one meaning", role)
		}
	}
}

func (c *compiler) compileEnvironments() {
	for i, env := range c.policy.Environments {
		path := fmt.Sprintf("environments[%d]", i)
		if env.Name == "" {
			c.fail(path, "an environment needs a name")
		}
		for j, database := range env.Databases {
			if other, taken := c.index.environments[database]; taken {
				c.fail(fmt.Sprintf("%s.databases[%d]", path, j), "database %q already belongs to environment %q", database, other)
				continue
			}
			c.index.environments[database] = env.Name
		}
	}
}

func (c *compiler) compileEgress() {
	for i, text := range c.policy.EgressIPs {
		prefix, err := parsePrefix(text)
		if err != nil {
			c.fail(fmt.Sprintf("egress[%d]", i), "%q is no address and no prefix; write 203.0.113.7 or 203.0.113.0/24", text)
			continue
		}
		c.index.egress = append(c.index.egress, prefix)
	}
}

// parsePrefix reads a prefix, or an address as the prefix that holds it alone.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.IndexByte(text, '/') >= 0 {
		prefix, err := netip.ParsePrefix(text)
		return prefix.Masked(), err
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func (c *compiler) checkNumbers() {
	g := c.policy.Grace
	for _, window := range []struct {
		key  string
		span time.Duration
	}{
		{"clock_skew", g.ClockSkew}, {"transfer", g.Transfer}, {"member_before", g.MemberBefore}, {"member_after", g.MemberAfter},
		{"session", g.Session}, {"mapping", g.Mapping}, {"policy_drift", g.PolicyDrift},
	} {
		if window.span < 0 {
			c.fail("grace."+window.key, "a window cannot be negative")
		}
	}
	if c.policy.Thresholds.CriticalPeople < 1 {
		c.fail("thresholds.critical_people", "critical_people must be at least 1")
	}
	if c.policy.Thresholds.BoundRecords < 1 {
		c.fail("thresholds.bound_records", "bound_records must be at least 1")
	}
}

// CanonicalTable gives the one spelling under which a table, view or function is
// known, whatever log wrote it; see query.Canonical.
func CanonicalTable(name string) string { return query.Canonical(name) }

// Table finds the table of a name in any spelling. A view or function declared
// with Of leads to the table that it is judged as. nil means that the policy does
// not speak of it. It does not allocate.
func (p *Policy) Table(name string) *Table {
	if p.index == nil {
		return nil
	}
	if t, ok := p.index.tables[name]; ok {
		return t
	}
	if strings.IndexByte(name, '.') < 0 && strings.IndexByte(name, '"') < 0 {
		return nil
	}
	var space [128]byte
	return p.index.tables[string(query.AppendCanonical(space[:0], name))]
}

// BypassRole says whether a database role is declared to bypass row security.
func (p *Policy) BypassRole(role string) bool { return slices.Contains(p.Principals.Bypass, role) }

// AnonymousRole says whether a database role stands for nobody logged in.
func (p *Policy) AnonymousRole(role string) bool {
	return slices.Contains(p.Principals.Anonymous, role)
}

// AuthenticatedRole says whether a database role stands for some logged-in user.
func (p *Policy) AuthenticatedRole(role string) bool {
	return slices.Contains(p.Principals.Authenticated, role)
}

// LoginRole says whether a database role always switches to another before it
// reads, so that seeing it alone tells nothing of the effective role.
func (p *Policy) LoginRole(role string) bool { return slices.Contains(p.Principals.Login, role) }

// Job finds the declared job that runs as role under the application name app, or
// nil. A job that names no application takes any.
func (p *Policy) Job(role, app string) *Job {
	for i := range p.Principals.Jobs {
		j := &p.Principals.Jobs[i]
		if j.Role == role && (j.App == "" || j.App == app) {
			return j
		}
	}
	return nil
}

// EnvironmentOf names the environment that a database belongs to; empty if none
// is declared for it.
func (p *Policy) EnvironmentOf(database string) string {
	if p.index == nil {
		return ""
	}
	return p.index.environments[database]
}

// TestUser says whether a user's rows are declared test data.
func (p *Policy) TestUser(user string) bool { return slices.Contains(p.TestUsers, user) }

// Egress says whether an address is one of the declared servers. No means that
// addresses are declared and this is none of them; Unknown that none are declared
// or that the text is no address.
func (p *Policy) Egress(address string) Tri {
	if p.index == nil || len(p.index.egress) == 0 {
		return Unknown
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return Unknown
	}
	addr = addr.Unmap()
	for _, prefix := range p.index.egress {
		if prefix.Contains(addr) {
			return Yes
		}
	}
	return No
}
