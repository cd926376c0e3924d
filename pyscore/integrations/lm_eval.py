"""lm-evaluation-harness: the model "pyscore" for its runs, and `rescore` for the samples that they log.

Importing this registers the model. ``python -m pyscore.integrations.lm_eval`` is the command ``lm_eval`` with it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pyscore.integrations.lm_eval_samples import Rescored, rescore

if TYPE_CHECKING:
    from pyscore.integrations.lm_eval_model import PyscoreLM
    from pyscore.integrations.lm_eval_sources import SourceLM

__all__ = ["MODEL_NAME", "PyscoreLM", "Rescored", "SourceLM", "main", "register", "rescore"]

MODEL_NAME = "pyscore"
"""What ``--model`` calls it."""

_MODELS = {
    "PyscoreLM": "pyscore.integrations.lm_eval_model",
    "SourceLM": "pyscore.integrations.lm_eval_sources",
}


def register() -> None:
    """Make the model known to lm-evaluation-harness; its class is imported when a run asks for it.

    Raises:
        ImportError: lm-evaluation-harness isn't installed.
    """
    _require_lm_eval()
    import_module("lm_eval.models")  # its own models, which it registers by itself only while there are no others
    from lm_eval.api.registry import model_registry

    if MODEL_NAME not in model_registry:
        model_registry.register(MODEL_NAME, target="pyscore.integrations.lm_eval:PyscoreLM")


def main() -> None:
    """The command line of lm-evaluation-harness, with the model registered."""
    register()
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


def _require_lm_eval() -> None:
    if find_spec("lm_eval") is None:
        raise ImportError('the model "pyscore" needs lm-evaluation-harness: pip install "pyscore-engine[lm-eval]"')


def __getattr__(name: str) -> Any:
    if name not in _MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _require_lm_eval()
    return getattr(import_module(_MODELS[name]), name)


# without lm-evaluation-harness there is nothing to register with, and `rescore` needs none of it
if find_spec("lm_eval") is not None:
    register()

if __name__ == "__main__":
    main()
