// Prints how Kubernetes' Go types write their fields, which their OpenAPI document
// does not tell: what is written though it is empty, and what is kept though it is
// zero. With the argument `protobuf`, the numbers of their fields in protobuf instead
// (protobuf.go). A line a type, in the names of the table of built-in kinds:
//
//	core.v1.Container name!s resources!o ports tty ...
//
// `!` marks a field that is always written, followed by what stands for nothing:
// `s` "", `i` 0, `b` false, `n` null, `o` an object, `q` a quantity. `?` marks one
// that is a pointer, so that zero is kept when it was given. All others vanish
// when they are empty; only marked fields are printed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var (
	seen      = map[reflect.Type]bool{}
	lines     = map[string]string{}
	marshaler = reflect.TypeOf((*json.Marshaler)(nil)).Elem()
	quantity  = reflect.TypeOf(resource.Quantity{})
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "protobuf" {
		printProtobuf()
		return
	}
	for _, kind := range kinds() {
		visit(kind)
	}
	visit(reflect.TypeOf(apiextensions.CustomResourceDefinition{}))
	visit(reflect.TypeOf(apiregistration.APIService{}))
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name + lines[name])
	}
}

// kinds are the types of stable versions. Lists are not received.
func kinds() []reflect.Type {
	var all []reflect.Type
	for gvk, kind := range scheme.Scheme.AllKnownTypes() {
		isStable := !strings.Contains(gvk.Version, "alpha") && !strings.Contains(gvk.Version, "beta")
		if isStable && gvk.Version != "__internal" && !strings.HasSuffix(kind.Name(), "List") {
			all = append(all, kind)
		}
	}
	return all
}

func visit(t reflect.Type) {
	for t.Kind() == reflect.Ptr || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] || isOpaque(t) {
		return
	}
	seen[t] = true
	var fields []string
	collect(t, &fields)
	sort.Strings(fields)
	if len(fields) > 0 {
		lines[name(t)] = " " + strings.Join(fields, " ")
	}
}

// isOpaque tells whether a type writes itself.
func isOpaque(t reflect.Type) bool {
	return t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler)
}

func collect(t reflect.Type, fields *[]string) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("json"), ",")
		options := strings.Join(tag[1:], ",")
		if tag[0] == "-" || !field.IsExported() {
			continue
		}
		if tag[0] == "" && (field.Anonymous || strings.Contains(options, "inline")) {
			inner := field.Type
			if inner.Kind() == reflect.Ptr {
				inner = inner.Elem()
			}
			collect(inner, fields)
			continue
		}
		visit(field.Type)
		if tag[0] == "" {
			continue
		}
		if mark := mark(field.Type, options); mark != "" {
			*fields = append(*fields, tag[0]+mark)
		}
	}
}

func mark(t reflect.Type, options string) string {
	if t.Kind() == reflect.Ptr {
		if strings.Contains(options, "omit") {
			return "?"
		}
		return "!n"
	}
	isStruct := t.Kind() == reflect.Struct
	if strings.Contains(options, "omitzero") || (strings.Contains(options, "omitempty") && !isStruct) {
		return ""
	}
	switch {
	case t == quantity:
		return "!q"
	case isOpaque(t):
		return "!n"
	case isStruct:
		return "!o"
	}
	switch t.Kind() {
	case reflect.String:
		return "!s"
	case reflect.Bool:
		return "!b"
	case reflect.Slice, reflect.Map, reflect.Interface:
		return "!n"
	}
	return "!i"
}

// name is the last two parts of the package and the type, as in OpenAPI.
func name(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	if len(parts) > 2 {
		parts = parts[len(parts)-2:]
	}
	return strings.Join(append(parts, t.Name()), ".")
}
