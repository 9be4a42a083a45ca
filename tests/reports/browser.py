"""Reports opened in Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
MARKS = """name => {
  const plot = document.querySelector(`#${name} .plot`);
  const count = (selector) => plot.querySelectorAll(selector).length;
  return {
    bars: count(".bars .point path"),
    boxes: count("path.box"),
    lines: count(".scatterlayer .js-line"),
    points: count(".scatterlayer .point"),
    fields: count(".heatmap-label"),
    heatmaps: count(".heatmaplayer .hm"),
  };
}"""


class OpenReport:
    """A report in a window.

    Args:
        page: Playwright's.

    Attributes:
        complaints: what the console said, what failed, and what was asked of any network.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._check(request.url))

    def _check(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(url)

    def charts(self) -> list[str]:
        """Names of the charts, all drawn by scrolling past each of them."""
        for article in self.page.query_selector_all("article.chart"):
            article.scroll_into_view_if_needed()
        self.page.wait_for_function("document.querySelectorAll('.plot:not(.js-plotly-plot)').length === 0")
        return self.page.eval_on_selector_all("article.chart", "charts => charts.map(chart => chart.id)")

    def marks(self, name: str) -> dict[str, int]:
        """How many marks of each kind stand in a chart."""
        return {kind: count for kind, count in self.page.evaluate(MARKS, name).items() if count}

    def click(self, text: str) -> None:
        """Click a button of the filters at the top."""
        self.page.eval_on_selector(".filters", "filters => { filters.open = true; }")
        self.page.click(f"[data-filter] button:text-is('{text}')")

    def legend(self, name: str) -> list[str]:
        """What a chart's legend names."""
        texts = self.page.query_selector_all(f"#{name} .legend .traces .legendtext")
        return [text.text_content() for text in texts]

    def total(self, name: str) -> float:
        """The sum over a heat map."""
        return self.page.evaluate("name => plotOf(name).data[0].z.flat().reduce((a, b) => a + b, 0)", name)

    def shown(self, selector: str) -> int:
        """How many elements are not hidden."""
        return sum(element.is_visible() for element in self.page.query_selector_all(selector))


@contextmanager
def opened(browser: Any, path: Path, width: int = 1280, **options: Any) -> Iterator[OpenReport]:
    """Open a report in a window of a width, with options of Playwright's for its context."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    try:
        report = OpenReport(context.new_page())
        report.page.goto(path.as_uri())
        yield report
    finally:
        context.close()
