"use strict";
(() => {
  const lines = [...document.querySelectorAll("details.line")];
  const search = document.getElementById("search");
  const told = document.getElementById("told");
  document.getElementById("tools").hidden = false;
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const line of lines) {
      const rows = [...line.querySelectorAll("tbody tr")];
      let hits = 0;
      for (const row of rows) {
        const hit = !wanted || row.textContent.toLowerCase().includes(wanted);
        row.hidden = !hit;
        hits += hit;
      }
      const typed = line.querySelector("summary").textContent.toLowerCase().includes(wanted);
      if (typed) rows.forEach((row) => { row.hidden = false; });
      line.hidden = Boolean(wanted) && !typed && hits === 0;
      shown += !line.hidden;
    }
    told.textContent = wanted ? `${shown} of ${lines.length} lines` : "";
  };
  search.addEventListener("input", filter);
  document.getElementById("open").addEventListener("click", () => {
    const all = lines.every((line) => line.open);
    lines.forEach((line) => { line.open = !all; });
  });
  const reveal = () => {
    const line = location.hash && document.getElementById(location.hash.slice(1));
    if (line && line.tagName === "DETAILS") line.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
