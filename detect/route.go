package detect

import (
	"errors"
	"fmt"
	"strings"
)

// routeMatcher is one route's template, cut into segments.
type routeMatcher struct {
	lead     string // the segments before the first that is not literal: what every match begins with
	segments []routeSegment
	rest     bool // ends in **: takes whatever follows, also nothing
	restMin  int  // how many segments the rest takes at least: 1 for [...name]
}

// routeSegment matches one segment of a path: its text exactly, or any segment if
// any is set, or, if glob is set, any segment that its text with stars describes.
type routeSegment struct {
	text string
	any  bool
	glob bool
}

// compileRoute reads a template: literal segments, *, [id], :id and {id} for one
// segment, a star inside a segment for part of it, and ** at the end, or Next.js's
// [...slug] and [[...slug]], for the rest.
func compileRoute(template string) (routeMatcher, error) {
	var m routeMatcher
	if template == "" {
		return m, errors.New("a route needs a match, such as /api/orders/[id]")
	}
	if template[0] != '/' {
		return m, fmt.Errorf("route %q does not begin with /", template)
	}
	if i := strings.IndexAny(template, "?# "); i >= 0 {
		return m, fmt.Errorf("route %q holds %q; routes are paths without query", template, template[i:i+1])
	}
	literal := true
	for rest := template; ; {
		var segment string
		segment, rest = nextSegment(rest)
		if segment == "" {
			return m, nil
		}
		if m.rest {
			return m, fmt.Errorf("route %q goes on after its rest; ** and [...name] stand at the end only", template)
		}
		switch {
		case segment == "**" || strings.HasPrefix(segment, "[[...") && strings.HasSuffix(segment, "]]"):
			m.rest = true
		case strings.HasPrefix(segment, "[...") && strings.HasSuffix(segment, "]"):
			m.rest, m.restMin = true, 1
		case strings.Contains(segment, "**"):
			return m, fmt.Errorf("route %q has ** inside a segment; it stands between slashes, at the end", template)
		case segment == "*" || parameter(segment):
			m.segments = append(m.segments, routeSegment{any: true})
		case strings.ContainsAny(segment, "[]{}"):
			return m, fmt.Errorf("route %q has an unfinished parameter %q; write [id], :id or {id}", template, segment)
		default:
			glob := strings.Contains(segment, "*")
			m.segments = append(m.segments, routeSegment{text: segment, glob: glob})
			if literal && !glob {
				m.lead += "/" + segment
				continue
			}
		}
		literal = false
	}
}

// parameter says whether a template's segment is a named parameter.
func parameter(segment string) bool {
	n := len(segment)
	switch segment[0] {
	case ':':
		return n > 1 && !strings.ContainsAny(segment, "*[]{}")
	case '[':
		return n > 2 && segment[n-1] == ']' && !strings.ContainsAny(segment[1:n-1], "[]{}*")
	case '{':
		return n > 2 && segment[n-1] == '}' && !strings.ContainsAny(segment[1:n-1], "[]{}*")
	}
	return false
}

// nextSegment cuts the first segment from a path. Slashes that follow one another,
// and one at the end, count as nothing, as they do for most routers.
func nextSegment(path string) (segment, rest string) {
	i := 0
	for i < len(path) && path[i] == '/' {
		i++
	}
	path = path[i:]
	if j := strings.IndexByte(path, '/'); j >= 0 {
		return path[:j], path[j:]
	}
	return path, ""
}

// match says whether the template takes a path.
func (m *routeMatcher) match(path string) bool {
	var segment string
	for i := range m.segments {
		segment, path = nextSegment(path)
		if segment == "" || !m.segments[i].match(segment) {
			return false
		}
	}
	segment, _ = nextSegment(path)
	if m.rest {
		return m.restMin == 0 || segment != ""
	}
	return segment == ""
}

func (s *routeSegment) match(segment string) bool {
	if s.any {
		return true
	}
	if s.glob {
		return globMatch(s.text, segment)
	}
	return s.text == segment
}

// globMatch matches text against a pattern in which * is any run of characters. It
// takes time of at most the product of the lengths.
func globMatch(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// covers says whether every path that other takes is taken by m.
func (m *routeMatcher) covers(other routeMatcher) bool {
	if m.segments == nil && !m.rest {
		return other.segments == nil && !other.rest
	}
	n := len(m.segments)
	shortest := len(other.segments) + other.restMin
	switch {
	case !m.rest && (other.rest || len(other.segments) != n):
		return false
	case m.rest && shortest < n+m.restMin:
		return false
	}
	for i := range n {
		var theirs routeSegment
		if i < len(other.segments) {
			theirs = other.segments[i]
		} else {
			theirs = routeSegment{any: true} // inside the other's rest
		}
		if !m.segments[i].covers(theirs) {
			return false
		}
	}
	return true
}

func (s routeSegment) covers(other routeSegment) bool {
	switch {
	case s.any:
		return true
	case other.any:
		return false
	case s.glob && !other.glob:
		return globMatch(s.text, other.text)
	default:
		return s.text == other.text && s.glob == other.glob
	}
}

// Route finds the first route of the policy that takes a request, by its route
// template where that is known and by its path otherwise. A template that is
// itself a catch-all, such as /api/[[...route]], says less than the path, so the
// path goes first. nil means that no route matches. It allocates for paths with dot
// segments alone.
func (p *Policy) Route(route, path string) *Route {
	if p.index == nil {
		return nil
	}
	route, path = withoutDots(withoutMethod(route)), withoutDots(path)
	if path != "" && (route == "" || strings.Contains(route, "...") || strings.HasSuffix(route, "*")) {
		route, path = path, route
	}
	if r := p.firstRoute(route); r != nil {
		return r
	}
	return p.firstRoute(path)
}

func (p *Policy) firstRoute(path string) *Route {
	if path == "" {
		return nil
	}
	plain := path[0] == '/' && !strings.Contains(path, "//")
	for i := range p.index.routes {
		m := &p.index.routes[i]
		if plain && !strings.HasPrefix(path, m.lead) {
			continue // most routes end here
		}
		if m.match(path) {
			return &p.Routes[i]
		}
	}
	return nil
}

// withoutMethod takes the method from a template such as "GET /api/orders".
func withoutMethod(route string) string {
	if route == "" || route[0] == '/' {
		return route
	}
	if i := strings.Index(route, " /"); i > 0 {
		return route[i+1:]
	}
	return route
}

// withoutDots gives a path as servers understand it: /api/webhooks/../orders is
// /api/orders, also when the dots or slashes are percent-encoded. Otherwise a client
// could choose the route that its request is judged by.
func withoutDots(path string) string {
	plain := path
	if strings.Contains(path, "%") || strings.Contains(path, `\`) {
		plain = decodedDots(path)
	}
	if !strings.Contains(plain, "/.") {
		return path
	}
	dots := false
	var kept []string
	for _, segment := range strings.Split(plain, "/") {
		switch segment {
		case ".":
			dots = true
		case "..":
			dots = true
			kept = kept[:max(0, len(kept)-1)]
		case "":
		default:
			kept = append(kept, segment)
		}
	}
	if !dots {
		return path
	}
	return "/" + strings.Join(kept, "/")
}

// decodedDots decodes what percent-encodes a dot, a slash or a backslash, and takes
// backslashes for slashes, as URL parsers do.
func decodedDots(path string) string {
	return strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/", `\`, "/").Replace(path)
}
