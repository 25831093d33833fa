// Fills a table of YAML inputs with what sigs.k8s.io/yaml, kubectl's reader,
// makes of each: {"yaml": input} becomes {"yaml": input, "json": value} or
// {"yaml": input, "refused": true}. Reads and writes standard streams.
//
//	go run ./yamltable < table.json > new.json
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

type row struct {
	YAML    string          `json:"yaml"`
	JSON    json.RawMessage `json:"json,omitempty"`
	Refused bool            `json:"refused,omitempty"`
}

func main() {
	var rows []row
	if err := json.NewDecoder(os.Stdin).Decode(&rows); err != nil {
		panic(err)
	}
	for i := range rows {
		// The strict reader refuses duplicate keys, as syncline does, but counts a
		// key that overrides a merged one among them; kubectl's does not.
		read := yaml.YAMLToJSONStrict
		if strings.Contains(rows[i].YAML, "<<") {
			read = yaml.YAMLToJSON
		}
		value, err := read([]byte(rows[i].YAML))
		rows[i].JSON, rows[i].Refused = value, err != nil
	}
	var out bytes.Buffer
	out.WriteString("[\n")
	for i, r := range rows {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r); err != nil {
			panic(err)
		}
		out.WriteString("  ")
		out.Write(bytes.TrimSpace(line.Bytes()))
		if i+1 < len(rows) {
			out.WriteString(",")
		}
		out.WriteString("\n")
	}
	out.WriteString("]\n")
	os.Stdout.Write(out.Bytes())
}
