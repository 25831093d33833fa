// Renders a chart with Helm's engine again and again, and prints how many times a
// second: the chart is loaded once, values and templates are worked on each time.
//
//	render SECONDS CHART [VALUES...]
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/getter"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	fail(err)
	chart, err := loader.Load(os.Args[2])
	fail(err)
	options := values.Options{ValueFiles: os.Args[3:]}
	vals, err := options.MergeValues(getter.Providers{})
	fail(err)
	fail(chartutil.ProcessDependenciesWithMerge(chart, vals))
	capabilities := chartutil.DefaultCapabilities.Copy()
	version, err := chartutil.ParseKubeVersion("1.33.0")
	fail(err)
	capabilities.KubeVersion = *version
	release := chartutil.ReleaseOptions{Name: "rel", Namespace: "ns", Revision: 1, IsInstall: true}
	once := func() int {
		all, err := chartutil.ToRenderValues(chart, vals, release, capabilities)
		fail(err)
		files, err := engine.Render(chart, all)
		fail(err)
		bytes := 0
		for _, text := range files {
			bytes += len(text)
		}
		return bytes
	}
	bytes := once()
	started := time.Now()
	count := 0
	for time.Since(started).Seconds() < seconds {
		once()
		count++
	}
	fmt.Printf("%.2f %d\n", float64(count)/time.Since(started).Seconds(), bytes)
}
