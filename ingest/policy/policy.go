// Package policy reads policy.yaml: which tables are private, who owns a row, which
// routes belong to whom, and how your log lines name their fields. The file is
// strict: a key that does not exist, a value of a wrong type, a route that no
// request can reach are faults, and all of them are shown in one run, each with its
// line and a caret.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"

	"trespass.dev/trespass/detect"
)

// File is what a policy file says.
type File struct {
	// Detect is compiled and ready for use.
	Detect *detect.Policy
	// Fields says how the fields of the application's log lines are named.
	Fields FieldMapping
	// Version names the text: the first 16 hex digits of its SHA-256.
	Version string
}

// FieldMapping is the fields part of a file: a preset, and the paths that replace
// those of the preset. Both may be empty.
type FieldMapping struct {
	Preset string
	Paths  map[string][]string // field name to dotted paths, the first that is present wins
}

// Parse reads the text of a policy file. Name stands in the error, which is always an
// *Error. Parse does not touch any file.
func Parse(name string, text []byte) (*File, error) {
	d := newDecoder(name, "tables", text)
	var doc document
	if root := d.tree(text); root != nil {
		d.value("", root, reflect.ValueOf(&doc).Elem())
		d.checkFields(&doc)
	}
	sum := sha256.Sum256(text)
	version := hex.EncodeToString(sum[:8])
	p := doc.policy(version)
	if !d.broken {
		d.compile(p)
	}
	if err := d.fault(); err != nil {
		return nil, err
	}
	return &File{Detect: p, Fields: FieldMapping{Preset: doc.Fields.Preset, Paths: doc.Fields.Paths}, Version: version}, nil
}

// Decode reads any file of the same strict kind into a struct of texts, truth values,
// lists, structs and types that read themselves from text, by their yaml tags. least
// says what the file must have. The error is an *Error with every fault.
func Decode(name, least string, text []byte, into any) error {
	d := newDecoder(name, least, text)
	if root := d.tree(text); root != nil {
		d.value("", root, reflect.ValueOf(into).Elem())
	}
	return d.fault()
}

func newDecoder(name, least string, text []byte) *decoder {
	return &decoder{name: name, least: least, lines: lines(text), places: make(map[string]detect.Position)}
}

// lines cuts a text where YAML does: at line feeds, carriage returns, and both.
func lines(text []byte) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n")
}

// Default is the policy of a scan without a file: it knows no table and no route,
// only the roles that Supabase and Postgres come with, so that accesses can be shown
// and counted, but no record can be judged.
func Default() *File {
	p := &detect.Policy{Version: "default"}
	if err := p.Compile(); err != nil {
		panic("the default policy does not compile: " + err.Error())
	}
	return &File{Detect: p, Version: p.Version}
}
