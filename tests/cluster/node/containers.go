package main

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientset "k8s.io/client-go/kubernetes"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	apitest "k8s.io/cri-api/pkg/apis/testing"
	utilexec "k8s.io/utils/exec"
)

const (
	namespaceLabel = "io.kubernetes.pod.namespace"
	podLabel       = "io.kubernetes.pod.name"
	containerLabel = "io.kubernetes.container.name"
)

// containers is what runs on a node. An init container whose image behaves ends well after a second; other containers run until they are
// stopped, unless their image's tag says otherwise.
type containers struct {
	*apitest.FakeRuntimeService
	client clientset.Interface
}

func newContainers(client clientset.Interface) containers {
	made := containers{apitest.NewFakeRuntimeService(), client}
	made.FakeStatus = &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
		{Type: runtimeapi.RuntimeReady, Status: true},
		{Type: runtimeapi.NetworkReady, Status: true},
	}}
	return made
}

func (c containers) StartContainer(ctx context.Context, id string) error {
	if err := c.FakeRuntimeService.StartContainer(ctx, id); err != nil {
		return err
	}
	c.Lock()
	container := c.Containers[id]
	image, limit, labels := container.Image.Image, container.LinuxResources.GetMemoryLimitInBytes(), container.Labels
	c.Unlock()
	switch {
	case behaviour(image) == "crash":
		c.exitSoon(id, 1, "Error")
	case behaviour(image) == "needs-200mi" && limit > 0 && limit < 200<<20:
		c.exitSoon(id, 137, "OOMKilled")
	default:
		ends, err := c.ends(ctx, labels)
		if err != nil {
			return err
		}
		if ends {
			c.exitSoon(id, 0, "Completed")
		}
	}
	return nil
}

// ends tells whether a container has to end before its pod can start: an init container that is no sidecar. The runtime is not told; the
// pod says it.
func (c containers) ends(ctx context.Context, labels map[string]string) (bool, error) {
	pod, err := c.client.CoreV1().Pods(labels[namespaceLabel]).Get(ctx, labels[podLabel], metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	for _, each := range pod.Spec.InitContainers {
		if each.Name == labels[containerLabel] {
			return each.RestartPolicy == nil, nil
		}
	}
	return false, nil
}

func (c containers) exitSoon(id string, code int32, reason string) {
	time.AfterFunc(time.Second, func() {
		c.Lock()
		defer c.Unlock()
		container, ok := c.Containers[id]
		if !ok || container.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
			return
		}
		container.State = runtimeapi.ContainerState_CONTAINER_EXITED
		container.FinishedAt = time.Now().UnixNano()
		container.ExitCode = code
		container.Reason = reason
	})
}

func (c containers) ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) ([]byte, []byte, error) {
	c.Lock()
	container, ok := c.Containers[id]
	unhealthy := ok && behaviour(container.Image.Image) == "unhealthy"
	c.Unlock()
	if unhealthy {
		return nil, []byte("unhealthy"), utilexec.CodeExitError{Err: errors.New("unhealthy"), Code: 1}
	}
	return c.FakeRuntimeService.ExecSync(ctx, id, command, timeout)
}
