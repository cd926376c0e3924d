"""Records of Every Eval Ever, the schema 0.3.0 of https://github.com/evaleval/every_eval_ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyscore._version import __version__
from pyscore.integrations.interchange.results import Details, Result, RunResults, number

__all__ = ["is_record", "read_record", "record"]

_SCHEMA_VERSION = "0.3.0"
_RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
_DEPLOYMENTS = ("self_deployed", "externally_managed", "unknown")
_AVAILABILITIES = ("open_weights", "closed_weights", "unknown")
_DESCRIPTIONS = {
    "mean_probability": "average share of the compared answers' probability that falls on the matching answer",
    "preference_rate": "share of questions whose matching answer is likelier than the others",
}


def record(run: RunResults, given: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """The record of a run; ``seconds`` since 1970 are when it is made.

    Raises:
        ValueError: a detail is missing, unknown, or none of those that the schema has.
    """
    details = Details(given, "every-eval-ever")
    lower = details.one_of("lower_is_better", ("true", "false"), "false") == "true"
    source = {
        "source_name": "pyscore",
        "source_type": "evaluation_run",
        "source_organization_name": details.required("organization", "the name of who evaluated"),
        "source_organization_url": details.optional("organization_url"),
        "evaluator_relationship": details.one_of("relationship", _RELATIONSHIPS),
    }
    model = {
        "name": run.model,
        "id": details.optional("model_id") or run.model,
        "developer": details.optional("developer"),
        "inference_engine": _engine(run.conditions),
        "additional_details": _texts(
            {
                "deployment_type": details.one_of("deployment", _DEPLOYMENTS, "unknown"),
                "model_availability": details.one_of("availability", _AVAILABILITIES, "unknown"),
                "revision": run.revision,
                "step": run.step,
            }
        ),
    }
    dataset = {"url": details.optional("dataset_url"), "hf_repo": details.optional("dataset_id")}
    collection = details.optional("name") or "pyscore"
    details.check_all_asked()
    return {
        "schema_version": _SCHEMA_VERSION,
        "evaluation_id": f"{collection}/{model['id']}/{seconds:.6f}",
        "retrieved_timestamp": f"{seconds:.6f}",
        "source_metadata": _present(source),
        "eval_library": {
            "name": "pyscore",
            "version": run.conditions.get("pyscore_version", __version__),
            "additional_details": _texts(run.conditions),
        },
        "model_info": _present(model),
        "evaluation_results": [_result(run, each, dataset, lower) for each in run.results],
    }


def is_record(values: Mapping[str, Any]) -> bool:
    """Whether an object of JSON is such a record, of any version of the schema."""
    return "evaluation_results" in values and "schema_version" in values


def read_record(values: Mapping[str, Any]) -> list[Result]:
    """The results of a record, whoever wrote it; a metric is called by its id, else its name, else the evaluation's.

    Raises:
        ValueError: a part is missing or of another type.
    """
    info = values.get("model_info")
    model = info.get("id") or info.get("name") if isinstance(info, dict) else None
    found = values["evaluation_results"]
    if not isinstance(found, list):
        raise ValueError("'evaluation_results' must be a list")
    return [_read(each, model, f"evaluation_results[{i}]") for i, each in enumerate(found)]


def _read(each: Any, model: str | None, where: str) -> Result:
    if not isinstance(each, dict):
        raise ValueError(f"{where} must be an object, found {type(each).__name__}")
    score, metric, data = (_object(each, name) for name in ("score_details", "metric_config", "source_data"))
    uncertainty = _object(score, "uncertainty")
    error, interval = _object(uncertainty, "standard_error"), _object(uncertainty, "confidence_interval")

    def optional(values: Mapping[str, Any], name: str) -> float | None:
        return None if values.get(name) is None else number(values[name], f"{where}: {name}")

    name = metric.get("metric_id") or metric.get("metric_name") or each.get("evaluation_name")
    n = uncertainty.get("num_samples")
    return Result(
        model,
        str(data.get("dataset_name") or each.get("evaluation_name")),
        str(name).removeprefix("pyscore."),
        number(score.get("score"), f"{where}: score"),
        optional(error, "value"),
        optional(interval, "lower"),
        optional(interval, "upper"),
        optional(interval, "confidence_level"),
        n if isinstance(n, int) else None,
    )


def _object(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _result(run: RunResults, result: Result, dataset: Mapping[str, str | None], lower: bool) -> dict[str, Any]:
    name = result.metric.replace("_", " ")
    return {
        "evaluation_result_id": f"{result.dataset}/{result.metric}",
        "evaluation_name": f"{result.dataset}, {name}",
        "source_data": _source_data(result, dataset),
        "metric_config": {
            "evaluation_description": _DESCRIPTIONS[result.metric],
            "metric_id": f"pyscore.{result.metric}",
            "metric_name": name,
            "metric_kind": result.metric,
            "metric_unit": "proportion",
            "metric_parameters": dict(run.comparison),
            "lower_is_better": lower,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
            "additional_details": {"signature": run.signature},
        },
        "score_details": {
            "score": result.value,
            "details": _texts({"no_interval": result.reason or None, "clusters": result.n_clusters}),
            "uncertainty": _uncertainty(result),
        },
        "generation_config": {
            "generation_args": _present({"prompt_template": run.conditions.get("template")}),
            "additional_details": _texts({key: run.conditions.get(key) for key in ("dtype", "device", "choices")}),
        },
    }


def _uncertainty(result: Result) -> dict[str, Any]:
    way = "analytic" if result.n_clusters is None else "cluster-robust"
    interval = {"lower": result.low, "upper": result.high, "confidence_level": result.confidence}
    return _present(
        {
            "standard_error": None if result.stderr is None else {"value": result.stderr, "method": way},
            "confidence_interval": None if result.low is None or result.high is None else interval,
            "num_samples": result.n,
        }
    )


def _source_data(result: Result, dataset: Mapping[str, str | None]) -> dict[str, Any]:
    named: dict[str, Any] = {"dataset_name": result.dataset}
    if dataset["hf_repo"]:
        count = {} if result.n is None else {"samples_number": result.n}
        return named | {"source_type": "hf_dataset", "hf_repo": dataset["hf_repo"]} | count
    if dataset["url"]:
        return named | {"source_type": "url", "url": [dataset["url"]]}
    return named | {"source_type": "other"}


def _engine(conditions: Mapping[str, str]) -> dict[str, str]:
    """What ran the model: the source's word for it, else pyscore itself."""
    name, _, version = conditions.get("engine", f"pyscore {__version__}").partition(" ")
    return {"name": name} | ({"version": version} if version else {})


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}
