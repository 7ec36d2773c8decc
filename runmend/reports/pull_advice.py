"""What a person can do about an image that could not be pulled, by cause."""

from collections.abc import Mapping
from types import MappingProxyType

from runmend.images.pull_failures import Cause

ABOUT_CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.AUTHENTICATION: (
            "Give the pod a pull secret whose account may pull this repository, in `imagePullSecrets` of the pod, or "
            "of its service account before the pod is made, or renew the node's own credentials. Tokens end: one of "
            "Amazon's ECR after twelve hours. Check the repository's name too: a registry may answer so for one that "
            "does not exist."
        ),
        Cause.NOT_FOUND: (
            "Correct the repository, tag or digest, or push the image again. Look whether a clean-up rule of the "
            "registry has deleted it."
        ),
        Cause.PLATFORM: (
            "Push the image for the node's platform too, or keep the pod on nodes of the platform that it is built "
            "for, with a `nodeSelector` on `kubernetes.io/arch` and `kubernetes.io/os`."
        ),
        Cause.INVALID_NAME: (
            "Correct the image's name: a repository in lower case, no `https://`, no variable that was left in place. "
            "Where the runtime refuses short names, write the registry in front: `docker.io/library/nginx`."
        ),
        Cause.RATE_LIMIT: (
            "Wait until the registry's limit allows pulls again. Pull with an account, which has a limit of its own, "
            "or from a mirror or a registry of your own, and do not pull an image that the node has "
            "(`imagePullPolicy: IfNotPresent`)."
        ),
        Cause.PULL_QPS: (
            "Wait: the kubelet tries again by itself. Where it happens often, raise `registryPullQPS` and "
            "`registryBurst` in the kubelet's configuration, or start fewer pods at once."
        ),
        Cause.DISK_FULL: (
            "Free the node's disk for images: remove unused images with `crictl rmi --prune`, give it more space, or "
            "lower `imageGCHighThresholdPercent`. `kubectl cordon` keeps new pods off the node until then. Look at "
            "its inodes too."
        ),
        Cause.DIGEST: (
            "Push the image again, because what the registry serves is not what its manifest names. Where other nodes "
            "pull it, clear the cache of the mirror or proxy between, or the part that this node has downloaded."
        ),
        Cause.SIGNATURE: (
            "Sign the image with a key that the node's policy trusts, and push the signature. Where the policy is "
            "wrong, correct it: `/etc/containers/policy.json` on nodes with CRI-O."
        ),
        Cause.NETWORK: (
            "Test the way from the node to the registry, with `curl -v` to its `/v2/`: firewall, routes, network "
            "policy of the cloud, packet size. Where only large images time out, the connection is too slow for them."
        ),
        Cause.DNS: (
            "Look up the registry's name on the node, which uses its own `/etc/resolv.conf` and not the cluster's DNS. "
            "Correct the name or the resolver."
        ),
        Cause.PROXY: (
            "Correct the container runtime's proxy on the node (`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of its "
            "service), or bring the proxy back, and restart the runtime. A registry in the cluster's network belongs "
            "in `NO_PROXY`."
        ),
        Cause.CERTIFICATE: (
            "Make the node's container runtime trust the authority that signed the registry's certificate (for "
            "containerd under `/etc/containerd/certs.d`, for CRI-O and Docker under `/etc/containers/certs.d` and "
            "`/etc/docker/certs.d`). Renew one that has expired or names another host, and check the node's clock."
        ),
        Cause.PLAIN_HTTP: (
            "Let the registry serve https. Where it may stay without, name it as insecure in the container runtime's "
            "configuration on every node, and check that the port is right."
        ),
        Cause.REGISTRY_DOWN: (
            "Look at the registry and its status page; the kubelet pulls again by itself when it is back. Where it "
            "answers others, check the host and port in the image's name. A mirror bridges an outage."
        ),
    }
)
"""For every cause but `OTHER`, as Markdown."""
