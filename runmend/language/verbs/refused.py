"""Commands of kubectl that no runbook may use, and why; and what to write for those that have another form here."""

from typing import Final

REFUSED: Final = {
    "exec": "it runs a command inside a container, and nobody can tell what that changed",
    "edit": "it waits for a person at an editor",
    "debug": "it adds a container to the pod and waits for a person",
    "rsh": "it opens a shell inside a container",
    "cp": "it copies files into or out of a container",
    "attach": "it ties itself to a running process",
    "port-forward": "it opens a tunnel into the cluster and does not end",
    "proxy": "it opens the API server to this machine and does not end",
    "run": "it starts a pod that nothing controls, and that nobody takes away",
}

INSTEAD: Final = {
    "wait": "write kubectl rollout status, or what it waits for as a success criterion",
    "replace": "a plan holds all that it does, and no file is read later; write kubectl patch -p with what it changes",
    "create": "write kubectl create job --from=cronjob/NAME, or kubectl apply -f - with what is created",
    "rollout history": "write kubectl get replicaset, or kubectl get controllerrevision",
}
"""Verb that is not supported → what comes to the same."""
