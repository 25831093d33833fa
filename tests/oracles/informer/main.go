// A program as controllers are written with client-go: shared informers with their
// caches, on built-in and on custom kinds. It prints a line for each event and ends
// when its standard input does.
//
//	informer KUBECONFIG NAMESPACE [RESOURCE.VERSION.GROUP ...]
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		panic(err)
	}
	namespace := os.Args[2]
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	// Typed clients of built-in kinds speak protobuf where they can.
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed := informers.NewSharedInformerFactoryWithOptions(
		kubernetes.NewForConfigOrDie(config), time.Hour, informers.WithNamespace(namespace))
	config.ContentType, config.AcceptContentTypes = "", ""
	untyped := dynamicinformer.NewFilteredDynamicSharedInformerFactory(
		dynamic.NewForConfigOrDie(config), time.Hour, namespace, nil)

	watch(typed.Core().V1().ConfigMaps().Informer())
	watch(typed.Apps().V1().Deployments().Informer())
	for _, argument := range os.Args[3:] {
		resource, _ := schema.ParseResourceArg(argument)
		watch(untyped.ForResource(*resource).Informer())
	}
	typed.Start(ctx.Done())
	untyped.Start(ctx.Done())
	for _, isSynced := range typed.WaitForCacheSync(ctx.Done()) {
		if !isSynced {
			panic("not synced")
		}
	}
	for _, isSynced := range untyped.WaitForCacheSync(ctx.Done()) {
		if !isSynced {
			panic("not synced")
		}
	}
	fmt.Println("synced")
	io.Copy(io.Discard, os.Stdin)
}

func watch(informer cache.SharedIndexInformer) {
	told := func(what string) func(any) {
		return func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			meta := object.(metav1.Object)
			fmt.Printf("%s %T %s %v\n", what, object, meta.GetName(), meta.GetLabels()["step"])
		}
	}
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    told("added"),
		UpdateFunc: func(_, object any) { told("updated")(object) },
		DeleteFunc: told("deleted"),
	})
}
