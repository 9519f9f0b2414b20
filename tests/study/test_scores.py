"""The study's ``score``: which methods it makes of a list, their names, older spellings, and errors in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchbench.engine.model_survey import method_cautions
from benchbench.errors import BenchError
from benchbench.stats.metric_reliability import levels_of
from benchbench.study.identity import identity
from benchbench.study.item_text import items
from benchbench.study.scores import logit_alone
from benchbench.study.spec import MethodChoice, StudySpec, read_method
from benchbench.suites.reliability.levels import with_levels

BASE: dict[str, Any] = {"models": ["resnet18"], "datasets": ["photos"], "methods": ["gradcam"], "metrics": ["deletion"]}


def study(**keys: Any) -> StudySpec:
    return StudySpec(**{**BASE, **keys})


def labels(*methods: Any, **keys: Any) -> list[str]:
    return [choice.label for choice in study(methods=list(methods), **keys).methods]


def titles(*methods: Any, **keys: Any) -> list[str]:
    return [choice.title for choice in study(methods=list(methods), **keys).methods]


def test_the_logit_is_the_default_and_names_nothing() -> None:
    plain = study()
    assert (plain.score, plain.probability) == ("logit", "softmax")
    assert labels("gradcam", "rise", "random", score="logit") == ["gradcam", "rise", "random"]
    assert read_method({"name": "gradcam", "score": "logit"}).params == read_method("gradcam").params == {}


def test_a_single_score_is_that_of_every_method_that_reads_a_gradient() -> None:
    assert labels("cam", "gradcam", "random", score="contrast") == ["cam", "gradcam(score=contrast)", "random"]
    assert labels("gradcam", score=["rest"]) == ["gradcam(score=rest)"]


def test_a_list_makes_a_method_of_each() -> None:
    scores = ["logit", "probability", "contrast-weighted"]
    assert labels("cam", "gradcam++", "finercam", "center", score=scores) == [
        "cam", "gradcam++", "gradcam++(score=probability)", "gradcam++(score=contrast-weighted)", "finercam", "center",
    ]  # fmt: skip
    assert titles("gradcam", {"name": "smoothed", "of": "layercam", "samples": 2}, score="logit,probability") == [
        "Grad-CAM",
        "Grad-CAM (probability)",
        "Layer-CAM smoothed over noise (samples=2)",
        "Layer-CAM smoothed over noise (samples=2, probability)",
    ]


def test_a_method_may_name_its_own() -> None:
    listed = labels({"name": "gradcam", "score": "rest"}, "layercam", score=["logit", "contrast"])
    assert listed == ["gradcam(score=rest)", "layercam", "layercam(score=contrast)"]
    spelled = items("gradcam:score=probability,gradcam++:alpha=spatial-sum:score=rest")
    assert labels(*spelled) == ["gradcam(score=probability)", "gradcam++(alpha=spatial-sum, score=rest)"]
    assert labels({"name": "gradcam", "score": "logit"}, score="contrast") == ["gradcam"]


def test_a_parameter_called_score_takes_what_it_allows() -> None:
    assert labels("rise", score="logit") == ["rise"], "as its paper has it"
    assert labels("rise", "occlusion", score="probability") == ["rise", "occlusion(score=probability)"]
    both = labels("rise", "occlusion", score=["logit", "probability", "contrast"])
    assert both == ["rise(score=logit)", "rise", "occlusion", "occlusion(score=probability)"]
    assert labels("rise", score=["contrast", "rest"]) == ["rise"]


def test_controls_take_the_first_score() -> None:
    listed = labels("inverted", "dataset-mean", "random", score=["probability", "logit"])
    assert listed == ["inverted(score=probability)", "dataset-mean(score=probability)", "random"]


def test_a_user_s_name_names_the_score_of_a_list() -> None:
    mine = {"mine": "gradcam", "theirs": {"name": "rise", "masks": 9}}
    several = study(methods=mine, score=["logit", "probability"]).methods
    assert [choice.title for choice in several] == ["mine", "mine (probability)", "theirs", "theirs (probability)"]
    assert [choice.label for choice in study(methods=mine, score="contrast").methods] == ["mine", "theirs"]


def test_the_same_method_twice_is_refused() -> None:
    with pytest.raises(BenchError, match=r"'gradcam\(score=rest\)' is asked for twice"):
        labels("gradcam", {"name": "gradcam", "score": "rest"}, score=["logit", "rest"])


def test_a_choice_is_not_multiplied_again() -> None:
    first = study(methods=["gradcam"], score=["logit", "rest"])
    again = study(methods=first.methods, score=["logit", "rest"])
    assert [choice.label for choice in again.methods] == ["gradcam", "gradcam(score=rest)"]


@pytest.mark.parametrize("older", ["softmax", "sigmoid"])
def test_the_older_spelling_of_what_makes_probabilities(older: str) -> None:
    spec = study(score=older)
    assert (spec.probability, spec.score) == (older, "logit")
    assert study(score=older, probability=older).probability == older
    assert study(score="contrast", probability=older).score == "contrast"
    assert {"score": "logit", "probability": older}.items() <= study(score=older).plain().items()


def test_a_file_may_say_both(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "models: [resnet18]\ndatasets: [photos]\nmethods: [gradcam]\nmetrics: [deletion]\n"
        "probability: sigmoid\nscore: [logit, rest]\n",
        encoding="utf-8",
    )
    spec = StudySpec.from_yaml(path)
    assert (spec.probability, spec.score, len(spec.methods)) == ("sigmoid", ("logit", "rest"), 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"score": "probabilty"}, "score: unknown score 'probabilty'. Did you mean 'probability'"),
        ({"score": ["logit", "logit"]}, "score: logit is given twice"),
        ({"score": []}, "score: cannot read"),
        ({"score": 3}, "score: cannot read 3. Use logit, probability"),
        ({"score": ["logit", "sigmoid"]}, "sigmoid says what makes probabilities of logits.*probability: sigmoid"),
        ({"score": "sigmoid", "probability": "softmax"}, "score is sigmoid, which means probability: sigmoid"),
        ({"probability": "logit"}, "probability: Input should be 'softmax' or 'sigmoid'"),
        ({"methods": [{"name": "cam", "score": "rest"}]}, r"methods\[0\].score: cam has no score to choose"),
        ({"methods": [{"name": "gradcam", "score": "x"}]}, r"methods\[0\].score: unknown score 'x'"),
    ],
)
def test_errors_name_the_key_and_the_way_out(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        study(**keys)


def test_another_score_is_another_cell_and_the_logit_is_the_one_without() -> None:
    def of(item: Any) -> tuple[Any, ...]:
        choice: MethodChoice = read_method(item)
        return identity(choice.plugin, choice.params)

    assert of("gradcam") == of({"name": "gradcam", "score": "logit"})
    assert of("gradcam")[2] == {}, "as before there were scores"
    assert of("gradcam") != of({"name": "gradcam", "score": "rest"}) != of({"name": "gradcam", "score": "contrast"})


def test_a_blend_with_noise_has_the_score_of_the_method_that_it_blends() -> None:
    """What ``Study.reliability`` adds, and what it reads back from run.json."""
    blends = [
        choice
        for choice in with_levels(study(score=["logit", "rest"]), (0.0, 0.5, 1.0)).methods
        if choice.plugin.name == "noised"
    ]
    assert [choice.explains for choice in blends] == ["logit"] * 3 + ["rest"] * 3
    entries = [
        {"name": choice.label, "plugin": "noised", "parameters": {k: str(v) for k, v in choice.params.items()}}
        for choice in blends
    ]
    read = levels_of({"methods": entries})
    assert [name for name, _ in read.values()] == ["gradcam"] * 3 + ["gradcam(score=rest)"] * 3
    assert len(read) == 6


@pytest.mark.parametrize("score", ["probability", ["logit", "contrast"]])
def test_a_librarys_method_takes_no_score_and_the_run_says_so(score: Any) -> None:
    names = ["torchcam:GradCAM", {"name": "blurred", "of": "captum:Saliency"}, "pytorch-grad-cam:RandomCAM", "gradcam"]
    keys: dict[str, Any] = {"models": ["resnet18"], "datasets": ["shapes"], "metrics": ["deletion"]}
    study = StudySpec(**keys, methods=names, score=score)
    assert "torchcam:GradCAM" in [choice.label for choice in study.methods], "it is in the study once, as it is"
    word = "probability" if score == "probability" else "contrast"
    told = [each for each in method_cautions(study) if "take no score" in each]
    assert told == [
        f"torch-cam GradCAM explains the target's logit, and not {word}: the methods of other libraries take no score"
    ]
    wrapped = StudySpec(**keys, methods=["torchcam:GradCAM", {"name": "sess", "of": "captum:Saliency"}], score=score)
    assert "torch-cam GradCAM and " in logit_alone(wrapped.methods, wrapped.score)[0]
    assert not logit_alone(study.methods, "logit")
    assert not logit_alone(StudySpec(**keys, methods=["gradcam"], score=score).methods, study.score)
