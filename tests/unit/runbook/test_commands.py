"""The grammar of commands: what is understood, what is refused, and why."""

import pytest

from runmend.plan.operations import Operation
from runmend.runbook import kubectl
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Parameter, Values
from tests.builders import events_query, patch_operation

IMAGE = '{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"nginx:1.27"}]}}}}'
PATCHED = patch_operation({"{container}": "nginx:1.27"})
LISTED = kubectl.LISTED
ONLY = "remove it; what is under spec, labels or annotations may be patched"
EVENTS = "kubectl get events -n {namespace}"
PATCH = "kubectl patch deployment {deployment} -n {namespace}"


def parsed(command: str, **parameters: str) -> tuple[Operation | None, list[str]]:
    report = Report("rb.md")
    values = Values(report, 7, {name: Parameter(name, value, 9) for name, value in parameters.items()})
    operation = parse_command(command, values)
    return operation, [
        f"{diagnostic.severity}: {diagnostic.problem}; {diagnostic.remedy}" for diagnostic in report.diagnostics
    ]


def refused(command: str, **parameters: str) -> list[str]:
    operation, said = parsed(command, **parameters)
    assert operation is None
    return [message.removeprefix("error: ") for message in said]


def patching(containers: str) -> str:
    return f"""{PATCH} -p '{{"spec":{{"template":{{"spec":{{{containers}}}}}}}}}'"""


@pytest.mark.parametrize(
    "command",
    [
        "kubectl get events -n {namespace} --field-selector involvedObject.name={pod}",
        "kubectl get event --namespace {namespace} --field-selector=involvedObject.name={pod}",
        "kubectl get ev --namespace={namespace} --field-selector 'involvedObject.name={pod}'",
        'kubectl -n={namespace} get events --field-selector "involvedObject.name=={pod}"',
        "kubectl get -n{namespace} events --field-selector involvedObject.name={pod}",
        "kubectl get events \\\n  -n {namespace} \\\n  --field-selector involvedObject.name={pod}\n",
    ],
)
def test_the_spellings_of_one_query_are_one_operation(command: str) -> None:
    assert parsed(command) == (events_query("involvedObject.name={pod}"), [])


def test_the_terms_of_a_field_selector_keep_their_order_and_their_operators() -> None:
    operation, said = parsed(
        f"{EVENTS} --field-selector "
        "involvedObject.kind=Pod,type!=Normal,reason==BackOff,metadata.namespace={namespace}"
    )

    assert said == []
    assert operation == events_query(
        "involvedObject.kind=Pod", "type!=Normal", "reason=BackOff", "metadata.namespace={namespace}"
    )


@pytest.mark.parametrize(
    "command",
    [
        f"kubectl patch deployment {{deployment}} -n {{namespace}} -p '{IMAGE}'",
        f"kubectl patch deploy/{{deployment}} -n {{namespace}} --patch '{IMAGE}'",
        f"kubectl patch deployments.apps {{deployment}} -n {{namespace}} --patch='{IMAGE}' --type strategic",
        f"kubectl -n {{namespace}} patch deployment.apps/{{deployment}} --type=strategic -p'{IMAGE}'",
        (
            "kubectl patch deployment {deployment} -n {namespace} -p "
            "\"spec: {template: {spec: {containers: [{name: '{container}', image: nginx:1.27}]}}}\""
        ),
        (
            "kubectl patch deployment {deployment} -n {namespace} -p '\nspec:\n  template:\n    spec:\n      "
            "containers:\n"
            '      - name: "{container}"\n        image: nginx:1.27\n\''
        ),
    ],
)
def test_the_spellings_of_one_patch_are_one_operation(command: str) -> None:
    assert parsed(command) == (PATCHED, [])


def test_the_actions_own_parameters_are_filled_into_names_and_selectors_at_once() -> None:
    events, said = parsed(f"{EVENTS} --field-selector reason={{why}},involvedObject.name={{pod}}", why="BackOff")
    assert said == []
    assert events == events_query("reason=BackOff", "involvedObject.name={pod}")

    patch, said = parsed(
        patching('"containers":[{"name":"{which}","image":"nginx"},{"name":"sidecar","image":"envoy"}]'), which="app"
    )
    assert said == []
    assert patch == patch_operation({"app": "nginx", "sidecar": "envoy"})

    assert refused(
        patching('"containers":[{"name":"{which}","image":"nginx"},{"name":"app","image":"envoy"}]'), which="app"
    ) == ['the patch names the container "app" twice; name it once; a pod\'s containers have different names']


def test_literal_containers_and_init_containers_are_patched_where_they_are_named() -> None:
    operation, said = parsed(
        patching(
            '"containers":[{"name":"app","image":"{app}"}],"initContainers":[{"image":"busybox:{tag}","name":"setup"}]'
        ),
        app="registry.example:5000/shop/web@sha256:" + "0" * 64,
        tag="1.36",
    )

    assert said == []
    assert operation == patch_operation({"app": "{app}"}, {"setup": "busybox:{tag}"})


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (f"{EVENTS} | grep Failed", "| pipes into another command"),
        (f"{EVENTS} || true", "|| runs a command only where another fails"),
        (f"{EVENTS} && echo done", "&& runs several commands"),
        (f"{EVENTS}; echo done", "; runs several commands"),
        (f"{EVENTS} &", "& runs a command in the background"),
        (f"{EVENTS} > events.txt", "> redirects output"),
        (f"{EVENTS} < names.txt", "< redirects input"),
        ("kubectl get events -n $(kubens -c)", "$( runs a command within the command"),
        ("kubectl get events -n `kubens -c`", "a backtick runs a command within the command"),
        (f"{EVENTS}\nkubectl get events", "a line break runs several commands"),
        (f"{EVENTS} --field-selector involvedObject.name=web-*", "* is expanded to file names"),
        (f"{EVENTS} # the newest", "# starts a comment"),
        ("(kubectl get events)", "( starts a subshell"),
        ("~/bin/kubectl get events", "~ is expanded to a directory"),
    ],
)
def test_what_needs_a_shell_is_refused_with_its_reason(command: str, what: str) -> None:
    (message,) = refused(command)

    assert message.startswith(f"Runmend runs no shell: {what}; ")


def test_what_stands_in_single_quotes_is_data() -> None:
    (message,) = refused(f"{EVENTS} --field-selector 'reason=$(reboot); true | tee > x'")

    assert message == (
        "the value of reason: \"$(reboot); true | tee > x\" is not a word of letters, digits, '.', '_', '/' and '-'; "
        "write the value of reason that Kubernetes accepts"
    )


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        ("exec", "it runs a command inside a container, and nobody can tell what that changed"),
        ("edit", "it waits for a person at an editor"),
        ("debug", "it adds a container to the pod and waits for a person"),
        ("rsh", "it opens a shell inside a container"),
        ("cp", "it copies files into or out of a container"),
        ("attach", "it ties itself to a running process"),
        ("port-forward", "it opens a tunnel into the cluster and does not end"),
        ("proxy", "it opens the API server to this machine and does not end"),
    ],
)
def test_a_verb_that_can_never_be_a_typed_operation_is_refused_with_its_reason(verb: str, why: str) -> None:
    assert refused(f"kubectl {verb} {{pod}} -n {{namespace}}") == [
        f"kubectl {verb} is refused: {why}; write what should change; {LISTED}"
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", f"the command is empty; write a command; {LISTED}"),
        ("kubectl", f"the command has no verb; {LISTED}"),
        ("oc get events", "the command says no namespace; say it: -n {namespace}"),
        (
            "/usr/bin/kubectl get events",
            'the program "/usr/bin/kubectl" is not kubectl; write kubectl in its place',
        ),
        (
            "kubectl taint nodes {node} a=b",
            '"a=b" is no taint; write KEY=VALUE:NoSchedule, KEY:NoSchedule, KEY:NoSchedule- or KEY-',
        ),
        (
            "kubectl rollout undoo deployment/{deployment} -n {namespace}",
            f'the verb "rollout undoo" is not supported yet; did you mean kubectl rollout undo? {LISTED}',
        ),
        (
            "kubectl {verb} events",
            "the placeholder {verb} stands in the verb; write it out; a placeholder fills a value",
        ),
        (
            "kubectl get events --{flag} x",
            "the placeholder {flag} stands in a flag's name; write it out; a placeholder fills a value",
        ),
        ("kubectl get", "kubectl get names no resource; write kubectl get pod"),
        ("kubectl top pods -n {namespace}", f'the verb "top" is not supported yet; {LISTED}'),
        (
            f"{EVENTS} web-1.17",
            '"web-1.17" is one word too many; narrow the events with --field-selector involvedObject.name={pod}',
        ),
        ("kubectl get events", "the command says no namespace; say it: -n {namespace}"),
        (
            "kubectl get events -n shop",
            'the namespace is "shop"; write -n {namespace}: a run stays in its alert\'s namespace',
        ),
        ("kubectl get events -n", "the flag -n has no value; write one"),
        (f"{EVENTS} -n {{namespace}}", "the flag --namespace stands there twice; write it once"),
        (f"{EVENTS} -w", "the flag --watch is refused: a step ends; it does not watch; remove it"),
        (
            f"{EVENTS} -A",
            "the flag --all-namespaces is refused: a step does not leave the alert's namespace; write -n {namespace}",
        ),
        (f"{EVENTS} -p x", "--patch is not a flag of kubectl get events; remove it; known are -n and --field-selector"),
        (f"{EVENTS} --verbose", 'unknown flag "--verbose"; remove it; known are -n and --field-selector'),
        (
            f"{EVENTS} --context prod",
            (
                "the flag --context is refused: the worker decides which cluster it talks to, and as whom; remove "
                "it; set up the worker"
            ),
        ),
        (
            f"{EVENTS} --as=admin",
            (
                "the flag --as is refused: the worker acts under its own account; remove it; grant the worker's "
                "account what it needs"
            ),
        ),
        (
            f"{EVENTS} --field-selector status.phase=Pending",
            (
                'events cannot be selected by "status.phase"; use one of involvedObject.kind, '
                "involvedObject.namespace, "
                "involvedObject.name, involvedObject.uid, involvedObject.apiVersion, involvedObject.resourceVersion, "
                "involvedObject.fieldPath, reason, reportingComponent, source, type, metadata.name or "
                "metadata.namespace"
            ),
        ),
        (
            f"{EVENTS} --field-selector reason",
            (
                '"reason" is not a term of a field selector; '
                "write field=value or field!=value, separated by commas, such as involvedObject.name={pod}"
            ),
        ),
        (
            f"{EVENTS} --field-selector involvedObject.name={{pod}}-x",
            (
                'the placeholder {pod} is only a part of "{pod}-x"; write {pod} alone; a name is not put together '
                "from parts"
            ),
        ),
        (
            f"{EVENTS} --field-selector involvedObject.name={{container}}",
            "the value of involvedObject.name cannot be {container}; write {pod} or {deployment}, or a literal",
        ),
        (
            f"{EVENTS} --field-selector metadata.namespace=kube-system",
            (
                'the field metadata.namespace is "kube-system"; write metadata.namespace={namespace}: a run stays in '
                "its namespace"
            ),
        ),
        (
            f"{EVENTS} --field-selector type=Error",
            'the value of type: "Error" is not Normal or Warning; write the value of type that Kubernetes accepts',
        ),
        (
            f"{EVENTS} --field-selector involvedObject.name={{host}}",
            (
                "unknown placeholder {host}; known are {container}, {daemonset}, {deployment}, {namespace}, {node}, "
                "{pod}, {selector} and {statefulset}; or add - **host**: `value`"
            ),
        ),
        ("kubectl get events 'x", "a single quote is not closed; close it; within '…' every letter stands for itself"),
        (
            'kubectl get events "x',
            'a double quote is not closed; close it, or write \\" for a quote that is meant as one',
        ),
        ("kubectl get events \\", "the command ends in a backslash; remove it"),
    ],
)
def test_a_mistake_in_a_command_is_said(command: str, message: str) -> None:
    assert refused(command) == [message]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("kubectl patch", "kubectl patch names no resource; write kubectl patch deployment {deployment}"),
        (
            f"kubectl patch replicaset web -n {{namespace}} -p '{IMAGE}'",
            (
                "kubectl patch is not done to the kind ReplicaSet; it is done to deployment, statefulset, daemonset, "
                "node, cronjob, horizontalpodautoscaler, poddisruptionbudget, persistentvolumeclaim, service, ingress, "
                "networkpolicy, configmap, secret, serviceaccount, resourcequota, limitrange, role, rolebinding or any "
                "custom resource"
            ),
        ),
        (
            f"kubectl patch deployment -n {{namespace}} -p '{IMAGE}'",
            "the command names no Deployment; write kubectl patch deployment {deployment}",
        ),
        (
            f"kubectl patch deployment {{deployment}}-canary -n {{namespace}} -p '{IMAGE}'",
            (
                'the Deployment is "{deployment}-canary"; '
                "write {deployment}: a run changes its own target only, which nobody else changes meanwhile"
            ),
        ),
        (
            PATCH,
            (
                """the patch is missing; write -p '{"spec":{"template":{"spec":{"containers":"""
                """[{"name":"{container}","image":"{fallback_image}"}]}}}}'"""
            ),
        ),
        (
            f"{PATCH} --type=merge -p '{IMAGE}'",
            "--type merge replaces the whole list of containers; leave --type out; strategic is kubectl's default",
        ),
        (
            f"{PATCH} --dry-run=server -p '{IMAGE}'",
            (
                "the flag --dry-run is refused: whether anything is changed is not the command's to say; "
                "write mode: recommend in the front matter"
            ),
        ),
        (
            f"{PATCH} --force -p '{IMAGE}'",
            "the flag --force is refused: nothing is forced: a change that is refused fails the run; remove it",
        ),
        (
            f"{PATCH} -f patch.yaml",
            (
                "the flag --filename is refused: a plan holds all that it does, and no file is read later; write it "
                "into the command; a patch with -p"
            ),
        ),
        (f'{PATCH} -p \'{{"status":{{"replicas":3}}}}\'', f'the patch sets "status"; {ONLY}'),
        (f'{PATCH} -p \'{{"metadata":{{"name":"other"}}}}\'', f'the patch sets "metadata.name"; {ONLY}'),
        (
            patching('"containers":[{"name":"app","image":"nginx","$patch":"delete"}]'),
            (
                'the patch holds the directive "$patch" at spec.template.spec.containers[0]; '
                "remove it; nothing is deleted or replaced by a directive"
            ),
        ),
        (
            patching('"containers":[{"{key}":"app","name":"a","image":"b"}]'),
            "the placeholder {key} stands in a key of the patch; write it out; a placeholder fills a value",
        ),
        (
            patching('"containers":[{"image":"nginx"}]'),
            (
                "the patch's spec.template.spec.containers[0] has no name; name the container and its image: "
                """'{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}'"""
            ),
        ),
        (
            patching('"containers":[{"name":"app","image":""}]'),
            "the patch's spec.template.spec.containers[0].image is empty; write a value",
        ),
        (
            patching('"containers":[{"name":"app","image":{pod}}]'),
            'the patch\'s spec.template.spec.containers[0].image is a mapping, not text; put it in double quotes: "…"',
        ),
        (
            patching('"containers":[]'),
            "the patch's spec.template.spec.containers is empty; name the containers to patch, or leave it out",
        ),
        (
            patching('"containers":[{"name":"app","image":"a"},{"name":"app","image":"b"}]'),
            'the patch names the container "app" twice; name it once; a pod\'s containers have different names',
        ),
        (
            patching('"containers":[{"name":"{container}","image":"a"},{"name":"app","image":"b"}]'),
            "{container} stands beside other containers; write it alone: it means each container that is treated",
        ),
        (
            patching('"initContainers":[{"name":"{container}","image":"a"}]'),
            (
                "{container} stands under initContainers; write it under containers: "
                "it means each container that is treated, and goes under initContainers where it belongs"
            ),
        ),
        (
            patching('"containers":[{"name":"App","image":"a"}]'),
            (
                "a container's name: 'App' is not a DNS-1123 label: lower-case letters, digits and '-', a letter "
                "or digit at both ends; "
                "write a container's name that Kubernetes accepts"
            ),
        ),
        (
            patching('"containers":[{"name":"{pod}","image":"a"}]'),
            "a container's name cannot be {pod}; write {container}, or a literal",
        ),
        (
            patching('"containers":[{"name":"app","image":"registry.example/{container}:1"}]'),
            (
                'the placeholder {container} is only a part of "registry.example/{container}:1"; '
                "write {container} alone; a name is not put together from parts"
            ),
        ),
        (
            patching('"containers":[{"name":"app","image":"a","image":"b"}]'),
            (
                "the patch is neither JSON nor YAML: the key 'image' stands there twice; write it in single quotes: "
                """'{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}'"""
            ),
        ),
    ],
)
def test_a_mistake_in_a_patch_is_said(command: str, message: str) -> None:
    assert refused(command) == [message]


def test_a_literal_image_is_checked_when_the_runbook_is_compiled() -> None:
    (message,) = refused(patching('"containers":[{"name":"app","image":"Nginx"}]'))

    assert message.startswith("an image reference: 'Nginx': ")
    assert message.endswith("; write an image reference that Kubernetes accepts")


def test_a_patch_may_set_any_field_of_the_spec_its_labels_and_its_annotations() -> None:
    operation, said = parsed(
        f"""{PATCH} -p '{{"metadata":{{"labels":{{"tier":"web"}},"annotations":{{"seen":null}}}},"""
        """"spec":{"replicas":3,"paused":true,"template":{"spec":{"nodeName":"{node_name}"}}}}'""",
        node_name="n1",
    )

    assert said == []
    assert operation
    assert operation.arguments["body"] == {
        "metadata": {"labels": {"tier": "web"}, "annotations": {"seen": None}},
        "spec": {"replicas": 3, "paused": True, "template": {"spec": {"nodeName": "{node_name}"}}},
    }


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ('{"spec":{}}', 'a JSON patch is a list of steps; write -p \'[{"op":"replace","path":"/…","value":…}]\''),
        (
            '[{"op":"move","from":"/spec/a","path":"/spec/b"}]',
            'the step "move" is none of a JSON patch; write add, replace, remove or test',
        ),
        (
            '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"a"}]',
            (
                "--type json changes containers by their place in the list, which may be another one's by then; "
                "leave --type out; strategic is kubectl's default"
            ),
        ),
        (
            '[{"op":"remove","path":"/metadata/finalizers"}]',
            (
                'the patch sets "/metadata/finalizers"; remove it; what is under spec, labels or annotations may '
                "be patched"
            ),
        ),
    ],
)
def test_a_mistake_in_a_json_patch_is_said(steps: str, message: str) -> None:
    assert refused(f"{PATCH} --type json -p '{steps}'") == [message]


def test_flags_that_only_say_how_kubectl_prints_are_passed_over_with_a_warning() -> None:
    operation, said = parsed(f"{EVENTS} -o wide --sort-by=.lastTimestamp --no-headers")

    assert operation == events_query()
    assert said == [
        f"warning: the flag {flag} is not read: it only says how kubectl prints; remove it"
        for flag in ("--output", "--sort-by", "--no-headers")
    ]
