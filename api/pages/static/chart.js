// A closer look at a drawn chart: read value by value, drag to zoom, double click to see all.
// The drawing stays until somebody asks, and where this fails.

const HEIGHT = 260;

for (const figure of document.querySelectorAll("[data-chart]")) {
  const button = figure.querySelector("[data-explore]");
  if (!button) continue;
  button.hidden = false;
  button.addEventListener("click", () => explore(figure, button));
}

async function explore(figure, button) {
  const { default: UPlot } = await import("./vendor/uplot.js");
  await addStyle(new URL("./vendor/uplot.css", import.meta.url));
  const said = figure.dataset;
  const { at, mean, low, high, n } = JSON.parse(said.chart);
  const drawing = figure.querySelector("svg");
  const options = {
    width: drawing.clientWidth,
    height: HEIGHT,
    series: series(said, colour("--accent")),
    bands: [{ series: [3, 2], fill: colour("--accent", 0.16) }],
    scales: { y: { range: [0, 1] }, n: { range: () => [0, 1] } },
    axes: axes(),
    hooks: { drawClear: [(plot) => drawUsual(plot, JSON.parse(said.usual))] },
  };
  const plot = new UPlot(options, [at, mean, low, high, n], figure);
  figure.prepend(plot.root);
  drawing.remove();
  button.remove();
  new ResizeObserver(() => plot.setSize({ width: figure.clientWidth, height: HEIGHT })).observe(figure);
}

function series(said, accent) {
  const percent = (_, value) => (value == null ? "–" : `${Math.round(value * 100)} %`);
  const edge = { width: 0, points: { show: false }, value: percent };
  const day = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium" });
  return [
    { label: said.when, value: (_, at) => (at == null ? "–" : day.format(new Date(at * 1000))) },
    { label: said.share, stroke: accent, width: 2, value: percent },
    { label: "≥", stroke: accent, ...edge },
    { label: "≤", stroke: accent, ...edge },
    { label: said.clips, scale: "n", width: 0, points: { show: false } },
  ];
}

function axes() {
  const look = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const rates = (_, splits) => splits.map((rate) => `${Math.round(rate * 100)} %`);
  return [look, { ...look, values: rates, size: 44 }];
}

// What is usual for this pet lies behind its line, as in the drawing.
function drawUsual(plot, usual) {
  if (!usual) return;
  const [bottom, top] = usual.map((rate) => plot.valToPos(rate, "y", true));
  plot.ctx.save();
  plot.ctx.fillStyle = colour("--band");
  plot.ctx.fillRect(plot.bbox.left, top, plot.bbox.width, bottom - top);
  plot.ctx.restore();
}

function colour(name, opacity = 1) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return opacity === 1 ? value : value + Math.round(opacity * 255).toString(16).padStart(2, "0");
}

function addStyle(url) {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url.href });
  return new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", reject);
    document.head.append(link);
  });
}
