"""The answer of the suite ``sanity`` in words: a sentence, findings, and the known criticism."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ...formatting import join_words, plural
from ...results.record import Record
from ...results.suite_answer import SuiteAnswer
from ...study.spec import StudySpec
from .label_similarities import LabelSimilarities
from .map_similarities import MEASURES, SETTING
from .tables import charts, stage_table, test_table
from .verdicts import OVERALL, QUESTIONS, TEST_QUESTIONS, SanityVerdicts

NOTES = (
    "To pass is necessary and not sufficient. Noise that changes with the weights passes every test and explains "
    "nothing (Binder et al. 2023, arXiv:2211.12486): do not rank methods by these scores.",
    "The order of layers. If layers are randomised from the logits down, the activations of lower layers stay, so that "
    "maps change less than one may expect (Binder et al. 2023). The curves depend on this order. The score of “Random "
    "weights” does not: in it every weight is random.",
    "The measure and the scale. Whether the sign of a map counts, and which pixels are compared, decides how similar "
    "maps are (Sundararajan and Taly 2018, arXiv:1806.04205); maps are noisy, and measures of similarity are biased "
    "(Hedstroem et al. 2024, arXiv:2401.06465). Here maps are compared as the method returns them, with their sign, "
    "and a map that turns upside down counts as another map. The table has both Spearman and SSIM.",
    "The task. If the object is all that a picture shows, the right map may be the same for a random network. A "
    "failure is then due to the data and not to the method (Yona and Greenfeld 2021, arXiv:2110.14297).",
    "Each test has one draw of weights, and one network that learned random labels. The intervals are over images.",
)


GROUPS = {  # by the verdict in all settings together, the verb for one method and for several, and its object
    "passes": (("passes", "pass"), "every sanity check that applies"),
    "fails": (("fails", "fail"), "at least one"),
    "open": (("is", "are"), "not clear"),
}


def sanity_answer(
    study: StudySpec, record: Record, similarities: pd.DataFrame, labels: LabelSimilarities, similarity: str
) -> SuiteAnswer:
    """The suite's answer.

    Args:
        study: which has run.
        record: the run.
        similarities: of ``run_similarities``.
        labels: the label test, for its reasons.
        similarity: spearman or ssim, which decides.
    """
    verdicts = {
        measure: pd.DataFrame(SanityVerdicts(study, record, similarities, labels, measure).rows())
        for measure in MEASURES
    }
    tests = test_table(study, record, similarities)
    stages = stage_table(study, similarities, similarity)
    return SuiteAnswer(
        sentence(study, verdicts[similarity], MEASURES[similarity]),
        QUESTIONS,
        verdicts[similarity],
        tuple(findings(study, verdicts, similarity)),
        NOTES,
        (tests, stages),
        charts(),
    )


def sentence(study: StudySpec, verdicts: pd.DataFrame, measure: str) -> str:
    """The answer in a few sentences that may be quoted, with numbers, data and networks.

    Args:
        study: which has run.
        verdicts: all rows.
        measure: of similarity, as reports call it.
    """
    titles = {choice.label: choice.title for choice in study.methods}
    controls = {choice.label for choice in study.methods if choice.plugin.control}
    rows = verdicts[(verdicts["question"] == OVERALL.name) & (verdicts["status"] == "ok")]
    methods, baselines = rows[~rows["method"].isin(controls)], rows[rows["method"].isin(controls)]
    networks = join_words(choice.title for choice in study.models)
    data = join_words(choice.title for choice in study.datasets)
    if not len(methods):
        return f"No method could be tested on {networks} with images of {data}."
    groups: dict[str, list[str]] = {}
    for method, each in methods.groupby("method", sort=False):
        groups.setdefault(_together(list(each["passes"])), []).append(titles[str(method)])
    parts = [_of_group(word, groups[word]) for word in GROUPS if word in groups]
    start = f"On {networks} with {plural(int(methods['n'].max()), 'image')} of {data}, {'; '.join(parts)}."
    highest = f"; the highest score of a control is {baselines['score'].max():.2f}" if len(baselines) else ""
    return (
        f"{start} A method passes a check if 1 minus the mean similarity ({measure}) of its maps before and after is "
        f"above {OVERALL.threshold:g}{highest}."
    )


def _of_group(word: str, names: Sequence[str]) -> str:
    """``Grad-CAM and Layer-CAM fail at least one``."""
    verb, ending = GROUPS[word]
    return f"{join_words(names)} {verb[len(names) > 1]} {ending}"


def _together(passes: Sequence[Any]) -> str:
    """The verdict on one method in all settings."""
    if any(pd.notna(each) and not each for each in passes):
        return "fails"
    return "open" if any(pd.isna(each) for each in passes) else "passes"


def findings(study: StudySpec, verdicts: Mapping[str, pd.DataFrame], similarity: str) -> Iterator[str]:
    """Which methods fail which test, and what the other measure would say.

    Args:
        study: which has run.
        verdicts: by spearman and ssim, all rows.
        similarity: which of them decides.
    """
    titles = {choice.label: choice.title for choice in study.methods}
    rows = verdicts[similarity]
    controls = {choice.label for choice in study.methods if choice.plugin.control}
    for question in TEST_QUESTIONS:
        asked = rows[(rows["question"] == question.name) & (rows["status"] == "ok") & ~rows["method"].isin(controls)]
        failing = asked[asked["passes"].eq(False)].groupby("method", sort=False).size()
        if len(failing):
            settings = asked.groupby("method").size()
            counts = [(str(method), count) for method, count in failing.items()]
            failed = [f"{titles[method]} ({count} of {settings[method]})" for method, count in counts]
            verb = "fails" if len(failed) == 1 else "fail"
            yield f"“{question.title}”, in brackets the number of settings: {join_words(failed)} {verb}."
        elif len(asked):
            yield f"“{question.title}”: no method fails."
    other = next(measure for measure in MEASURES if measure != similarity)
    first, second = (_overall(verdicts[measure], controls) for measure in (similarity, other))
    both = first.index.intersection(second.index)
    turned = [key for key in both if _together([first[key]]) != _together([second[key]])]
    if len(both):
        names = join_words(dict.fromkeys(titles[str(key[3])] for key in turned))
        more = f" ({names})" if turned else ""
        yield (
            f"With {MEASURES[other]} in place of {MEASURES[similarity]}, {len(turned)} of the {len(both)} verdicts "
            f"over all tests would change{more}."
        )


def _overall(verdicts: pd.DataFrame, without: Collection[str]) -> pd.Series:
    """Whether each method passed all tests, by setting and method."""
    rows = verdicts[(verdicts["question"] == OVERALL.name) & (verdicts["status"] == "ok")]
    return rows[~rows["method"].isin(without)].set_index(SETTING)["passes"]
