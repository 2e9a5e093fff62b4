package policy

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/app"
)

// special is a type of the document that reads itself.
type special interface {
	decode(d *decoder, path string, node ast.Node)
	schema() map[string]any
}

// named is a mapping from names of the user's own, in the order of the file.
type named[T any] []entry[T]

type entry[T any] struct {
	Name  string
	At    detect.Position
	Value T
}

func (n *named[T]) decode(d *decoder, path string, node ast.Node) {
	for i, pair := range d.pairs(path, node) {
		e := entry[T]{Name: keyText(pair), At: position(pair.Key)}
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = e.At
		d.value(at, pair.Value, reflect.ValueOf(&e.Value).Elem())
		*n = append(*n, e)
	}
}

func (n *named[T]) schema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": schemaOf(reflect.TypeFor[T]())}
}

// text is a scalar taken as it is written: an id, or a column's value.
type text string

func (t *text) decode(d *decoder, path string, node ast.Node) {
	switch n := node.(type) {
	case *ast.StringNode:
		*t = text(n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		*t = text(node.GetToken().Value)
	default:
		d.wrongType(path, node, "a plain value")
	}
}

func (t *text) schema() map[string]any {
	return map[string]any{"type": []string{"string", "number", "boolean"}}
}

// conditions are columns and the values that they must have.
type conditions []condition

type condition struct {
	Name  string
	Value text
}

func (c *conditions) decode(d *decoder, path string, node ast.Node) {
	for i, pair := range d.pairs(path, node) {
		one := condition{Name: keyText(pair)}
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = position(pair.Key)
		d.value(at, pair.Value, reflect.ValueOf(&one.Value).Elem())
		*c = append(*c, one)
	}
}

func (c *conditions) schema() map[string]any {
	return map[string]any{"type": "object", "minProperties": 1, "additionalProperties": new(text).schema()}
}

// idType is uuid, int, text or prefix:cus_.
type idType string

const prefixed = "prefix:"

func (t *idType) decode(d *decoder, path string, node ast.Node) {
	s, ok := d.text(path, node)
	if !ok {
		return
	}
	known := []string{"uuid", "int", "text", prefixed}
	if rest, ok := strings.CutPrefix(s, prefixed); ok && rest == "" {
		d.fail(path, node, "the id type prefix: needs the prefix, such as prefix:cus_")
		return
	} else if !ok && s != "uuid" && s != "int" && s != "text" {
		d.fail(path, node, "unknown id type %q%s; known are uuid, int, text and prefix:cus_ with a prefix of yours", s, detect.Suggest(s, known))
		return
	}
	*t = idType(s)
}

func (t *idType) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^(uuid|int|text|prefix:.+)$"}
}

func (t idType) domain() detect.IDType {
	if prefix, ok := strings.CutPrefix(string(t), prefixed); ok {
		return detect.IDType{Kind: "prefix", Prefix: prefix}
	}
	return detect.IDType{Kind: string(t)}
}

// relation is a name, or a name with the columns that it covers.
type relation struct {
	Name    string
	Columns []string
}

// relationShape is the long form of a relation.
type relationShape struct {
	Name    string   `yaml:"name" doc:"The relation, as the facts name it."`
	Columns []string `yaml:"columns" doc:"The columns that it explains. Left out: all."`
}

func (r *relation) decode(d *decoder, path string, node ast.Node) {
	if n, ok := node.(*ast.StringNode); ok {
		r.Name = n.Value
		return
	}
	if !isMapping(node) {
		d.wrongType(path, node, "a name, or {name: ..., columns: [...]}")
		return
	}
	var long relationShape
	d.value(path, node, reflect.ValueOf(&long).Elem())
	*r = relation(long)
}

func (r *relation) schema() map[string]any {
	return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, schemaOf(reflect.TypeFor[relationShape]())}}
}

// span is a duration such as 500ms, 10s, 2m, 7d.
type span time.Duration

func (s *span) decode(d *decoder, path string, node ast.Node) {
	written, ok := d.text(path, node)
	if !ok {
		return
	}
	parsed, err := parseSpan(written)
	if err != nil {
		d.fail(path, node, "%q is no span of time; write 500ms, 10s, 2m, 1h or 7d", written)
		return
	}
	*s = span(parsed)
}

func (s *span) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)([0-9]+(\.[0-9]+)?(ms|s|m|h))*$`}
}

// maxSpan keeps windows within what memory can hold facts for.
const maxSpan = 366 * 24 * time.Hour

func parseSpan(s string) (time.Duration, error) {
	var total time.Duration
	if days, rest, ok := strings.Cut(s, "d"); ok {
		hours, err := time.ParseDuration(days + "h")
		if err != nil || hours > maxSpan {
			return 0, fmt.Errorf("not a number of days: %q", days)
		}
		total = hours * 24
		if s = rest; s == "" {
			return inRange(total)
		}
	}
	rest, err := time.ParseDuration(s)
	if err != nil {
		return 0, err
	}
	return inRange(total + rest)
}

func inRange(d time.Duration) (time.Duration, error) {
	if d < 0 || d > maxSpan {
		return 0, fmt.Errorf("%v is not between 0 and %v", d, maxSpan)
	}
	return d, nil
}

// routeKind is user, service, admin or public.
type routeKind string

var routeKinds = []string{"user", "service", "admin", "public"}

func (k *routeKind) decode(d *decoder, path string, node ast.Node) {
	*k = routeKind(d.oneOf(path, node, "kind", routeKinds))
}

func (k *routeKind) schema() map[string]any { return enum(routeKinds) }

func (k routeKind) domain() detect.RouteKind {
	switch k {
	case "service":
		return detect.RouteService
	case "admin":
		return detect.RouteAdmin
	case "public":
		return detect.RoutePublic
	default:
		return detect.RouteUser
	}
}

// ticket is required.
type ticket string

func (t *ticket) decode(d *decoder, path string, node ast.Node) {
	*t = ticket(d.oneOf(path, node, "ticket", []string{"required"}))
}

func (t *ticket) schema() map[string]any { return enum([]string{"required"}) }

// mapping is stripe.
type mapping string

func (m *mapping) decode(d *decoder, path string, node ast.Node) {
	*m = mapping(d.oneOf(path, node, "mapping", []string{"stripe"}))
}

func (m *mapping) schema() map[string]any { return enum([]string{"stripe"}) }

// cache is private or public.
type cache string

var caches = []string{"private", "public"}

func (c *cache) decode(d *decoder, path string, node ast.Node) {
	*c = cache(d.oneOf(path, node, "cache", caches))
}

func (c *cache) schema() map[string]any { return enum(caches) }

func enum(values []string) map[string]any {
	return map[string]any{"type": "string", "enum": values}
}

// fields is a preset, and for each field the path or paths that may hold it.
type fields struct {
	Preset string
	Paths  map[string][]string
	names  []string // of Paths, in the order of the file
}

func (f *fields) decode(d *decoder, path string, node ast.Node) {
	for _, pair := range d.pairs(path, node) {
		name := keyText(pair)
		at := path + "." + name
		d.places[at] = position(pair.Key)
		if name == "preset" {
			f.Preset = d.oneOf(at, pair.Value, "preset", app.Presets())
			continue
		}
		if !isField(name) {
			d.problem(at, position(pair.Key), "unknown field %q%s", name, detect.Suggest(name, fieldNames()))
			continue
		}
		var paths []string
		if one, ok := pair.Value.(*ast.StringNode); ok {
			paths = []string{one.Value}
			d.places[at+"[0]"] = position(one)
		} else {
			d.value(at, pair.Value, reflect.ValueOf(&paths).Elem())
		}
		if f.Paths == nil {
			f.Paths = make(map[string][]string)
		}
		f.Paths[name] = paths
		f.names = append(f.names, name)
	}
}

func (f *fields) schema() map[string]any {
	one := map[string]any{"type": "string", "pattern": `^[^.]+(\.[^.]+)*$`}
	paths := map[string]any{"oneOf": []any{one, map[string]any{"type": "array", "minItems": 1, "items": one}}}
	properties := map[string]any{"preset": map[string]any{"type": "string", "enum": app.Presets(), "description": "Names of a library's own: these paths are used for every field that is not given."}}
	for _, field := range app.Fields() {
		properties[field.Name] = map[string]any{"description": field.About, "oneOf": paths["oneOf"]}
	}
	return map[string]any{
		"type": "object", "properties": properties, "additionalProperties": false,
		"patternProperties": map[string]any{`^record\..+$`: map[string]any{"description": "Paths of an id that names a row of this table.", "oneOf": paths["oneOf"]}},
	}
}

func fieldNames() []string {
	names := []string{"preset"}
	for _, field := range app.Fields() {
		names = append(names, field.Name)
	}
	return names
}

func isField(name string) bool {
	if table, ok := strings.CutPrefix(name, "record."); ok {
		return table != ""
	}
	for _, field := range app.Fields() {
		if field.Name == name {
			return true
		}
	}
	return false
}
