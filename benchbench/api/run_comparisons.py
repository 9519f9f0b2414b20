"""What a run says of its methods and metrics as a whole: their order, its stability, and who agrees with whom."""

from __future__ import annotations

import pandas as pd

from ..errors import BenchError
from ..results.disturbance_scores import read_trials
from ..results.record import with_network_rows, with_network_table
from ..stats import TOP, consistency, decay, health, method_agreement, overview, scales
from ..stats.metric_reliability import levels_of
from .run_contents import RunContents


class RunComparisons(RunContents):
    """The part of ``Run`` that ranks the methods over metrics, compares maps and metrics, and tests the metrics."""

    def ranking(self, family: str = "quality") -> pd.DataFrame:
        """One order of the methods over the metrics of quality: mean ranks and Bradley-Terry strengths with intervals.

        Quality is faithfulness and localisation, that is, what a map claims about the network and the object;
        robustness, randomisation, complexity, health, axioms and cost are ranked apart. Each family weighs the same,
        then each metric of a family. Networks with a warning (such as random weights) are left out, unless every
        network has one, and so are comparisons that a control wins.

        Args:
            family: ``quality``, or a family of metrics to rank by: ``faithfulness``, ``localisation``, ``robustness``,
                ``randomisation``, ``complexity``, ``health``, ``axioms`` or ``other``.

        Returns:
            One row per method, the best first: see ``benchbench.stats.overall``. Empty without two methods to rank.

        Raises:
            BenchError: there is no such family, or it is ``cost``, which has no values per image.
        """
        return self._verdicts.order(family).table.copy()

    def ranking_without(self, family: str = "quality") -> pd.DataFrame:
        """What ``ranking`` depends on: the order again without each family, metric, network and dataset.

        Args:
            family: as in ``ranking``.

        Returns:
            One row per thing left out and method: ``kind`` (``family``, ``metric``, ``network`` or ``dataset``),
            ``without``, the ``winner`` then, whether it ``differs``, and the ``rank`` of each ``method`` then. See
            ``benchbench.stats.leave_one_out``.

        Raises:
            BenchError: as in ``ranking``.
        """
        return self._verdicts.order(family).without.copy()

    def ranking_stability(self, family: str = "quality") -> pd.DataFrame:
        """Whether the order of the other methods stays without each method, and with each control of the run.

        A mean rank depends on which rivals there are. Controls that know the network's reasons or the object
        (``inverted``, ``oracle``, ...) are not added.

        Args:
            family: as in ``ranking``.

        Returns:
            One row per change: ``change`` (``without`` or ``with``), ``method``, how many ``pairs`` of the other
            methods there are, how many are ``reversed`` and which (``swapped``), the ``winner`` then, and whether the
            order ``stays``. See ``benchbench.stats.stability_table``.

        Raises:
            BenchError: as in ``ranking``.
        """
        return self._verdicts.order(family).stability.copy()

    def agreement(self) -> pd.DataFrame:
        """How alike every two metrics, and protocols of one, order the methods: Kendall's tau of their means.

        See ``benchbench.stats.agreement``; ``family`` and ``other_family`` are the metrics' families.

        Returns:
            One row per pair of metrics and setting.
        """
        return self._verdicts.board.agreement.copy()

    def method_agreement(self, top: float = TOP) -> pd.DataFrame:
        """How alike the maps of every two methods are: rank correlation, overlap of the tops, agreement in sign.

        Args:
            top: the share of a map's cells that are its top, in (0, 1]; the report has 10 %.

        Returns:
            One row per setting and pair of methods, controls too, with 95 % intervals over all images: see
            ``benchbench.stats.method_agreement``.

        Raises:
            BenchError: ``top`` is no such share.
        """
        if not 0 < top <= 1:
            raise BenchError(f"top is {top}", where="method_agreement", hint="Give a share of the cells, in (0, 1]")
        return method_agreement(with_network_rows(self.record), top)

    def gaps(self) -> pd.DataFrame:
        """By how much each method is better than its own inverted, blurred, ... map, under every metric.

        A metric that does not fall when a map is turned upside down does not measure where the map is high. The run has
        such controls if the study names them (``inverted:of=gradcam``), or says ``twins: [inverted, blurred]``.

        Returns:
            One row per comparison, method and control, with the paired difference and its 95 % interval, so that more
            is better for the method: see ``benchbench.stats.twin_gaps``. Empty without such controls.
        """
        return self._verdicts.gaps

    def decay(self) -> pd.DataFrame:
        """Whether each metric falls as maps are blended with noise: the run's methods ``noised`` at several shares.

        See ``benchbench.stats.decay``.

        Returns:
            One row per metric, setting and blended method, and one with an empty ``of`` for all of them. Empty without
            methods ``noised``.
        """
        levels = levels_of(self.record.info)
        return decay(
            self._verdicts.board.shown.results, levels, scales(self.record.info), int(self.record.info["seed"])
        )

    def consistency(self) -> pd.DataFrame:
        """Noise resilience and adversary reactivity of each metric: see ``benchbench.stats.consistency``.

        Returns:
            One row per metric, setting and ``on``: whether the input or the weights are disturbed.

        Raises:
            BenchError: the run was not made by ``Study.reliability``.
        """
        shown, trials = self._verdicts.board.shown.results, with_network_table(read_trials(self.folder))
        return consistency(shown, trials, scales(self.record.info), int(self.record.info["seed"]))

    def reliability(self) -> pd.DataFrame:
        """Which metrics are to be trusted on this network and data: see ``benchbench.stats.overview``.

        Returns:
            One row per metric and setting.

        Raises:
            BenchError: the run was not made by ``Study.reliability``.
        """
        return overview(self.decay(), self.consistency(), self._verdicts.board.gamed)

    def health(self) -> pd.DataFrame:
        """Per method: maps, failures, dead maps (the same everywhere), distinct values and ties.

        Returns:
            One row per method and setting.
        """
        return health(self.record.maps, self.record.results)

    def score_agreement(self) -> pd.DataFrame:
        """How much each metric's order of the methods depends on the score that they explain: Kendall's tau.

        See ``benchbench.stats.score_agreement``; no rows where the study has one score.

        Returns:
            One row per metric, setting and score.
        """
        return self._verdicts.board.score_agreement.copy()

    def score_places(self) -> pd.DataFrame:
        """Each method's place under each score that it explains: see ``benchbench.stats.score_places``.

        Returns:
            One row per metric, setting, method and score.
        """
        return self._verdicts.board.score_places.copy()
