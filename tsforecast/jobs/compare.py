"""job=compare: a leaderboard of finished runs, in the terminal and as one page; needs no TensorFlow."""

from pathlib import Path

from tsforecast.comparison.figures import draw_figures
from tsforecast.comparison.leaderboard import SCORE, find_cautions, rank_runs, summarize_seeds
from tsforecast.comparison.listing import format_csv, format_seeds, format_text
from tsforecast.comparison.model_table import write_model_table
from tsforecast.comparison.page import write_page
from tsforecast.comparison.published import write_published_table
from tsforecast.comparison.runs import collect_runs
from tsforecast.config import Config
from tsforecast.files import display_path
from tsforecast.installation import COMMAND
from tsforecast.reporting.pictures import write_pictures
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Compare the runs in ``config.over``, write page, figures and ``leaderboard.csv``, and return the best RMSE."""
    runs, skipped = collect_runs(config.over)
    board = rank_runs(runs)
    seeds = summarize_seeds(board)
    notes = [*skipped, *find_cautions(board)]
    folder = RunFolder.create(path)
    folder.write_text_atomic("leaderboard.csv", format_csv(board))
    page = write_page(folder.path / "compare.html", board, seeds, notes)
    write_pictures(folder.path / "figures", draw_figures(board), config.report.format)
    print(format_text(board))
    if config.model_table is not None:
        command = f"{COMMAND} job=compare over={config.over}"
        print("\n" + write_model_table(config.over, config.model_table, command))
    if config.published is not None:
        print("\n" + write_published_table(config.over, config.published, folder.path))
    if seeds:
        print("\nOver seeds\n" + format_seeds(seeds))
    for note in notes:
        print(note)
    print(display_path(page), flush=True)
    return board[0].run.figures[SCORE]
