// Fills a table of strategic merges with what Kubernetes' own implementation
// makes of them: {"apiVersion", "kind", "base", "patch"} gains "merged" or
// "refused". Reads and writes standard streams.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

type row struct {
	Name       string          `json:"name"`
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Base       json.RawMessage `json:"base"`
	Patch      json.RawMessage `json:"patch"`
	Merged     json.RawMessage `json:"merged,omitempty"`
	Refused    bool            `json:"refused,omitempty"`
}

func main() {
	var rows []row
	if err := json.NewDecoder(os.Stdin).Decode(&rows); err != nil {
		panic(err)
	}
	for i := range rows {
		r := &rows[i]
		object, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(r.APIVersion, r.Kind))
		if err != nil {
			panic(err)
		}
		merged, err := strategicpatch.StrategicMergePatch(r.Base, r.Patch, object)
		r.Merged, r.Refused = merged, err != nil
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(rows); err != nil {
		panic(err)
	}
}
