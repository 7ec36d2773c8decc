package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	apitest "k8s.io/cri-api/pkg/apis/testing"
	crierrors "k8s.io/cri-api/pkg/errors"
)

const (
	scripted    = "registry.example/"
	lookSeconds = 5
	manifests   = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
		"application/vnd.docker.distribution.manifest.v2+json"
)

// behaviour is the tag of an image of the scripted registry, registry.example:
//
//	missing              the pull fails: not found
//	unauthorized         the pull fails with 401 unless the kubelet found a pull secret for the registry
//	unreachable          the pull fails: i/o timeout
//	unreachable-on-NODE  the same, on the node of that name only
//	unavailable          the pull fails as CRI-O says that a registry is unavailable, for which the kubelet has a reason of its own
//	slow                 the pull takes ten seconds
//	crash                the container exits with 1 after a second
//	needs-200mi          the container is OOMKilled after a second while its memory limit is lower
//	unhealthy            exec probes fail
//
// An image of a registry on loopback is looked up there by https, and its pull fails as the registry answers. Any other image, of any
// registry, is pulled at once and runs.
func behaviour(image string) string {
	if !strings.HasPrefix(image, scripted) {
		return ""
	}
	_, tag, _ := strings.Cut(strings.TrimPrefix(image, scripted), ":")
	return tag
}

// images is what a node has pulled, and how it pulls.
type images struct {
	*apitest.FakeImageService
	node       string
	registries *http.Client
}

// newImages takes the path of a PEM file of the authorities that registries on loopback are trusted by; empty: the public ones.
func newImages(node, authorities string) (images, error) {
	// A connection for each question: a registry that was stopped and started again is asked anew.
	transport := &http.Transport{DisableKeepAlives: true}
	if authorities != "" {
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return images{}, err
		}
		trusted := x509.NewCertPool()
		if !trusted.AppendCertsFromPEM(pem) {
			return images{}, fmt.Errorf("%s holds no certificate", authorities)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted}
	}
	return images{apitest.NewFakeImageService(), node, &http.Client{Transport: transport}}, nil
}

func (i images) PullImage(ctx context.Context, image *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, pod *runtimeapi.PodSandboxConfig) (string, error) {
	if err := i.refused(ctx, image.Image, auth); err != nil {
		return "", err
	}
	return i.FakeImageService.PullImage(ctx, image, auth, pod)
}

// refused is the error of a pull in containerd's words; nil where the image is there.
func (i images) refused(ctx context.Context, image string, auth *runtimeapi.AuthConfig) error {
	switch tag := behaviour(image); tag {
	case "missing":
		return notFound(image)
	case "unauthorized":
		if auth == nil || auth.Username == "" {
			return unauthorized(image)
		}
	case "unreachable", "unreachable-on-" + i.node:
		return unreachable(image, "dial tcp 192.0.2.1:443: i/o timeout")
	case "unavailable":
		return fmt.Errorf("%w: pinging container registry: connection refused", crierrors.ErrRegistryUnavailable)
	case "slow":
		time.Sleep(10 * time.Second)
	}
	if host, rest, _ := strings.Cut(image, "/"); onLoopback(host) {
		return i.lookedUp(ctx, image, host, rest, auth)
	}
	return nil
}

func onLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	return err == nil && (name == "localhost" || net.ParseIP(name).IsLoopback())
}

// lookedUp asks a registry on loopback for the image's manifest.
func (i images) lookedUp(ctx context.Context, image, host, rest string, auth *runtimeapi.AuthConfig) error {
	name, reference, found := strings.Cut(rest, "@")
	if !found {
		name, reference, found = strings.Cut(rest, ":")
	}
	if !found {
		reference = "latest"
	}
	ctx, cancel := context.WithTimeout(ctx, lookSeconds*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, fmt.Sprintf("https://%s/v2/%s/manifests/%s", host, name, reference), nil)
	if err != nil {
		return unreachable(image, err.Error())
	}
	request.Header.Set("Accept", manifests)
	if auth != nil && auth.Username != "" {
		request.SetBasicAuth(auth.Username, auth.Password)
	}
	answer, err := i.registries.Do(request)
	if err != nil {
		return unreachable(image, err.Error())
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return notFound(image)
	case http.StatusUnauthorized, http.StatusForbidden:
		return unauthorized(image)
	default:
		return failed(codes.Unknown, image, "unexpected status: "+answer.Status)
	}
}

func notFound(image string) error {
	return failed(codes.NotFound, image, image+": not found")
}

func unauthorized(image string) error {
	return failed(codes.Unknown, image, "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized")
}

func unreachable(image, why string) error {
	return failed(codes.Unknown, image, "failed to do request: "+why)
}

func failed(code codes.Code, image, why string) error {
	return status.Errorf(code, "failed to pull and unpack image %q: failed to resolve reference %q: %s", image, image, why)
}
