"""`kubectl set serviceaccount`: as whom the pods of a workload run."""

import copy

from runmend.core.frozen import Frozen
from runmend.core.names import dns_subdomain
from runmend.language.verbs.command import NAMESPACE, Command, in_namespace, no_more, target_of
from runmend.language.verbs.containers import an_example
from runmend.language.verbs.values import checked
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import POD_SPEC, Change, Json
from runmend.plan.operations import Operation

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_ACCOUNT = (*POD_SPEC, "serviceAccountName")


class SetServiceAccount(Frozen):
    """The account's name, or a placeholder."""

    account: str


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "set serviceaccount")
    if target is None:
        return None
    kind, name, words = target
    account, rest = (words[0], words[1:]) if words else ("", ())
    if not account:
        command.error("the command names no service account", f"write it behind the {kind.name}")
        return None
    good = no_more(rest, command, "set one service account")
    good = in_namespace(command, kind) and good
    if not (command.check(account, "a service account's name", dns_subdomain, ("service_account",)) and good):
        return None
    arguments = SetServiceAccount(account=command.filled(account)).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE, arguments=arguments)


def _effect(arguments: SetServiceAccount, situation: Situation) -> Json:
    made = copy.deepcopy(situation.item)
    spec = made["spec"]["template"]["spec"]
    spec["serviceAccountName"] = checked(arguments.account, situation.values, "name")
    # The API server keeps the older name of the field alike; one that says another would win.
    if "serviceAccount" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    return made


VERB = Verb(
    words="set serviceaccount",
    summary="Lets the pods of a workload run as another service account.",
    kinds=_KINDS,
    arguments=SetServiceAccount,
    command=_command,
    says=lambda arguments: f"to {arguments.account}",
    example="kubectl set serviceaccount deployment/{deployment} web -n {namespace}",
    changing=Changing(
        effect=_effect,
        fields=lambda _: (_ACCOUNT, (*POD_SPEC, "serviceAccount")),
        example=Example(
            before=an_example(image="registry.example/web:1"),
            changes=(Change(path=_ACCOUNT, after="web"),),
        ),
    ),
)
