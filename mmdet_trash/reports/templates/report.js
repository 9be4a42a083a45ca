"use strict";
// Draws each chart once it comes near the window, and hides what the filters leave out.
const charts = JSON.parse(document.getElementById("charts").textContent);
const root = document.documentElement;
const hidden = { series: new Set(), class: new Set() };
const narrow = matchMedia("(max-width: 40rem)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const touch = matchMedia("(pointer: coarse)");

const plotOf = (name) => document.querySelector(`#${CSS.escape(name)} .plot`);
const isDrawn = (plot) => plot.classList.contains("js-plotly-plot");

function isShown(meta) {
  return Object.entries(hidden).every(([filter, off]) => !off.has(String(meta[filter])));
}

// A density is the sum of the grids of its classes.
function sum(grids) {
  const chosen = grids.filter((_, label) => !hidden.class.has(String(label)));
  return grids[0].map((row, y) => row.map((_, x) => chosen.reduce((total, grid) => total + grid[y][x], 0)));
}

function filtered(traces, text) {
  const told = new Set();
  return traces.map((trace) => {
    const visible = isShown(trace.meta);
    const found = { ...trace, visible };
    if (trace.texttemplate) found.textfont = { ...trace.textfont, color: text };
    if (trace.error_y) found.error_y = { ...trace.error_y, color: text };
    if (trace.meta.grids) found.z = sum(trace.meta.grids);
    if (trace.legendgroup) found.showlegend = trace.showlegend !== false && visible && !told.has(trace.legendgroup);
    if (visible) told.add(trace.legendgroup);
    return found;
  });
}

function layoutOf(layout) {
  const style = getComputedStyle(root);
  const text = style.getPropertyValue("--text").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = (own = {}) => ({
    gridcolor: line,
    zerolinecolor: line,
    linecolor: line,
    automargin: true,
    ...own,
    title: { standoff: 12, ...own.title },
  });
  return {
    margin: { l: 10, r: 10, t: 10, b: 10 },
    barmode: "group",
    height: 360,
    hovermode: "closest",
    ...layout,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
    dragmode: touch.matches ? false : "zoom",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: text, family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 12 },
  };
}

function draw(name) {
  const chart = charts[name];
  const config = { responsive: true, displaylogo: false, displayModeBar: touch.matches ? false : "hover" };
  const layout = layoutOf(chart.layout);
  return Plotly.react(plotOf(name), filtered(chart.data, layout.font.color), layout, config);
}

function redraw() {
  for (const name of Object.keys(charts)) {
    const plot = plotOf(name);
    if (isDrawn(plot) && plot.offsetParent) draw(name);
  }
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      draw(entry.target.closest("article").id);
    }
  },
  { rootMargin: "600px" },
);
for (const name of Object.keys(charts)) observer.observe(plotOf(name));

function hidePictures(gallery) {
  const off = (filter) =>
    new Set([...gallery.querySelectorAll(`[data-filter="${filter}"] [aria-pressed="false"]`)].map((b) => b.value));
  const [kinds, boxes] = [off("kind"), off("box")];
  for (const picture of gallery.querySelectorAll(".picture")) {
    const labels = picture.dataset.classes.split(" ").filter(Boolean);
    const others = labels.length && labels.every((label) => hidden.class.has(label));
    picture.hidden = others || kinds.has(picture.dataset.kind);
  }
  for (const box of gallery.querySelectorAll(".box")) {
    box.style.display = boxes.has(box.dataset.kind) || hidden.class.has(box.dataset.class) ? "none" : "";
  }
}

function apply(filter) {
  if (filter === "series" || filter === "class") {
    hidden[filter] = new Set(
      [...document.querySelectorAll(`[data-filter="${filter}"] [aria-pressed="false"]`)].map((b) => b.value),
    );
    const active = hidden.series.size + hidden.class.size > 0;
    document.querySelector(".filters").classList.toggle("active", active);
    for (const part of document.querySelectorAll(`tr[data-${filter}], article[data-${filter}]`)) {
      part.hidden = !isShown(part.dataset);
    }
    redraw();
  }
  document.querySelectorAll(".gallery").forEach(hidePictures);
}

for (const group of document.querySelectorAll("[data-filter]")) {
  const toggles = [...group.querySelectorAll("[aria-pressed]")];
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("all")) {
      const on = toggles.some((toggle) => toggle.ariaPressed === "false");
      for (const toggle of toggles) toggle.ariaPressed = String(on);
    } else {
      button.ariaPressed = String(button.ariaPressed === "false");
    }
    apply(group.dataset.filter);
  });
}

document.getElementById("theme").addEventListener("click", () => {
  const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  redraw();
});
dark.addEventListener("change", redraw);
