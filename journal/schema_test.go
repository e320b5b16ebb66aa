package journal

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cutoff-run/cutoff"
)

// definition is what the test looks at of a definition in the schema.
type definition struct {
	Ref        string                `json:"$ref"`
	Type       string                `json:"type"`
	Const      any                   `json:"const"`
	Enum       []string              `json:"enum"`
	Encoding   string                `json:"contentEncoding"`
	Required   []string              `json:"required"`
	Items      *definition           `json:"items"`
	Properties map[string]definition `json:"properties"`
}

// kind is how the document calls a definition's type.
func (d definition) kind() string {
	switch {
	case d.Ref == "#/$defs/time":
		return "time"
	case d.Ref != "":
		return "object"
	case d.Encoding != "":
		return d.Encoding
	case d.Enum != nil:
		return "string"
	case d.Type == "array" && d.Items.Encoding != "":
		return "array of " + d.Items.Encoding
	case d.Type == "array":
		return "array of " + d.Items.Type + "s"
	case d.Type == "":
		switch d.Const.(type) {
		case string:
			return "string"
		case float64:
			return "integer"
		}
	}
	return d.Type
}

// The published schema has exactly the fields that the structs have. (That the
// journals of the tests suit it is tested where there is a validator: in the
// program's module.)
func TestSchemaFields(t *testing.T) {
	text, err := os.ReadFile("../docs/journal.schema.json")
	check(t, err)
	var schema struct {
		Defs map[string]definition `json:"$defs"`
	}
	check(t, json.Unmarshal(text, &schema))
	for name, typ := range map[string]reflect.Type{
		"header": reflect.TypeFor[Header](), "task": reflect.TypeFor[Task](), "started": reflect.TypeFor[Started](),
		"ended": reflect.TypeFor[Ended](), "result": reflect.TypeFor[cutoff.Result](), "limits": reflect.TypeFor[cutoff.Limits](),
	} {
		def := schema.Defs[name]
		fields := map[string]bool{}
		for _, row := range fieldRows(typ) {
			field, kind, always := row[0], row[1], row[2] == "always"
			if field == "" {
				continue // those of an embedded struct have a definition of their own
			}
			fields[field] = true
			if got, ok := def.Properties[field]; !ok || got.kind() != kind {
				t.Errorf("%s.%s is %q in docs/journal.schema.json and %q in the code", name, field, got.kind(), kind)
			}
			if slices.Contains(def.Required, field) != always {
				t.Errorf("%s.%s: required in docs/journal.schema.json: %v; in the code: %v", name, field, !always, always)
			}
		}
		for field := range def.Properties {
			if !fields[field] {
				t.Errorf("%s.%s is in docs/journal.schema.json and not in the code", name, field)
			}
		}
	}
	got, want := schema.Defs["result"].Properties["outcome"].Enum, outcomes(t)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the schema has the outcomes %s, the code %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
