package policy

import (
	"encoding/json"
	"reflect"
)

// Schema gives the JSON Schema of a policy file, for editors. It is made from the
// types that Parse reads into, so that the two cannot differ; what takes more than
// one key to see, only Parse can check.
func Schema() []byte {
	s := schemaOf(reflect.TypeFor[document]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Trespass policy"
	s["description"] = "What no log can say: which tables are private, who owns a row, which routes belong to whom."
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("the schema of a policy cannot be written: " + err.Error()) // it holds maps, lists and strings only
	}
	return append(out, '\n')
}

func schemaOf(t reflect.Type) map[string]any {
	if t.Kind() == reflect.Pointer {
		return schemaOf(t.Elem())
	}
	if s, ok := reflect.New(t).Interface().(special); ok {
		return s.schema()
	}
	switch t.Kind() {
	case reflect.Struct:
		properties := make(map[string]any)
		for i := range t.NumField() {
			f := t.Field(i)
			p := schemaOf(f.Type)
			p["description"] = f.Tag.Get("doc")
			properties[f.Tag.Get("yaml")] = p
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer", "minimum": 1}
	default:
		return map[string]any{"type": "string", "minLength": 1}
	}
}
