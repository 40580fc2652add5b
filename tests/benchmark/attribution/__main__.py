"""Attribution against its competitors: `python -m tests.benchmark.attribution [synthetic|real|traces|all]`.

`--quick` takes two minutes on two idle processors, everything an hour and a half. `--draws` is how often each synthetic
cell of ten endpoints is drawn; those of 100 and 500 a fifth and a fiftieth as often, and of that a fifth where there is
noise. What is measured is kept in results/benchmark/: a stopped run goes on, and synthetic cells are drawn again once
the code that decides has changed. `--fresh` begins anew. `--cell NAME --draw N` shows one draw of a cell, to see what
went wrong.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmark.attribution import real, synthetic, traces
from tests.benchmark.attribution.cells import all_cells, quick_cells
from tests.benchmark.attribution.draws import conducted, seed_of
from tests.benchmark.attribution.report import write_report
from tests.benchmark.attribution.table import analysis_version

PARTS = ("synthetic", "traces", "real")
QUICK_DRAWS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=(*PARTS, "all"), default="all")
    parser.add_argument("--quick", action="store_true", help="a few cells, one seed")
    parser.add_argument("--draws", type=int, help=f"draws of a synthetic cell (1000; {QUICK_DRAWS} with --quick)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured of these parts")
    parser.add_argument("--cell", default="", help="only the synthetic cells whose name has this in it")
    parser.add_argument("--draw", type=int, help="show this draw of --cell")
    parser.add_argument("--hidden", action="store_true", help="show it by container memory alone")
    arguments = parser.parse_args()
    if arguments.draw is not None:
        return show_draw(arguments.cell, arguments.draw, hidden=arguments.hidden)
    for part in PARTS if arguments.part == "all" else (arguments.part,):
        run_part(part, arguments)
    print(write_report(quick=arguments.quick))
    return 0


def run_part(part: str, arguments: argparse.Namespace) -> None:
    if arguments.fresh:
        forget(part, quick=arguments.quick)
    if part == "synthetic":
        cells = quick_cells() if arguments.quick else all_cells()
        chosen = [cell for cell in cells if arguments.cell in cell.name]
        draws = arguments.draws or (QUICK_DRAWS if arguments.quick else 1000)
        file = synthetic.results_file(quick=arguments.quick)
        synthetic.run_cells(chosen, draws, analysis_version(), file=file, told=tell)
    elif part == "traces":
        traces.run()
    else:
        real.run(quick=arguments.quick, told=tell)


def forget(part: str, *, quick: bool) -> None:
    files = {"synthetic": synthetic.results_file(quick=quick), "real": real.results_file(quick=quick)}
    files.get(part, traces.FILE).unlink(missing_ok=True)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show_draw(name: str, number: int, *, hidden: bool) -> int:
    found = [cell for cell in all_cells() if cell.name == name]
    if not found:
        print(f"no cell is called {name!r}; there are: {', '.join(cell.name for cell in all_cells())}", file=sys.stderr)
        return 2
    run = conducted(found[0], seed_of(found[0], number), heap=found[0].heap and not hidden)
    for endpoint, truth in zip(run.verdict.endpoints, run.truths, strict=True):
        kept = "unsteady" if truth.bytes_per_request is None else f"{truth.bytes_per_request:.1f} B"
        print(
            f"{endpoint.name:10} {endpoint.verdict:13} {endpoint.bytes_per_request:10.1f} B/request"
            f" [{endpoint.ci95[0]:.1f}, {endpoint.ci95[1]:.1f}] of {kept}, {endpoint.requests} requests"
            f"  {endpoint.note}"
        )
    print(f"{run.verdict.outcome} after {run.decided_s:.1f} of {run.run_s:.1f} s; {'; '.join(run.verdict.notes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
