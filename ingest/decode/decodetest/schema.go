package decodetest

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema checks that a published JSON Schema and a decoder agree on all stories of dir:
// the schema takes every good line and refuses every bad one. Bad lines that are no
// JSON, and those of the files named in beyond, which are about what no schema can
// say, are left out.
func Schema(t *testing.T, dir, schemaFile string, beyond ...string) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	check := func(line []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return schema.Validate(v)
	}
	for _, file := range glob(t, filepath.Join(dir, "valid", "*")) {
		for line := range bytes.Lines(section(t, file, "lines")) {
			if err := check(line); err != nil {
				t.Errorf("%s: the schema refuses %s: %v", file, line, err)
			}
		}
	}
	for _, file := range glob(t, filepath.Join(dir, "invalid", "*")) {
		line, _ := badLine(t, file)
		if !json.Valid(line) || !utf8.Valid(line) || slices.Contains(beyond, filepath.Base(file)) {
			continue
		}
		if check(line) == nil {
			t.Errorf("%s: the schema takes it", file)
		}
	}
}
