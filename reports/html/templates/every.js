// The long table gets DataTables, unpacked from the page itself. Without it, it stays a plain table.
(async () => {
  "use strict";
  const packed = Uint8Array.from(atob(document.getElementById("every-bundle").textContent), (c) => c.charCodeAt(0));
  const code = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: DataTable, set_or_remove_dark_class: followTheme } = await import(address);
  URL.revokeObjectURL(address);
  followTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followTheme);
  const table = document.getElementById("every-table");
  new DataTable(table, {
    order: [],
    pageLength: 25,
    autoWidth: false,
    layout: { topStart: { pageLength: {}, buttons: ["copy", "csv"] } },
  });
  let length = 25;
  const grid = () => new DataTable.Api(table);
  addEventListener("beforeprint", () => ((length = grid().page.len()), grid().page.len(-1).draw()));
  addEventListener("afterprint", () => grid().page.len(length).draw());
})();
