"""RB_IMAGEPULL on a real cluster: what is broken, and how the run ends."""

import pytest

from tests.e2e.shop import FALLBACK, Shop


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("why", ["missing", "unauthorized", "unreachable"])
async def test_it_resolves_and_names_the_cause(shop: Shop, why: str, replicas: int) -> None:
    broken = shop.deploy(images={"app": f"registry.example/app:{why}"}, replicas=replicas)
    result = await shop.resolved(broken)
    assert result.settled
    assert shop.images() == {"app": FALLBACK}
