// Command node runs the kubelet's own code as one node of a test cluster. What it runs on is made up: images.go says what becomes of an
// image when it is pulled, containers.go what becomes of it when it runs.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	cadvisortest "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubemark"
)

func main() {
	name := flag.String("name", "node-0", "the node's name")
	kubeconfig := flag.String("kubeconfig", "", "path to the kubeconfig of an administrator")
	registryCA := flag.String("registry-ca", "", "path to the authorities that registries on loopback are trusted by; empty: the public ones")
	root := flag.String("root", "", "the folder for the kubelet's files; empty: a new one in /tmp, which stays")
	flag.Parse()
	if err := run(*name, *kubeconfig, *registryCA, *root); err != nil {
		log.Fatalf("node %s: %v", *name, err)
	}
}

func run(name, kubeconfig, registryCA, root string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return err
	}
	images, err := newImages(name, registryCA)
	if err != nil {
		return err
	}
	flags, settings := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{NodeName: name, MaxPods: 110})
	if root != "" {
		if err := moveTo(root, flags, settings); err != nil {
			return err
		}
	}
	settings.EnableServer = false                 // no ports, so nodes cannot collide
	settings.ClusterDNS = []string{"10.0.0.10"}   // or every pod warns that it is missing
	settings.SyncFrequency.Duration = time.Second // a broken pod is looked at again soon
	settings.NodeStatusUpdateFrequency.Duration = 2 * time.Second
	settings.NodeLeaseDurationSeconds = 8

	kubelet := kubemark.NewHollowKubelet(flags, settings, client, client, &cadvisortest.Fake{NodeName: name},
		images, newContainers(client), cm.NewStubContainerManagerWithDevicePluginResource(v1.ResourceList{}))
	kubelet.KubeletDeps.Recorder = nil                // the default swallows events
	kubelet.KubeletDeps.EventClient = client.CoreV1() // where the real recorder sends them
	kubelet.KubeletDeps.ProbeManager = nil            // the default calls every container ready
	kubelet.Run(context.Background())
	return nil
}

// moveTo gives the kubelet another folder than the one that kubemark has made for it in /tmp.
func moveTo(root string, flags *options.KubeletFlags, settings *kubeletconfig.KubeletConfiguration) error {
	if err := os.RemoveAll(flags.RootDirectory); err != nil {
		return err
	}
	flags.RootDirectory = root
	settings.PodLogsDir = filepath.Join(root, "pod-logs")
	settings.StaticPodPath = filepath.Join(root, "static-pods")
	return os.MkdirAll(settings.StaticPodPath, 0o755)
}
