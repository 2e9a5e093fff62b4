package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Mapping says where a JSON log line carries what: field name to the paths that may
// hold it, the first that is present winning. A path is the keys from the outside
// in, joined by dots; it also finds a key that has the dots in its own name. The
// names are those of Fields, and "record.TABLE" for an id that names a row of TABLE.
type Mapping map[string][]string

// Field is one thing that a Mapping can find.
type Field struct {
	Name  string
	About string
}

// Fields lists all names that a Mapping may hold, except the record.TABLE ones.
func Fields() []Field {
	list := make([]Field, 0, len(fields))
	for _, f := range fields {
		list = append(list, f)
	}
	return list
}

// Presets lists the mappings that have a name.
func Presets() []string { return []string{"pino"} }

// Preset gives the mapping of a name in Presets.
func Preset(name string) (Mapping, bool) {
	switch name {
	case "pino":
		return pino(), true
	}
	return nil, false
}

// With gives m with the fields of over in place of its own.
func (m Mapping) With(over Mapping) Mapping {
	all := maps.Clone(m)
	if all == nil {
		all = Mapping{}
	}
	maps.Copy(all, over)
	return all
}

// Validate says what is wrong with m: a field that does not exist, or a path that
// cannot be one. All faults come in one error, in the order of the names.
func (m Mapping) Validate() error {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, _, ok := fieldOf(name); !ok {
			faults = append(faults, fmt.Sprintf("fields: %q is not a field; the fields are %s", name, fieldNames()))
			continue
		}
		if len(m[name]) > maxAliases {
			faults = append(faults, fmt.Sprintf("fields.%s: %d paths, at most %d", name, len(m[name]), maxAliases))
		}
		for _, path := range m[name] {
			if path == "" || slices.Contains(strings.Split(path, "."), "") {
				faults = append(faults, fmt.Sprintf("fields.%s: %q is not a path; write keys joined by dots, such as req.id", name, path))
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(faults, "; "))
}

func fieldNames() string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ") + ", record.TABLE"
}

// fieldOf gives the field of a name and, for record.TABLE, the table.
func fieldOf(name string) (f field, table string, ok bool) {
	if table, ok := strings.CutPrefix(name, "record."); ok && table != "" {
		return recordID, table, true
	}
	for f, known := range fields {
		if known.Name == name {
			return field(f), "", true
		}
	}
	return 0, "", false
}

// pino is what pino, pino-http and the usual bindings of a Next.js application write.
func pino() Mapping {
	return Mapping{
		"time":            {"time", "timestamp", "@timestamp"},
		"request_id":      {"req.id", "reqId", "requestId", "request_id", "req.headers.x-request-id", "req.headers.x-vercel-id", "http.request.id"},
		"trace_id":        {"traceId", "trace_id", "trace.id", "req.headers.traceparent", "traceparent"},
		"span_id":         {"spanId", "span_id", "span.id"},
		"process":         {"pid"},
		"host":            {"hostname"},
		"env":             {"env", "environment", "deployment.environment.name", "deployment.environment"},
		"service":         {"service", "service.name", "name"},
		"deployment":      {"deployment", "deploymentId", "deployment_id"},
		"database":        {"database"},
		"method":          {"req.method", "method", "http.request.method", "http.method"},
		"route":           {"route", "req.route", "req.route.path", "http.route", "next.route"},
		"path":            {"req.url", "req.originalUrl", "url.path", "path", "http.target"},
		"status":          {"res.statusCode", "statusCode", "status", "http.response.status_code", "http.status_code"},
		"user_id":         {"userId", "user_id", "uid", "user.id", "sub", "session.user.id", "req.user.id", "session.userId", "enduser.id"},
		"session_id":      {"sessionId", "session_id", "session.id"},
		"role":            {"user.role", "session.user.role", "userRole", "user_role"},
		"tenant":          {"tenantId", "tenant_id", "orgId", "org_id", "organizationId", "organization_id", "tenant.id", "organization.id"},
		"impersonated_by": {"impersonatedBy", "impersonated_by", "impersonatorId", "session.impersonatedBy"},
		"justification":   {"justification", "ticketId", "ticket_id"},
		"db_role":         {"dbRole", "db_role", "db.role"},
		"cache_status":    {"res.headers.x-vercel-cache", "res.headers.x-nextjs-cache", "res.headers.cf-cache-status", "res.headers.x-cache"},
		"cache_control":   {"res.headers.cache-control"},
		"set_cookie":      {"res.headers.set-cookie"},
		"user_agent":      {"req.headers.user-agent"},
		"origin":          {"req.headers.origin", "req.headers.referer"},
		"records":         {"records", "items"},
		"counts":          {"counts"},
	}
}
