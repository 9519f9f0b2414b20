// The gallery: photos in a chosen order, each method's map over them, one layer or all of them side by side.
const photoGallery = (() => {
  "use strict";
  if (!atlas) return null;
  const { data, make } = atlas;
  const find = (id) => document.getElementById(`gallery-${id}`);
  const [setBox, layerBox, orderBox, byBox, opacity] = ["set", "layer", "order", "by", "opacity"].map(find);
  const [photos, more, whole, count] = ["photos", "more", "whole", "count"].map(find);
  const STEP = 4;
  const NUMBERS = 4; // under a map, before the reader chooses
  let [order, shown, only, methods, metrics] = [[], STEP, null, () => [], () => []];

  const set = () => data.sets[setBox.selectedIndex];
  const layers = () => {
    const names = set().layers;
    return layerBox.selectedIndex < names.length ? [layerBox.selectedIndex] : [...names.keys()];
  };
  const judged = () => methods().filter((method) => !set().methods[method].control);

  // What photos are ordered by: a number per image and what to say of it; the smallest comes first, none last.
  const ORDERS = {
    study: () => ({ key: (image) => image }),
    disagreement: () => ordered("disagreement of the methods", (image) => layers().map((l) => set().disagreement[l][image]), -1),
    score: () => {
      const metric = byBox.selectedIndex;
      const of = (image) => layers().flatMap((l) => judged().map((m) => atlas.value(set(), l, metric, image, m)));
      return ordered(`mean ${data.metrics[metric].title}`, of, data.metrics[metric].higher ? 1 : -1);
    },
    failures: () => {
      const key = (image) => layers().reduce((sum, layer) => sum + set().failed[layer][image], 0);
      return { key: (image) => -key(image), say: (image) => `${key(image)} failed values` };
    },
    small: () => ordered("share of the image that the object covers", (image) => [set().share?.[image] ?? null], 1),
    large: () => ordered("share of the image that the object covers", (image) => [set().share?.[image] ?? null], -1),
  };

  function ordered(name, numbers, sign) {
    const key = (image) => atlas.mean(numbers(image));
    return { key: (image) => sign * key(image), say: (image) => (Number.isNaN(key(image)) ? "" : `${name} ${atlas.fixed(key(image))}`) };
  }

  const sorted = (images, key) =>
    images
      .map((image) => [image, key(image)])
      .sort(([a, x], [b, y]) => Number.isNaN(x) - Number.isNaN(y) || x - y || a - b)
      .map(([image]) => image);

  // Maps are painted when they come near the window; all of them before printing.
  const waiting = new Map();
  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "300px" },
  );

  function draw(canvas) {
    const wanted = waiting.get(canvas);
    if (!wanted) return;
    waiting.delete(canvas);
    near.unobserve(canvas);
    canvas.setAttribute("aria-label", `${canvas.getAttribute("aria-label")}: ${atlas.paint(canvas, wanted())}`);
  }

  function lines(image, layer, method) {
    const numbers = metrics().flatMap((metric) => {
      const number = atlas.value(set(), layer, metric, image, method);
      const { title, arrow } = data.metrics[metric];
      return Number.isNaN(number) ? [] : [`${atlas.fixed(number)}\u00a0${arrow} ${title}`];
    });
    return numbers.map((line) => make("span", {}, line));
  }

  const frame = (photo, alt, ...over) =>
    make("div", { class: "frame" }, make("img", { src: photo.src, alt, width: photo.width, height: photo.height }), ...over);

  function mapFigure(image, layer, method) {
    const [photo, { name, control }] = [data.photos[set().images[image].photo], set().methods[method]];
    const title = make("bdi", { class: "method" }, name);
    const caption = make("figcaption", {}, title, ...(layers().length > 1 ? [make("bdi", { class: "where" }, set().layers[layer])] : []));
    const figure = make("figure", { class: control ? "control" : "" });
    const map = atlas.map(set(), layer, image, method);
    if (map) {
      const label = `Map of ${name} at ${set().layers[layer]} on ${set().images[image].sample}`;
      const canvas = make("canvas", { width: photo.width, height: photo.height, role: "img", "aria-label": label });
      waiting.set(canvas, () => map);
      near.observe(canvas);
      figure.append(frame(photo, "", canvas));
    } else {
      figure.classList.add("none");
      figure.append(frame(photo, ""));
      caption.append(make("span", { class: "numbers" }, make("span", {}, atlas.why(set(), layer, image, method))));
    }
    caption.append(make("span", { class: "numbers" }, ...lines(image, layer, method)));
    figure.append(caption);
    return figure;
  }

  function article(image) {
    const { sample, caption, photo } = set().images[image];
    const extra = ORDERS[orderBox.value]().say?.(image);
    const text = make("span", { class: "caption" }, extra ? `${caption}; ${extra}` : caption);
    const title = make("h3", { tabindex: "-1" }, make("bdi", {}, sample), " ", text);
    const figcaption = make("figcaption", {}, make("bdi", { class: "method" }, "photo"));
    const original = make("figure", {}, frame(data.photos[photo], `Photo ${sample}; ${caption}`), figcaption);
    const where = layers();
    if (where.length === 1) {
      const maps = make("div", { class: "maps" }, original, ...methods().map((method) => mapFigure(image, where[0], method)));
      return make("article", {}, title, maps);
    }
    const groups = methods().map((method) => make("div", { class: "layers" }, ...where.map((layer) => mapFigure(image, layer, method))));
    const beside = make("div", { class: "beside" }, make("div", { class: "layers" }, original), ...groups);
    beside.style.setProperty("--layers", where.length);
    const region = { class: "scroll", role: "region", tabindex: "0", "aria-label": `All layers on ${sample}` };
    return make("article", {}, title, make("div", region, beside));
  }

  function show(images) {
    photos.append(...images.map(article));
    const total = only === null ? order.length : 1;
    more.hidden = photos.childElementCount >= total;
    whole.hidden = only === null;
    const all = `${photos.childElementCount} of ${order.length} photos shown`;
    count.textContent = only === null ? all : `1 of ${order.length} photos shown: the chosen photo`;
  }

  function again() {
    near.disconnect();
    waiting.clear();
    photos.replaceChildren();
    find("by-label").hidden = orderBox.value !== "score";
    order = sorted([...Array(set().pictured).keys()], ORDERS[orderBox.value]().key);
    show(only === null ? order.slice(0, shown) : [only]);
  }

  function restart() {
    [shown, only] = [STEP, null];
    again();
  }

  function start() {
    const { layers: names, methods: all, share } = set();
    atlas.options(layerBox, names.length > 1 ? [...names, "all, side by side"] : names);
    layerBox.selectedIndex = names.length - 1;
    for (const value of ["small", "large"]) orderBox.querySelector(`[value=${value}]`).hidden = !share;
    if (!share && ["small", "large"].includes(orderBox.value)) orderBox.value = "study";
    methods = atlas.choices(find("methods"), all.map((method) => method.name), () => true, restart);
    metrics = atlas.choices(find("metrics"), data.metrics.map((metric) => metric.title), (at) => at < NUMBERS, again);
    restart();
  }

  // Shows one photo alone, and goes there.
  function open(place, image, layer) {
    if (setBox.selectedIndex !== place) {
      setBox.selectedIndex = place;
      start();
    }
    if (layerBox.selectedIndex < set().layers.length) layerBox.selectedIndex = layer;
    only = image;
    again();
    photos.querySelector("h3").focus({ preventScroll: true });
    photos.style.scrollMarginTop = `${find("controls").offsetHeight + 12}px`; // the bar above stays in sight
    photos.scrollIntoView();
  }

  function fade() {
    photos.style.setProperty("--opacity", opacity.value / 100);
    find("opacity-shown").textContent = `${opacity.value} %`;
  }

  atlas.options(setBox, data.sets.map(({ name }) => name));
  atlas.options(byBox, data.metrics.map((metric) => `${metric.title} ${metric.arrow}`));
  find("set-label").hidden = data.sets.length < 2;
  orderBox.querySelector("[value=score]").hidden = !data.metrics.length;
  find("controls").hidden = false;
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  setBox.addEventListener("change", start);
  layerBox.addEventListener("change", again);
  for (const box of [orderBox, byBox]) box.addEventListener("change", restart);
  opacity.addEventListener("input", fade);
  whole.addEventListener("click", restart);
  more.addEventListener("click", () => {
    show(order.slice(shown, shown + STEP));
    shown += STEP;
  });
  addEventListener("beforeprint", () => [...waiting.keys()].forEach(draw));
  fade();
  start();
  atlas.follow((place, layer) => {
    if (setBox.selectedIndex !== place) {
      setBox.selectedIndex = place;
      start();
    }
    if (layer !== null && layerBox.selectedIndex !== layer) {
      layerBox.selectedIndex = layer;
      again();
    }
  });
  return { open };
})();
