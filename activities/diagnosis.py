"""Why images cannot be pulled: the runbook's diagnostic steps, taken one after the other.

Called by `activities.observation`.

Nothing here stops a remediation: what cannot be told is reported as unknown.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from activities.reading import read
from runmend.core.errors import NotFound, RunmendError
from runmend.facts.event import EventFacts
from runmend.facts.pod import PodFacts
from runmend.images.pull_failures import Cause, cause_of, says_why
from runmend.images.pull_messages import essence
from runmend.images.pull_secrets import Credentials, PullSecretError, covering, parse_pull_secret
from runmend.images.references import InvalidImageReference, parse_image
from runmend.images.registry import Answer, Registry, RegistryAnswer
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.plan.messages import Affected, Finding, ObserveCall
from runmend.plan.operations import Operation
from runmend.plan.plan import DiagnosticStep, Probe, SubPoint

MOST_IMAGES = 6
"""How many images' registries are asked: they are asked at once, and each may take five seconds."""

_LINES_SHOWN = 3
"""How many of the lines that a query has read a finding tells."""
MOST_SECRETS = 10
"""How many pull secrets of a pod are read: it may name any number, each with a megabyte."""


def classified(events: tuple[EventFacts, ...]) -> dict[Cause, int]:
    """How often the kubelet said which cause. `Error: ErrImagePull` and the like say none, so they do not count."""
    causes: Counter[Cause] = Counter()
    for event in events:
        if says_why(event.message):
            causes[cause_of(event.message)] += event.count
    return dict(causes)


class Diagnosis:
    """The diagnosis of one target; its findings are in the runbook's order, what would be written last."""

    def __init__(self, cluster: Cluster, registry: Registry, now: TargetNow, call: ObserveCall) -> None:
        self._cluster = cluster
        self._registry = registry
        self._now = now
        self._call = call
        self._credentials: dict[str, tuple[Credentials, ...]] = {}
        self._secrets_found: list[tuple[str, str | None]] = []
        """Each pull secret's name, and what is wrong with it."""
        self._of_account = ""
        """What is to be said of the service account's pull secrets, which the pod does not name; empty: nothing."""
        self.causes: dict[Cause, int] = {}

    def findings(self, affected: tuple[Affected, ...]) -> tuple[Finding, ...]:
        """What was found for each point of the runbook."""
        images = tuple(dict.fromkeys(one.image for one in affected))
        fallbacks = tuple(
            dict.fromkeys(image for one in affected if (image := self._call.plan.image_for(one.container)))
        )
        self._read_secrets(affected)
        asked = self._ask((*images, *fallbacks))
        found = [finding for step in self._call.plan.diagnosis for finding in self._step(step, images, asked)]
        found += [
            Finding(
                about="image that the runbook would write",
                found=f"{image}: {_answer(asked.get(image))}",
                ok=_ok(asked.get(image)),
            )
            for image in fallbacks
        ]
        return tuple(found)

    def _step(self, step: DiagnosticStep, images: tuple[str, ...], asked: dict[str, RegistryAnswer]) -> list[Finding]:
        found = [self._query(step, step.query)] if step.query else []
        return found + [finding for point in step.points for finding in self._point(point, images, asked)]

    def _query(self, step: DiagnosticStep, query: Operation) -> Finding:
        try:
            found = read(self._cluster, query, self._now, self._call.alerts, state=self._call.plan.state)
        except RunmendError as error:
            return Finding(about=step.name, line=step.line, found=f"unknown: {error}")
        causes = classified(found.events)
        self.causes |= causes
        said = [
            f"{cause.in_words} (reported {count}x)"
            if not step.look_for or cause is Cause.OTHER or {cause, cause.kind} & {*step.look_for}
            else f"{cause.in_words}, which the runbook does not look for ({count}x)"
            for cause, count in causes.items()
        ]
        if said:
            example = next(event.message for event in found.events if says_why(event.message))
            whole = f"{', '.join(said)}; the runtime says: {essence(example)}"
            return Finding(about=step.name, line=step.line, found=whole, ok=False)
        newest = found.findings[-_LINES_SHOWN:]
        return Finding(about=step.name, line=step.line, found=" | ".join((found.summary, *newest)))

    def _point(self, point: SubPoint, images: tuple[str, ...], asked: dict[str, RegistryAnswer]) -> list[Finding]:
        match point.probe:
            case None:
                return [
                    Finding(about=point.text, line=point.line, found="not done: this point cannot be read by a machine")
                ]
            case Probe.IMAGE_EXISTS:
                return [
                    Finding(
                        about=point.text,
                        line=point.line,
                        found=f"{image}: {_answer(asked.get(image))}",
                        ok=_ok(asked.get(image)),
                    )
                    for image in images
                ]
            case Probe.IMAGE_WELL_FORMED:
                return [self._well_formed(point, image) for image in images]
            case Probe.PULL_SECRETS_CONFIGURED:
                return [self._configured(point)]
            case Probe.PULL_SECRET_VALID:
                return self._valid(point, images, asked)

    @staticmethod
    def _well_formed(point: SubPoint, image: str) -> Finding:
        try:
            parse_image(image)
        except InvalidImageReference as error:
            return Finding(about=point.text, line=point.line, found=str(error), ok=False)
        return Finding(about=point.text, line=point.line, found=f"{image}: well-formed", ok=True)

    def _configured(self, point: SubPoint) -> Finding:
        names = ", ".join(name for name, _ in self._secrets_found)
        said = [text for text in (f"configured: {names}" if names else "none configured", self._of_account) if text]
        return Finding(
            about=point.text,
            line=point.line,
            found="; ".join(said),
            ok=True if names else False if self._of_account and not self._of_account.startswith("unknown") else None,
            not_set=not names and not self._of_account,
        )

    def _valid(self, point: SubPoint, images: tuple[str, ...], asked: dict[str, RegistryAnswer]) -> list[Finding]:
        def finding(found: str, *, ok: bool | None) -> Finding:
            return Finding(about=point.text, line=point.line, found=found, ok=ok)

        found = [
            finding(f"{name}: {wrong}", ok=None if wrong.startswith("unknown") else False)
            for name, wrong in self._secrets_found
            if wrong
        ]
        if not self._secrets_found:
            return [finding("there is none to check", ok=None).model_copy(update={"not_set": True})]
        unread = any(one.ok is None for one in found)
        for image in images:
            answer = asked.get(image)
            name = self._covered_by(image)
            if name and answer and answer.answer is Answer.UNAUTHORIZED:
                found.append(
                    finding(
                        f"{name} has credentials for {image}, which do not let it be pulled: {answer.why}", ok=False
                    )
                )
            elif name:
                found.append(finding(f"{name} has credentials for {image}", ok=True))
            elif unread:
                found.append(finding(f"unknown whether a secret has credentials for the registry of {image}", ok=None))
            else:
                found.append(finding(f"no valid secret has credentials for the registry of {image}", ok=False))
        return found

    def _covered_by(self, image: str) -> str | None:
        try:
            reference = parse_image(image)
        except InvalidImageReference:
            return None
        return next((name for name, credentials in self._credentials.items() if covering(reference, credentials)), None)

    def _read_secrets(self, affected: tuple[Affected, ...]) -> None:
        """The secrets that the first affected pod names: the kubelet uses those and no others.

        A service account's were added when the pod was made, if it named none of its own.
        """
        pod = next((self._now.workloads.pod(one.pods[0]) for one in affected), None)
        if pod is None:
            return
        namespace = pod.namespace
        self._of_account = self._not_taken_from_account(pod)
        for number, name in enumerate(dict.fromkeys(pod.pull_secrets)):
            if number == MOST_SECRETS:
                self._secrets_found.append(("more pull secrets", f"unknown: no more than {MOST_SECRETS} are read"))
                break
            wrong = None
            try:
                self._credentials[name] = parse_pull_secret(self._cluster.secret(namespace, name))
            except PullSecretError as error:
                wrong = str(error)
            except NotFound:
                wrong = "does not exist"
            except RunmendError as error:
                wrong = f"unknown: {error}"
            self._secrets_found.append((name, wrong))

    def _not_taken_from_account(self, pod: PodFacts) -> str:
        """What the pod's service account names and the pod does not, and why; empty where there is no such secret."""
        try:
            of_account = self._cluster.pull_secrets_of(pod.namespace, pod.service_account)
        except RunmendError as error:
            return f"unknown for the service account: {error}"
        others = ", ".join(name for name in dict.fromkeys(of_account) if name not in pod.pull_secrets)
        if not others:
            return ""
        why = (
            "a pod that names pull secrets of its own gets none of its account's"
            if pod.pull_secrets
            else "they were not added when the pod was made, and a new pod would get them"
        )
        return f"the service account {pod.service_account} names {others}, which this pod has not: {why}"

    def _ask(self, images: tuple[str, ...]) -> dict[str, RegistryAnswer]:
        credentials = tuple(one for several in self._credentials.values() for one in several)
        chosen = tuple(dict.fromkeys(images))[:MOST_IMAGES]
        with ThreadPoolExecutor(max_workers=MOST_IMAGES, thread_name_prefix="registry") as pool:
            return dict(
                zip(chosen, pool.map(lambda image: self._registry.ask(image, credentials), chosen), strict=True)
            )


def _answer(answer: RegistryAnswer | None) -> str:
    return f"{answer.answer}: {answer.why}" if answer else "unknown: too many images to ask for all of them"


def _ok(answer: RegistryAnswer | None) -> bool | None:
    if answer is None or answer.answer is Answer.UNKNOWN:
        return None
    return answer.answer is Answer.EXISTS
