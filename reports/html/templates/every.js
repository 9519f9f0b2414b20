// The long table gets DataTables, unpacked from the page itself. Without it, it stays a plain table.
(async () => {
  "use strict";
  const table = document.getElementById("every-table");
  if (!table) return;
  const { default: DataTable, set_or_remove_dark_class: followTheme } = await unpacked("every-bundle");
  followTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followTheme);
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
