//go:build tools

// Package tools pins the registry that charts are pushed to and fetched from in tests.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"
