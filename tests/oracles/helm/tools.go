//go:build tools

// Package tools pins the helm that tests drive and compare with. It is a module of
// its own, for it wants other versions of Kubernetes' packages than the servers.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
