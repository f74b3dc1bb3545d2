"""Models, runs and data as W&B artifacts: versions, aliases, lineage and links to a registry."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsforecast.files import to_plain
from tsforecast.tracking.artifacts import Artifact

if TYPE_CHECKING:
    import wandb

CHAMPION = "champion"
BEST = "best"
UPLOAD_SECONDS = 60  # that a link waits for the upload of its files


def log(run: "wandb.Run", artifact: Artifact, registry: str | None = None) -> None:
    """Log files as a version with the aliases ``latest``, the run's id and, if it is, ``best``.

    Equal files are one version, whichever run logs them. Offline, nothing is known of other versions: no version
    becomes ``best`` or is linked.

    Args:
        run: Open run.
        artifact: Files to log.
        registry: Registry to which a champion is linked; None for none.
    """
    import wandb

    facts: dict[str, Any] = {"question": artifact.question, "score": artifact.score, **artifact.metadata}
    logged = wandb.Artifact(artifact.name, type=artifact.kind, metadata=to_plain(facts))
    for file in artifact.files:
        # A model has one name in a run and another in the registry, and is to be one version.
        name = f"model{file.suffix}" if artifact.kind == "model" else file.name
        logged.add_file(str(file), name=name, skip_cache=True)
    aliases = ["latest", run.id]
    if artifact.champion is not None:
        aliases = [CHAMPION, artifact.champion]
    elif not run.settings._offline and _is_best(run, artifact):
        aliases.append(BEST)
    logged = run.log_artifact(logged, aliases=aliases)
    if artifact.champion is not None and registry and not run.settings._offline:
        logged.wait(timeout=UPLOAD_SECONDS)
        run.link_artifact(logged, f"{registry}/{artifact.name}", aliases=[CHAMPION, artifact.champion])
    if artifact.replaces not in (None, artifact.name) and not run.settings._offline:
        # Aliases are unique within a collection only, and each model has its own.
        _remove_champion(f"{run.entity}/{run.project}/{artifact.replaces}")
        if registry:
            _remove_champion(f"{registry}/{artifact.replaces}")


def _is_best(run: "wandb.Run", artifact: Artifact) -> bool:
    """Return whether no earlier version that answers the same question has a lower validation error."""
    import wandb

    if artifact.score is None:
        return False
    try:
        best = wandb.Api().artifact(f"{run.entity}/{run.project}/{artifact.name}:{BEST}").metadata
    except Exception:  # there is none yet
        return True
    score = best.get("score")
    return score is None or best.get("question") != artifact.question or artifact.score < score


def _remove_champion(collection: str) -> None:
    """Take the alias ``champion`` from the version of a collection that has it, if there is one."""
    import wandb

    try:
        earlier = wandb.Api().artifact(f"{collection}:{CHAMPION}")
    except Exception:  # there is none
        return
    try:
        earlier.aliases.remove(CHAMPION)
        earlier.save()
    except Exception as error:  # for example without the right to change it; the new champion is logged
        print(f"W&B: {collection} keeps the alias {CHAMPION} ({error}); remove it there.", flush=True)


def use_data(run: "wandb.Run", name: str, digest: str, facts: Mapping[str, object]) -> None:
    """Record data as an input of a run.

    Args:
        run: Open run.
        name: Name of the data.
        digest: Hash of their content.
        facts: What to store with them.
    """
    import wandb

    data = wandb.Artifact(name, type="dataset", metadata=to_plain(facts))
    data.add_reference(f"tsforecast://{digest}", name=name, checksum=False)
    if run.settings._offline:  # use_artifact refuses; the record is the same, for 'wandb sync'
        run._log_artifact(data, aliases=["latest"], is_user_created=True, use_after_commit=True)
    else:
        run.use_artifact(data, aliases=["latest"])
