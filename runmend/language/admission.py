"""The admission policy that holds an installation's accounts to what its verbs write, as the API server evaluates it.

RBAC lets an account patch an object or not, with all its fields. The policy looks at every request of the accounts that
would change something, whatever it is: what RBAC grants by mistake is refused as well. `runmend policy` prints it.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from runmend.language.needs import Field, Write
from runmend.language.rights import writes
from runmend.plan.operations import Operation

HELD: Final = "runmend.io/holds-accounts"
"""The label of an installation's own namespace; whose accounts they are is told by its name."""
SYSTEM_NAMESPACES: Final = "runmend.io/system-namespaces"
"""The namespace's annotation that names those of the system where the accounts may write all the same."""
_OF_THE_SYSTEM: Final = ("kube-system", "kube-public", "kube-node-lease")
_SET_BY_THE_SERVER: Final = (("metadata", "generation"), ("metadata", "managedFields"), ("metadata", "resourceVersion"))

_Tree = dict[str, "_Tree"]
"""Fields by their keys; an empty one may change, whatever is in it."""

_POLICY: Final = """\
# Printed by `runmend policy`. What RBAC cannot say: the accounts write these fields and nothing else, never in their
# own namespace, and in those of the system only where the annotation {annotation} of their own
# namespace names it, such as "kube-system". It holds for every request that would change something, subresources too,
# whatever roles are bound. Needs Kubernetes 1.30.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: runmend-accounts
spec:
  failurePolicy: Fail
  # The installation's own namespace, by its label, so that it may have any name.
  paramKind:
    apiVersion: v1
    kind: Namespace
  matchConstraints:
    resourceRules:
      - apiGroups: ["*"]
        apiVersions: ["*"]
        operations: ["*"]
        resources: ["*/*"]
  matchConditions:
    - name: an-account-of-runmend
      expression: |-
        request.userInfo.username in
        {accounts}.map(name, 'system:serviceaccount:' + params.metadata.name + ':' + name)
  variables:
    - name: account
      expression: request.userInfo.username.split(':')[3]
    - name: asked
      expression: |-
        request.operation + ' ' + request.resource.group + '/' + request.resource.resource
        + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource)
    - name: systemNamespaces
      expression: |-
        params.metadata.?annotations[?'{annotation}'].orValue('').split(',').map(name, name.trim())
{variables}  validations:
    - expression: {anywhere}request.?namespace.orValue('') != params.metadata.name
      message: Runmend changes nothing in its own namespace
      reason: Forbidden
    - expression: |-
        {anywhere}!(request.?namespace.orValue('') in {system}) || request.namespace in variables.systemNamespaces
      message: Runmend changes nothing in a namespace of the system that {annotation} does not name
      reason: Forbidden
    - expression: |-
        variables.asked in {written}[variables.account]
      message: Runmend does not write this
      messageExpression: "'Runmend: the account ' + variables.account + ' does not ask for ' + variables.asked"
      reason: Forbidden
{validations}---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: runmend-accounts
spec:
  policyName: runmend-accounts
  paramRef:
    selector:
      matchLabels:
        {label}: "true"
    # Without such a namespace there are no such accounts; what others ask for must not be refused for it.
    parameterNotFoundAction: Allow
  validationActions: [Deny]
"""
_VARIABLE: Final = """\
    - name: {}
      expression: {}
"""
_VALIDATION: Final = """\
    - expression: |-
{expression}
      message: Runmend changes nothing of {kind} but {fields}
      reason: Forbidden
"""


def policy_yaml(operations: Collection[Operation]) -> str:
    """The policy and its binding as a file for `kubectl apply`, for runbooks that hold these commands."""
    of_accounts = writes(operations)
    asked = {account: [_asked(write) for write in written] for account, written in of_accounts.items()}
    everywhere = sorted({_asked(write) for written in of_accounts.values() for write in written if write.anywhere})
    updates = [write for written in of_accounts.values() for write in written if write.operation == "UPDATE"]
    return _POLICY.format(
        annotation=SYSTEM_NAMESPACES,
        accounts=list(of_accounts),
        label=HELD,
        anywhere=f"variables.asked in {everywhere} || " if everywhere else "",
        system=list(_OF_THE_SYSTEM),
        written=asked,
        variables="".join(map(_VARIABLE.format, *zip(*_variables(updates).items(), strict=True))) if updates else "",
        validations="".join(map(_validation, updates)),
    )


def _asked(write: Write) -> str:
    return f"{write.operation} {write.kind}"


def _validation(write: Write) -> str:
    lines = [f"variables.asked != '{_asked(write)}' || ("]
    lines += [f"  {'&& ' if n else ''}{each}" for n, each in enumerate(_unchanged_but(_tree(write)))]
    return _VALIDATION.format(
        expression="\n".join(f"        {line}" for line in (*lines, ")")),
        kind=write.kind,
        fields=", ".join(map(_in_words, write.fields)),
    )


def _in_words(field: Field) -> str:
    """`spec.template.spec.containers[*].image`, `metadata.annotations[runmend.io/last-change]`."""
    return "".join(f"[{key}]" if key == "*" or "/" in key else f".{key}" for key in field).removeprefix(".")


def _tree(write: Write) -> _Tree:
    tree: _Tree = {}
    # What may change whatever is in it comes first, and what is in it adds nothing.
    for field in sorted((*write.fields, *_SET_BY_THE_SERVER), key=len):
        branch = tree
        for number, key in enumerate(field):
            if number and not branch and field[:number] in write.fields:
                break
            branch = branch.setdefault(key, {})
    return tree


def _variables(updates: Collection[Write]) -> dict[str, str]:
    """Name → expression of the object's parts that are looked into, as they are to be and as they are."""
    found: dict[str, str] = {}
    for write in updates:
        found |= _parts(_tree(write), ())
    return found


def _parts(tree: _Tree, path: Field) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, below in sorted(tree.items()):
        if key == "*" or not below:
            continue
        for age in ("new", "old"):
            missing = "[]" if "*" in below else "{}"
            found[_name(age, (*path, key))] = f"{_part(age, path)}[?'{key}'].orValue({missing})"
        found |= _parts(below, (*path, key))
    return found


def _name(age: str, path: Field) -> str:
    return re.sub(r"\W", "_", "_".join((age, *path)))


def _part(age: str, path: Field) -> str:
    """The expression for a part of the object."""
    if path:
        return f"variables.{_name(age, path)}"
    return "object" if age == "new" else "oldObject"


def _unchanged_but(tree: _Tree, path: Field = ()) -> Iterator[str]:
    """What must hold where two objects differ in nothing but a tree's fields, for the parts down to the lists."""
    new, old = _part("new", path), _part("old", path)
    if "*" in tree:
        # Their order too: init containers run one after another.
        yield f"{new}.map(each, each.name) == {old}.map(each, each.name)"
        same = " && ".join(_same_keys("after", "before", tree["*"]))
        yield f"{new}.all(after, {old}.exists(before, before.name == after.name && {same}))"
        return
    yield from _same_keys(new, old, tree)
    for key, below in sorted(tree.items()):
        if below:
            yield from _unchanged_but(below, (*path, key))


def _same_keys(new: str, old: str, tree: _Tree) -> Iterator[str]:
    """That two maps are equal but under the tree's keys."""
    keys = sorted(tree)
    yield f"{new}.all(key, key in {keys} || (key in {old} && {new}[key] == {old}[key]))"
    yield f"{old}.all(key, key in {keys} || key in {new})"
