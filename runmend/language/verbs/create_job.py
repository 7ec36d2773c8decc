"""`kubectl create job --from=cronjob/NAME`: what a CronJob does on schedule, once more and now."""

import copy
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound, PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.kinds import BY_NAME
from runmend.core.names import dns_label
from runmend.language.needs import Needs, Right, Write
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more
from runmend.language.verbs.values import checked
from runmend.language.verbs.verb import Changing, Situation, Verb
from runmend.plan.change import Json
from runmend.plan.edit import Beside, Edit
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_WRITE: Final = "write kubectl create job NAME --from=cronjob/NAME"
_INSTANTIATE: Final = "cronjob.kubernetes.io/instantiate"
_LONGEST: Final = 52
"""A Job's pods have names that are made of its own."""
_DIGITS: Final = 8


class CreateJob(Frozen):
    """How the Job's name begins, and its CronJob; each may be a placeholder."""

    name: str
    cron_job: str


def _command(command: Command) -> Operation | None:
    name = next(iter(command.words), "")
    if not name:
        command.error("the command names no Job", _WRITE)
        return None
    word, slash, cron_job = flag(command, "--from").partition("/")
    if not slash or word.lower() not in BY_NAME["CronJob"].words:
        command.error("the command does not say from which CronJob", _WRITE)
        return None
    good = no_more(tuple(command.words[1:]), command, _WRITE)
    good = in_namespace(command, BY_NAME["Job"]) and good
    good = command.check(name, "a Job's name", dns_label, ("deployment", "statefulset", "job", "cronjob")) and good
    good = command.check(cron_job, "a CronJob's name", dns_label, ("cronjob",)) and good
    if not good:
        return None
    arguments = CreateJob(name=command.filled(name), cron_job=command.filled(cron_job)).model_dump(mode="json")
    return Operation(verb=VERB.words, kind="Job", name=command.filled(name), namespace=NAMESPACE, arguments=arguments)


def _beside(create: CreateJob, cluster: "Cluster", situation: Situation) -> Beside:
    target = situation.now.target
    name = checked(create.name, situation.values, "name")
    cron_job = checked(create.cron_job, situation.values, "name")
    try:
        found = cluster.read("CronJob", target.namespace, cron_job)
    except NotFound as error:
        raise PreconditionFailed(
            f"there is no CronJob {target.namespace}/{cron_job}", reason="no such CronJob"
        ) from error
    template: Json = copy.deepcopy(found["spec"]["jobTemplate"])
    metadata = template.get("metadata") or {}
    annotations = {_INSTANTIATE: "manual", **(metadata.get("annotations") or {})}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job, "uid": found["metadata"]["uid"]}
    owner |= {"controller": True}
    # Its own each time that the runbook runs, and the same whenever a step is tried again.
    own = sha256(situation.own.encode()).hexdigest()[:_DIGITS]
    made = Target(
        cluster=target.cluster, namespace=target.namespace, kind="Job", name=f"{name[:_LONGEST].rstrip('-.')}-{own}"
    )
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": made.name,
            "namespace": made.namespace,
            "annotations": annotations,
            "ownerReferences": [owner],
            **({"labels": metadata["labels"]} if metadata.get("labels") else {}),
        },
        "spec": template["spec"],
    }
    return Beside(how=Edit.CREATE, object=made, body=body, harmless=True)


VERB = Verb(
    words="create job",
    summary="Creates a Job from a CronJob, under the given name and some digits of the run's.",
    kinds=("Job",),
    arguments=CreateJob,
    command=_command,
    says=lambda create: f"{create.name} from CronJob {create.cron_job}",
    example="kubectl create job again --from=cronjob/report -n {namespace}",
    flags=(Flag("--from", means="the CronJob, `cronjob/NAME`"),),
    changing=Changing(beside=_beside, undoable=False),
    needs=Needs(
        rights=(
            Right("batch", ("cronjobs",), ("get",), "A runbook runs a CronJob's Job once more."),
            Right("batch", ("jobs",), ("create",)),
        ),
        writes=(Write("CREATE", "batch/jobs"),),
    ),
)
