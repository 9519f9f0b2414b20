// One point per image: two methods under one metric, or two metrics of one method. A point opens its photo.
(() => {
  "use strict";
  if (!atlas || !atlas.data.metrics.length) return;
  const { data, make } = atlas;
  const find = (id) => document.getElementById(`points-${id}`);
  const [setBox, layerBox, plot, summaryText, chosenText, preview, open] = ["set", "layer", "plot", "summary", "chosen", "preview", "open"].map(find);
  const axes = ["x", "y"].map((side) => ({ method: find(`${side}-method`), metric: find(`${side}-metric`) }));
  const FRAME = { left: 62, right: 12, top: 12, bottom: 48, width: 560, height: 420 };
  let [points, current] = [[], 0];

  const set = () => data.sets[setBox.selectedIndex];
  const title = ({ method, metric }) => {
    const { title: name, arrow } = data.metrics[metric.selectedIndex];
    return `${set().methods[method.selectedIndex].name}: ${name} ${arrow}`;
  };
  const same = () => axes[0].metric.selectedIndex === axes[1].metric.selectedIndex;
  const number = (image, { method, metric }) => atlas.value(set(), layerBox.selectedIndex, metric.selectedIndex, image, method.selectedIndex);

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
    element.append(...children);
    return element;
  }

  // Round steps of about a fifth of the range.
  function ticks([low, high]) {
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((part) => part * power).find((part) => part >= rough);
    const values = [];
    for (let at = Math.ceil(low / step); at * step <= high; at += 1) values.push(at * step);
    return values.map((at) => [at, String(Number(at.toPrecision(6)))]);
  }

  function range(numbers) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const margin = (high - low || Math.abs(high) || 1) * 0.06;
    return [low - margin, high + margin];
  }

  function scales() {
    const both = axes.map((_, side) => points.map((point) => point.at[side]));
    const ranges = same() ? [range(both.flat()), range(both.flat())] : both.map(range);
    const { left, right, top, bottom, width, height } = FRAME;
    const x = (value) => left + ((value - ranges[0][0]) / (ranges[0][1] - ranges[0][0])) * (width - left - right);
    const y = (value) => height - bottom - ((value - ranges[1][0]) / (ranges[1][1] - ranges[1][0])) * (height - top - bottom);
    return { ranges, x, y };
  }

  function grid({ ranges, x, y }) {
    const { left, right, top, bottom, width, height } = FRAME;
    const group = svg("g", { "aria-hidden": "true", class: "grid" });
    for (const [value, text] of ticks(ranges[0])) {
      group.append(svg("line", { x1: x(value), x2: x(value), y1: top, y2: height - bottom }));
      group.append(svg("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, text));
    }
    for (const [value, text] of ticks(ranges[1])) {
      group.append(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      group.append(svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, text));
    }
    const [low, high] = ranges[0];
    if (same()) group.append(svg("line", { class: "equal", x1: x(low), y1: y(low), x2: x(high), y2: y(high) }));
    const short = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
    group.append(svg("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, short(title(axes[0]))));
    const upright = { x: 0, y: 0, "text-anchor": "middle", transform: `translate(14 ${(top + height - bottom) / 2}) rotate(-90)` };
    group.append(svg("text", upright, short(title(axes[1]))));
    return group;
  }

  const words = ({ image, at }) => `${set().images[image].sample}: x ${atlas.fixed(at[0])}, y ${atlas.fixed(at[1])}`;

  function mark(point, place, { x, y }) {
    const known = set().images[point.image].photo !== undefined;
    const shape = { cx: x(point.at[0]), cy: y(point.at[1]), r: 5.5, class: known ? "" : "bare" };
    const element = svg("circle", { ...shape, id: `point-${place}`, role: "option", "aria-selected": "false", "aria-label": words(point) });
    element.addEventListener("mouseenter", () => choose(place));
    element.addEventListener("click", () => (choose(place), show()));
    return element;
  }

  function choose(place) {
    current = place;
    for (const element of plot.querySelectorAll("[role=option]")) {
      element.setAttribute("aria-selected", String(element.id === `point-${place}`));
    }
    plot.setAttribute("aria-activedescendant", `point-${place}`);
    const { sample, photo } = set().images[points[place].image];
    chosenText.textContent = words(points[place]);
    preview.hidden = open.hidden = photo === undefined;
    if (photo !== undefined) Object.assign(preview, { src: data.photos[photo].src, alt: `Photo ${sample}` });
  }

  function show() {
    const { image } = points[current];
    if (set().images[image].photo !== undefined) photoGallery.open(setBox.selectedIndex, image, layerBox.selectedIndex);
  }

  // Who is better, where both axes are one metric; counts, not a test. Numbers closer than 0.0005 count as
  // equal: methods that are the same by definition differ by rounding.
  function summary() {
    const total = set().images.length;
    const missing = total - points.length ? ` ${total - points.length} have no number on one axis.` : "";
    if (!same()) return `${points.length} of ${total} images.${missing}`;
    const sign = data.metrics[axes[0].metric.selectedIndex].higher ? 1 : -1;
    const ahead = points.map(({ at: [x, y] }) => (Math.abs(x - y) < 0.0005 ? 0 : Math.sign(sign * (x - y))));
    const [first, second] = axes.map(({ method }) => set().methods[method.selectedIndex].name);
    const times = (wanted) => ahead.filter((lead) => lead === wanted).length;
    return `${points.length} of ${total} images: ${first} is better on ${times(1)}, ${second} on ${times(-1)}, equal to three decimals on ${times(0)}.${missing}`;
  }

  function table() {
    const list = find("list");
    if (!list.open) return;
    const heads = ["Image", ...axes.map(title)].map((text) => make("th", { scope: "col" }, make("bdi", {}, text)));
    const rows = points.map((point, place) => {
      const button = make("button", { type: "button", class: "plain" }, make("bdi", {}, set().images[point.image].sample));
      button.addEventListener("click", () => (choose(place), show()));
      const cells = point.at.map((value) => make("td", {}, atlas.fixed(value)));
      return make("tr", {}, make("th", { scope: "row" }, button), ...cells);
    });
    find("table").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  }

  function draw() {
    const images = set().images.map((_, image) => ({ image, at: axes.map((axis) => number(image, axis)) }));
    points = images.filter(({ at }) => !at.some(Number.isNaN)).sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]);
    summaryText.textContent = points.length ? summary() : "No image has a number on both axes.";
    plot.replaceChildren();
    plot.toggleAttribute("hidden", !points.length);
    find("pane").hidden = !points.length;
    if (!points.length) return;
    const scale = scales();
    plot.append(grid(scale), ...points.map((point, place) => mark(point, place, scale)));
    plot.setAttribute("aria-label", `One point per image. x axis: ${title(axes[0])}. y axis: ${title(axes[1])}. Arrow keys choose, Enter opens.`);
    choose(0);
    table();
  }

  function key(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (event.key === "Enter" || event.key === " ") show();
    else if (event.key in steps) choose(Math.max(0, Math.min(points.length - 1, current + steps[event.key])));
    else return;
    event.preventDefault();
  }

  // The first metric that two methods have, and those two.
  function start() {
    const { layers, methods } = set();
    atlas.options(layerBox, layers);
    layerBox.selectedIndex = layers.length - 1;
    for (const { method, metric } of axes) {
      atlas.options(method, methods.map(({ name }) => name));
      atlas.options(metric, data.metrics.map((entry) => `${entry.title} ${entry.arrow}`));
    }
    const scored = (metric) =>
      methods.flatMap((_, at) => (set().images.some((__, image) => !Number.isNaN(atlas.value(set(), layers.length - 1, metric, image, at))) ? [at] : []));
    const metric = data.metrics.findIndex((_, at) => scored(at).length > 1);
    const who = scored(Math.max(0, metric));
    axes.forEach((axis, side) => {
      axis.metric.selectedIndex = Math.max(0, metric);
      axis.method.selectedIndex = who[side] ?? 0;
    });
    draw();
  }

  atlas.options(setBox, data.sets.map(({ name }) => name));
  find("set-label").hidden = data.sets.length < 2;
  find("controls").hidden = false;
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  setBox.addEventListener("change", start);
  for (const box of [layerBox, ...axes.flatMap(({ method, metric }) => [method, metric])]) box.addEventListener("change", draw);
  plot.addEventListener("keydown", key);
  open.addEventListener("click", show);
  find("list").addEventListener("toggle", table);
  start();
})();
