"""The verbs of the API on the store: what a request means, apart from how it came over HTTP."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runmend.local.sandbox import patches
from runmend.local.sandbox.budgets import holding
from runmend.local.sandbox.defaults import admit_pod, fill, inject, quality_of_service, random_suffix
from runmend.local.sandbox.fields import conflicts, managed
from runmend.local.sandbox.pages import Page, Pages
from runmend.local.sandbox.resources import DEPLOYMENTS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS, Object, Resource
from runmend.local.sandbox.selectors import by_fields, by_labels
from runmend.local.sandbox.status import (
    Cause,
    already_exists,
    bad_request,
    forbidden,
    held_by_budget,
    held_by_managers,
    invalid,
    modified,
    not_found,
    precondition_failed,
    server_error,
    success,
)
from runmend.local.sandbox.store import Store, copied, timestamp
from runmend.local.sandbox.validation import check_types, problems

# What a patch cannot change, whatever it says.
_OURS = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_PULLING = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
# What is left out of metadata when it is empty.
_LEFT_OUT = ("labels", "annotations", "finalizers", "ownerReferences")


@dataclass(frozen=True, slots=True)
class Address:
    """What a request is about; `name` is empty for a collection, `namespace` for all of them and for cluster-wide
    kinds.
    """

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, and whether it is only tried."""

    manager: str
    dry_run: bool = False


class Api:
    """Answers requests out of the store; refusals are raised as `Refused`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._pages = Pages(store)

    def list(self, at: Address, labels: str = "", fields: str = "", limit: int = 0, token: str = "") -> Page:
        """The objects of a collection that both selectors take; `limit` of them where it is not 0, from a page's token
        on.
        """
        tests = [by_fields(at.resource, fields), by_labels(labels)] if fields or labels else []
        namespace = at.namespace or None if at.resource.namespaced else ""
        return self._pages.page(at.resource, namespace, tests, limit, token)

    def get(self, at: Address) -> Object:
        """The live object."""
        found = self.store.find(at.resource, at.namespace, at.name)
        if found is None:
            raise not_found(at.resource, at.name)
        return found

    def create(self, at: Address, body: Object, write: Write) -> Object:
        """Admit, check and store a new object."""
        obj = self._given(at, body)
        metadata = obj["metadata"]
        if at.resource.namespaced:
            self._check_namespace(at, metadata.get("name", ""))
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + random_suffix()
        if at.resource == PODS:
            inject(self.store, obj)
        fill(at.resource, obj)
        if wrong := problems(at.resource, obj, None):
            raise invalid(at.resource, metadata.get("name", ""), wrong)
        if at.resource == PODS and (why := admit_pod(self.store, obj)):
            raise forbidden(PODS, metadata["name"], why)
        if self.store.find(at.resource, at.namespace, metadata["name"]) is not None:
            raise already_exists(at.resource, metadata["name"])
        metadata["managedFields"] = managed(
            at.resource, None, {key: obj[key] for key in obj if key != "status"}, write.manager
        )
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
        if write.dry_run:
            return obj
        stored = self.store.put(at.resource, obj)
        if at.resource == NAMESPACES:
            self.store.put(SERVICE_ACCOUNTS, {"metadata": {"name": "default", "namespace": metadata["name"]}})
        return stored

    def patch(self, at: Address, patch: object, write: Write, *, strategic: bool) -> Object:
        """Apply a patch to the live object; nothing is written where it changes nothing."""
        old = self.get(at)
        change = patches.checked(patch, strategic=strategic)
        result = patches.strategically_merged(old, change) if strategic else patches.merged(old, change)
        return self._replace(at, old, result, write, patches.shown(change))

    def patch_by_steps(self, at: Address, steps: object, write: Write) -> Object:
        """Apply a JSON patch (RFC 6902) to the live object."""
        old = self.get(at)
        head = {"kind": at.resource.kind, "apiVersion": at.resource.api_version}
        return self._replace(at, old, patches.by_steps(copied(old) | head, steps), write, None)

    def update(self, at: Address, body: Object, write: Write) -> Object:
        """Put a new version in the place of the live object."""
        old = self.get(at)
        check_types(at.resource, body, None)
        new = copied(body)
        metadata = new["metadata"] = new.get("metadata") or {}
        for name in ("name", "namespace"):
            if name in old["metadata"]:
                metadata.setdefault(name, old["metadata"][name])
        return self._replace(at, old, new, write, None)

    def apply(self, at: Address, body: Object, write: Write, *, force: bool) -> tuple[Object, bool]:
        """Apply a document: create the object where it is not there, else set the fields of the document; it, and
        whether it is new.

        Raises:
            Refused: 409, where another manager has one of these fields with another value.
        """
        old = self.store.find(at.resource, at.namespace, at.name)
        if old is None:
            return self.create(at, body, write), True
        given = self._given(at, {key: value for key, value in body.items() if key != "status"})
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise modified(at.resource, at.name)
        for key in ("generation", "creationTimestamp"):
            given["metadata"].pop(key, None)
        given.pop("status", None)
        if not force and (held := conflicts(old, given, write.manager)):
            raise held_by_managers(at.resource, at.name, held)
        return self._replace(at, old, patches.merged(old, given), write, None), False

    def scale(self, at: Address, replicas: object, version: str, write: Write) -> Object:
        """Set how many replicas an object is to have; its Scale."""
        if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
            why = f"Invalid value: {json.dumps(replicas)}: must be greater than or equal to 0"
            raise invalid(at.resource, at.name, [Cause("spec.replicas", why)])
        change: Object = {"spec": {"replicas": replicas}}
        if version:
            change["metadata"] = {"resourceVersion": version}
        whole = Address(at.resource, at.namespace, at.name)
        return scale_of(self.patch(whole, change, write, strategic=False))

    def log(self, at: Address, container: str) -> str:
        """What a pod's container has written, which is nothing: no program runs here.

        Raises:
            Refused: 400, where it has not been started, or is not named and not the only one.
        """
        pod = self.get(at)
        names = [each["name"] for each in pod["spec"].get("containers") or []]
        if not container and len(names) > 1:
            choice = f"choose one of: [{' '.join(names)}]"
            raise bad_request(f"a container name must be specified for pod {at.name}, {choice}")
        named, status = container or names[0], pod.get("status") or {}
        statuses = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        found: Object = next((each for each in statuses if each["name"] == named), {})
        if not found and named not in names:
            raise bad_request(f"container {named} is not valid for pod {at.name}")
        waits = (found.get("state") or {}).get("waiting") if found else {"reason": "ContainerCreating"}
        if waits and not found.get("restartCount"):
            reason = waits.get("reason", "")
            why = "trying and failing to pull image" if reason in _PULLING else reason
            raise bad_request(f'container "{named}" in pod "{at.name}" is waiting to start: {why}')
        return ""

    def _replace(self, at: Address, old: Object, result: object, write: Write, shown: str | None) -> Object:
        """Put what a patch or an update makes of an object in its place."""
        new = copied(result)
        if not isinstance(new, dict):
            raise bad_request("a patch must leave an object")
        check_types(at.resource, new, shown)
        self._check_identity(at, old, new)
        self._keep_ours(at, old, new)
        if at.subresource != "status":
            fill(at.resource, new)
        if new == old:
            return old
        if at.subresource != "status" and (wrong := problems(at.resource, new, old)):
            raise invalid(at.resource, at.name, wrong)
        if at.resource.generated and _counts(at.resource, old, new):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        new["metadata"]["managedFields"] = managed(at.resource, old, new, write.manager, at.subresource)
        return new if write.dry_run else self.store.put(at.resource, new)

    def delete(self, at: Address, options: Object, write: Write) -> Object:
        """Delete, or begin to: pods on nodes are given their grace, namespaces are emptied first."""
        obj = self.get(at)
        metadata = obj["metadata"]
        _check_preconditions(at, metadata, options.get("preconditions") or {})
        if at.resource == PODS and (ending_pod := self._begin_pod_deletion(obj, options, write)) is not None:
            return ending_pod
        if at.resource == NAMESPACES:
            if "deletionTimestamp" in metadata or write.dry_run:
                return obj
            ending = metadata | {"deletionTimestamp": timestamp()}
            return self.store.put(NAMESPACES, obj | {"metadata": ending, "status": {"phase": "Terminating"}})
        if not write.dry_run:
            self.store.drop(at.resource, obj)
        return obj if at.resource == PODS else success(at.resource, at.name, metadata["uid"])

    def evict(self, at: Address, options: Object, write: Write) -> Object:
        """Delete a pod, where no budget holds it."""
        pod = self.get(at)
        _check_preconditions(at, pod["metadata"], options.get("preconditions") or {})
        if "deletionTimestamp" not in pod["metadata"] and (causes := list(holding(self.store, pod))):
            raise held_by_budget(causes)
        self.delete(Address(at.resource, at.namespace, at.name), options, write)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    def _given(self, at: Address, body: Object) -> Object:
        resource = at.resource
        kind, version = body.get("kind", resource.kind), body.get("apiVersion", resource.api_version)
        if (kind, version) != (resource.kind, resource.api_version):
            raise bad_request(
                f'{kind} in version "{version}" cannot be handled as a {resource.kind}: unknown conversion'
            )
        check_types(resource, body, None)
        obj = copied(
            {key: value for key, value in body.items() if key not in ("kind", "apiVersion") and value is not None}
        )
        metadata = obj["metadata"] = obj.get("metadata") or {}
        for name in (*_OURS, "uid", "resourceVersion"):
            metadata.pop(name, None)
        if resource.namespaced and metadata.setdefault("namespace", at.namespace) != at.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if resource.generated:
            metadata["generation"] = 1
        if resource == PODS:
            obj["status"] = {"phase": "Pending", "qosClass": quality_of_service(obj.get("spec") or {})}
        elif resource.status and resource != NODES:
            obj.pop("status", None)
            if resource != NAMESPACES:
                obj["status"] = {}
        return obj

    def _check_namespace(self, at: Address, name: str) -> None:
        namespace = self.store.find(NAMESPACES, "", at.namespace)
        if namespace is None:
            raise not_found(NAMESPACES, at.namespace)
        if "deletionTimestamp" in namespace["metadata"]:
            why = f"unable to create new content in namespace {at.namespace} because it is being terminated"
            cause = Cause("metadata.namespace", f"namespace {at.namespace} is being terminated", "NamespaceTerminating")
            raise forbidden(at.resource, name, why, cause)

    def _check_identity(self, at: Address, old: Object, new: Object) -> None:
        metadata = new.get("metadata") or {}
        live = old["metadata"]
        if metadata.get("name") != live["name"]:
            raise bad_request(
                f"the name of the object ({metadata.get('name')}) does not match the name on the URL ({at.name})"
            )
        if metadata.get("namespace") != live.get("namespace"):
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        # A version that is empty or 0 asks for none in particular.
        version = metadata.get("resourceVersion") or "0"
        if not version.isdigit():
            raise server_error(f'strconv.ParseUint: parsing "{version}": invalid syntax')
        if version not in ("0", live["resourceVersion"]):
            raise modified(at.resource, at.name)
        if metadata.get("uid", live["uid"]) != live["uid"]:
            cause = Cause("metadata.uid", f"Invalid value: {json.dumps(metadata['uid'])}: field is immutable")
            raise invalid(at.resource, at.name, [cause])

    def _keep_ours(self, at: Address, old: Object, new: Object) -> None:
        for name in ("kind", "apiVersion"):
            new.pop(name, None)
        metadata = new["metadata"]
        for name in _LEFT_OUT:
            if not metadata.get(name):
                metadata.pop(name, None)
        for name in (*_OURS, "uid", "resourceVersion"):
            if name in old["metadata"]:
                metadata[name] = old["metadata"][name]
            else:
                metadata.pop(name, None)
        if at.subresource == "status":
            status = new.get("status") or {}
            new.clear()
            new.update(old, metadata=metadata, status=status)
        elif at.resource.status and "status" in old:
            new["status"] = old["status"]

    def _begin_pod_deletion(self, pod: Object, options: Object, write: Write) -> Object | None:
        """The pod with its deletion begun; None where it goes at once, as it does where no kubelet could end it."""
        spec, metadata = pod["spec"], pod["metadata"]
        grace = options.get("gracePeriodSeconds")
        grace = spec.get("terminationGracePeriodSeconds", 30) if grace is None else grace
        if grace == 0 or self.store.find(NODES, "", spec.get("nodeName", "")) is None:
            return None
        if "deletionTimestamp" in metadata or write.dry_run:
            return pod
        due = timestamp(datetime.now(UTC) + timedelta(seconds=grace))
        ending = {
            "deletionTimestamp": due,
            "deletionGracePeriodSeconds": grace,
            "generation": metadata["generation"] + 1,
        }
        return self.store.put(PODS, pod | {"metadata": metadata | ending})


def scale_of(obj: Object) -> Object:
    """The Scale of an object with replicas."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in kept},
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": {
            "replicas": (obj.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{name}={value}" for name, value in sorted(labels.items())),
        },
    }


def _check_preconditions(at: Address, metadata: Object, preconditions: Object) -> None:
    live = metadata["uid"], metadata["resourceVersion"]
    if preconditions.get("uid", live[0]) != live[0]:
        why = f"the UID in the precondition ({preconditions['uid']}) does not match the UID in record ({live[0]})"
        raise precondition_failed(at.resource, at.name, f"{why}. The object might have been deleted and then recreated")
    if preconditions.get("resourceVersion", live[1]) != live[1]:
        given = preconditions["resourceVersion"]
        why = (
            f"the ResourceVersion in the precondition ({given}) does not match the ResourceVersion in record "
            f"({live[1]})"
        )
        raise precondition_failed(at.resource, at.name, f"{why}. The object might have been modified")


def _counts(resource: Resource, old: Object, new: Object) -> bool:
    """Whether a change raises the generation; a Deployment's counts its annotations too."""
    if resource == DEPLOYMENTS and old["metadata"].get("annotations") != new["metadata"].get("annotations"):
        return True
    return bool(old.get("spec") != new.get("spec"))
