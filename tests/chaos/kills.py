"""kill -9 of every program, at random moments."""

from __future__ import annotations

from tests.chaos.faults import strike_while_fed, strikes
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, records
from tests.chaos.scene import scene
from tests.chaos.slack import not_up_to_date
from tests.chaos.tuning import Tuning

WORKERS = 3
"""Of each program; two are enough for one to take over."""


def _run(scale: Scale) -> Verdict:
    emitted = records(scale.seed, scale.of(2_500, 200_000), UNTIDY)
    kills = scale.of(8, 30)
    with scene(Tuning(session_s=scale.of(3, 10))) as stage:
        stage.staffed(scale.of(2, WORKERS))
        planned = strikes(scale.seed, sorted(stage.crew.workers), kills)
        with Feed(stage.site.broker, emitted, rate=scale.of(80, 800)) as feed:
            killed = strike_while_fed(stage.crew, feed, planned)
            say(f"{killed} kills done")
            found = stage.judged(feed, scale.of(200, 1_800), told=not scale.quick)
    wrong = (*found.wrong, *(() if scale.quick else not_up_to_date(found.logs)))
    return Verdict(not wrong, f"{killed} kills in {len(emitted):,} events, {found.figure}", wrong)


LINE = Line(
    "kills",
    "kill -9 of every program at random moments, 3 workers each (quick: 2)",
    "30 kills in 200,000 events (quick: 8 in 2,500): equal, nothing twice",
    _run,
)
