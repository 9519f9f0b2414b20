// One setting for the whole page: the selector at the top hides what belongs to another network, data set, layer or
// family of metrics, and writes the setting into the address, so that a link shows what its sender saw. Paper shows all.
(() => {
  "use strict";
  const boxes = [...document.querySelectorAll("#selector select")];
  const places = ["network", "data", "layer"];
  const blocks = [...document.querySelectorAll("[data-network]")];
  const links = [...document.querySelectorAll("nav.page a")];
  const box = (key) => boxes.find((each) => each.dataset.key === key);
  const chosen = (key) => box(key)?.value ?? "all";
  const everywhere = (place) => [undefined, "", "-1"].includes(place); // of no place in particular
  const fits = (block, keys) =>
    keys.every((key) => everywhere(block.dataset[key]) || ["all", ...block.dataset[key].split(" ")].includes(chosen(key)));

  // A network has no layers of another: these cannot be chosen, and the network's last layer takes their place.
  function offerLayers() {
    const layers = new Set(blocks.filter((block) => fits(block, ["network", "data"])).map((block) => block.dataset.layer));
    const options = [...(box("layer")?.options ?? [])];
    for (const option of options) option.hidden = option.disabled = option.value !== "all" && !layers.has(option.value);
    if (options.some((option) => option.selected && option.disabled)) options.findLast((option) => !option.disabled).selected = true;
  }

  function hideColumns(table) {
    const heads = [...table.tHead.rows[0].cells];
    const out = heads.map((head) => "family" in head.dataset && !fits(head, ["family"]));
    for (const row of table.rows) {
      if (row.cells.length === heads.length) [...row.cells].forEach((cell, at) => cell.classList.toggle("out", out[at]));
    }
  }

  function apply() {
    offerLayers();
    for (const block of blocks) block.classList.toggle("out", !fits(block, places));
    for (const part of document.querySelectorAll("[data-family]:not(th)")) part.classList.toggle("out", !fits(part, ["family"]));
    for (const part of document.querySelectorAll("[data-only]")) part.classList.toggle("out", part.dataset.only !== chosen("family"));
    for (const table of document.querySelectorAll("table:has(th[data-family])")) hideColumns(table);
    const names = boxes.map((each) => [each.dataset.key, each.value === "all" ? null : each.selectedOptions[0].text]);
    document.dispatchEvent(new CustomEvent("setting", { detail: Object.fromEntries(names) }));
  }

  function write(anchor) {
    const words = boxes.map((each) => [each.dataset.key, each.selectedOptions[0].text]);
    history.replaceState(null, "", `#${anchor}${words.length ? `?${new URLSearchParams(words)}` : ""}`);
  }

  const anchor = () => location.hash.slice(1).split("?")[0];

  function read() {
    const words = new URLSearchParams(location.hash.split("?")[1]);
    for (const each of boxes) {
      const option = [...each.options].find(({ text }) => text === words.get(each.dataset.key));
      if (option) option.selected = true;
    }
    apply();
    const target = document.getElementById(anchor());
    if (!target) return;
    write(anchor());
    const fold = target.closest("section")?.querySelector("details.fold");
    if (fold) fold.open = true;
    target.scrollIntoView();
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        const here = target.getAttribute("aria-labelledby");
        for (const link of links) link.setAttribute("aria-current", link.hash === `#${here}`);
      }
    },
    { rootMargin: "-20% 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);
  for (const each of boxes) each.addEventListener("change", () => (apply(), write(anchor())));
  for (const link of links) link.addEventListener("click", (event) => (event.preventDefault(), write(link.hash.slice(1)), read()));
  addEventListener("hashchange", read);
  if (boxes.length) document.getElementById("selector").hidden = false;
  read();
})();
