"""The faults: each function makes one, waits until it is over, and returns what came of it in a few words."""

import contextlib
import json
import re
import time

from benchmarks.chaos.checks import find_lost
from tsforecast.errors import UserError

FULL_SECONDS = 4.0
JUMPS = {
    "30 days ahead": 30 * 86_400,
    "30 days back": -30 * 86_400,
    "an hour ahead": 3600,
    "an hour back": -3600,
}


def swap(world):
    """Promote another sound version, or go back to the one before."""
    before = world.registry.champion_name()
    if world.random.random() < 0.3 and len(world.registry.moves()) > 1:
        with contextlib.suppress(UserError):  # nothing before it
            world.registry.rollback("chaos: a rollback")
    if world.registry.champion_name() == before:
        names = [name for name in sound_versions(world) if name != before]
        world.registry.promote(world.random.choice(names), "chaos: a swap")
    return f"{before} to {world.wait_for_champion()}"


def retrain(world):
    """Retrain with the rows received, and put the result in service if it is better."""
    outcome = read_outcome(world.start_retraining())
    world.wait_for_champion()
    return outcome


def retrain_twice(world):
    """Start two retraining runs at the same time; the later one continues from the result of the earlier one."""
    before = {version.name for version in world.registry.versions()}
    processes = [world.start_retraining() for _ in range(2)]
    outcomes = [read_outcome(process) for process in processes]
    world.wait_for_champion()
    new = [version for version in world.registry.versions() if version.name not in before]
    parents = [version.manifest["lineage"]["parent"] for version in new]
    assert len(set(parents)) == len(parents), f"two versions were made of {parents[0]}"
    return " and ".join(sorted(outcomes))


def kill_retraining(world):
    """Kill a retraining run at a random moment."""
    before = world.registry.champion_name()
    process = world.start_retraining()
    time.sleep(world.random.uniform(1.0, 14.0))
    process.kill()
    process.communicate()
    world.registry.champion().check()
    after = world.wait_for_champion()
    return "before its promotion" if before == after else "after its promotion"


def kill_service(world):
    """Kill the service."""
    with world.restarting():
        pass
    return check_acknowledged(world)


def kill_on_full_disk(world):
    """Fill the disk, kill the service, and make room once it has tried to start."""
    with world.ledger.excuse("full disk"), world.ledger.excuse("restart"):
        with world.disk.full(world.service.process):
            time.sleep(1.0)
            world.kill_service()
            time.sleep(1.0)
            world.service = None
            failed = world.start("job=serve", f"registry.path={world.registry.path}", "serve.port=0")
            time.sleep(2.0)
        failed.kill()
        failed.communicate()
        world.start_service()
        wait_for_disk(world)
    return check_acknowledged(world)


def fill_disk(world):
    """Fill the disk for some seconds."""
    with world.ledger.excuse("full disk"):
        with world.disk.full(world.service.process):
            time.sleep(FULL_SECONDS)
        wait_for_disk(world)
    return check_acknowledged(world)


def retrain_on_full_disk(world):
    """Retrain while the disk is full."""
    before = world.registry.champion_name()
    with world.ledger.excuse("full disk"):
        with world.disk.full(world.service.process):
            process = world.start_retraining()
            output, _ = process.communicate(timeout=300)
        wait_for_disk(world)
    assert "Traceback" not in output, output[-600:]
    assert world.registry.champion_name() == before, "the champion changed on a full disk"
    return "refused, the disk is full" if "is full" in output else output.strip().splitlines()[-1][:60]


def jump_clock(world):
    """Let the clock jump, and put it right after some seconds."""
    words = world.random.choice(list(JUMPS))
    try:
        world.set_clock(JUMPS[words])
        time.sleep(world.random.uniform(2.0, 5.0))
        swap(world)
    finally:
        world.set_clock(0)
    return words


def damage_champion(world):
    """Promote a sound version whose file is damaged before it is loaded: the old model stays in service."""
    active = world.serving()[0]
    name = world.random.choice([name for name in sound_versions(world) if name != active])
    file = world.registry.version(name).model
    content = file.read_bytes()
    file.chmod(0o644)
    try:
        world.registry.promote(name, "chaos: will be damaged")
        file.write_bytes(content[: len(content) // 2])
        time.sleep(3.0)
        serving, trouble = world.serving()
        loaded_before = serving == name  # it was quicker than the damage
        assert loaded_before or (serving == active and trouble), f"{serving} in service, {trouble}"
        world.registry.rollback("chaos: the champion is damaged")
    finally:
        file.write_bytes(content)
        file.chmod(0o444)
    world.wait_for_champion()
    return "loaded before" if loaded_before else "the old one stayed"


def promote_garbage(world):
    """Promote a version that is registered as it should be, and cannot be loaded."""
    active, champion = world.serving()[0], world.registry.champion()
    bad = world.folder / "model.keras"
    bad.write_bytes(world.random.randbytes(5000))
    version = world.registry.add(
        bad, config=champion.config.read_text(), result=champion.result(), lineage={"kind": "garbage"}
    )
    world.registry.promote(version.name, "chaos: cannot be loaded")
    world.wait_until(lambda: world.serving()[1] is not None, 20, "nobody complains of garbage")
    assert world.serving()[0] == active, f"{world.serving()[0]} in service instead of {active}"
    world.registry.rollback("chaos: the champion cannot be loaded")
    world.wait_for_champion()
    return "the old one stayed"


def damage_alias(world):
    """Damage champion.json, and restore it: the model stays in service."""
    active, content = world.serving()[0], world.registry.alias.read_bytes()
    try:
        world.registry.alias.write_bytes(content[: world.random.randrange(len(content))])
        time.sleep(2.0)
        assert in_service(world) == active, f"{in_service(world)} in service instead of {active}"
    finally:
        world.registry.alias.write_bytes(content)
    world.wait_for_champion()
    return "the old one stayed"


EVENTS = (
    swap,
    kill_service,
    fill_disk,
    jump_clock,
    retrain,
    damage_champion,
    kill_retraining,
    promote_garbage,
    retrain_twice,
    damage_alias,
    kill_on_full_disk,
    retrain_on_full_disk,
)


def in_service(world):
    """Return the version that answers, also while the registry cannot be read."""
    status, content = world.client.send("/readyz")
    return json.loads(content)["version"] if status == "200" else status


def sound_versions(world):
    """Return the names of the versions that can be loaded."""
    versions = world.registry.versions()
    return [version.name for version in versions if version.manifest["lineage"].get("kind") != "garbage"]


def read_outcome(process):
    """Wait for a retraining run; return its outcome."""
    output, _ = process.communicate(timeout=300)
    if process.returncode == 2 and "Another run retrains" in output:
        return "waited in vain"
    match = re.search(r"^(promoted|refused|nothing new): ", output, re.MULTILINE)
    message = f"retraining ended with {process.returncode}: {output[-600:]}"
    assert process.returncode == 0, message
    assert match, message
    return match[1]


def wait_for_disk(world):
    """Wait until the service stores again."""

    def is_stored():
        world.traffic.send_rows(world.traffic.take_rows(1))
        return not world.traffic.again

    world.wait_until(is_stored, 10, "The service did not store again within 10 s after there was room.")


def check_acknowledged(world):
    """Compare the journal with what was acknowledged."""
    lost = find_lost(world)
    assert not any(lost.values()), f"lost: { {name: sorted(items)[:3] for name, items in lost.items()} }"
    return "nothing lost"
