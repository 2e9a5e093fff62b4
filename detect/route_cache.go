package detect

import "strings"

// routeCache remembers which route a template led to, since a few templates name the
// routes of nearly all lines. It is used by one goroutine, for one policy.
type routeCache map[string]*Route

// routesKept bounds a cache: what a log calls a route may be any text.
const routesKept = 1 << 10

// find is Policy.Route.
func (c routeCache) find(p *Policy, route, path string) *Route {
	if r, ok := c[route]; ok {
		return r
	}
	r := p.Route(route, path)
	switch {
	case r == nil || route == "" || len(c) >= routesKept:
	case strings.HasSuffix(route, "*"), strings.Contains(route, "..."): // the path goes first
	case path == "" || p.Route(route, "") == r: // whatever the path
		c[strings.Clone(route)] = r
	}
	return r
}
