package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The table of field numbers, a line a type:
//
//	core.v1.Container name=1s ports=6*core.v1.ContainerPort ...
//
// After the number comes `*` for a list and `{}` for a map from text, then the kind:
// `s` text, `y` bytes, `i` a whole number, `b` true or false, `t` a time, `u` a time
// to the microsecond, `q` a quantity, `x` a number or text, `r` JSON text, `d` a
// duration, `l` a list of texts in a message of its own, or the name of a type. A
// field named `.` holds fields of the type itself.
var messages = map[string]string{}

var special = map[reflect.Type]string{
	reflect.TypeOf(metav1.Time{}):          "t",
	reflect.TypeOf(metav1.MicroTime{}):     "u",
	reflect.TypeOf(metav1.Duration{}):      "d",
	reflect.TypeOf(metav1.FieldsV1{}):      "r",
	reflect.TypeOf(runtime.RawExtension{}): "r",
	reflect.TypeOf(intstr.IntOrString{}):   "x",
	quantity:                               "q",
}

func printProtobuf() {
	for _, kind := range kinds() {
		message(kind)
	}
	names := make([]string, 0, len(messages))
	for name := range messages {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name + messages[name])
	}
}

func message(t reflect.Type) string {
	id := name(t)
	if _, known := messages[id]; known {
		return id
	}
	messages[id] = ""
	line := ""
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("protobuf"), ",")
		json := strings.Split(field.Tag.Get("json"), ",")
		if len(tag) < 2 || json[0] == "-" || !field.IsExported() {
			continue
		}
		key := json[0]
		if key == "" {
			key = "."
		}
		line += fmt.Sprintf(" %s=%s%s", key, tag[1], spell(field.Type))
	}
	messages[id] = line
	return id
}

func spell(t reflect.Type) string {
	if t.Kind() == reflect.Ptr {
		t = t.Elem()
	}
	if kind, is := special[t]; is {
		return kind
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
		// A named list of texts that writes itself is a message with one list.
		if t.Name() != "" && reflect.PointerTo(t).Implements(reflect.TypeOf((*interface{ Marshal() ([]byte, error) })(nil)).Elem()) {
			return "l"
		}
		return "*" + spell(t.Elem())
	case reflect.Map:
		return "{}" + spell(t.Elem())
	case reflect.String:
		return "s"
	case reflect.Bool:
		return "b"
	case reflect.Struct:
		return message(t)
	case reflect.Float32, reflect.Float64:
		return "f"
	}
	return "i"
}
