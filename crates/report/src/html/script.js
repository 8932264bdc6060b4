"use strict";
// Searching, and marking the section in view. Everything is readable without this script.
(() => {
  const slot = document.getElementById("search");
  if (!slot) return;
  const box = document.createElement("input");
  box.type = "search";
  box.placeholder = "Search everything";
  box.setAttribute("aria-label", "Search in findings and tables");
  const told = document.createElement("p");
  told.setAttribute("role", "status");
  slot.append(box, told);

  let rows = null;
  const collect = () => {
    rows = [];
    for (const row of document.querySelectorAll("table.searchable > tbody > tr, ul.searchable > li")) {
      rows.push([row, row.textContent.toLowerCase()]);
    }
  };
  const opened = new Set();
  const filter = () => {
    if (!rows) collect();
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const [row, text] of rows) {
      const rule = row.closest("details.rule");
      const whole = rule ? text + rule.firstElementChild.textContent.toLowerCase() : text;
      const match = words.every((word) => whole.includes(word));
      row.classList.toggle("hidden", !match);
      if (match) found += 1;
    }
    for (const detail of opened) detail.open = false;
    opened.clear();
    for (const part of document.querySelectorAll("main details, main .scroll")) {
      const own = part.querySelectorAll("table.searchable > tbody > tr, ul.searchable > li");
      if (!own.length) continue;
      const any = [...own].some((row) => !row.classList.contains("hidden"));
      part.classList.toggle("hidden", words.length > 0 && !any);
      if (words.length && any && part.tagName === "DETAILS" && !part.open) {
        part.open = true;
        opened.add(part);
      }
    }
    told.textContent = words.length ? `${found} of ${rows.length} rows` : "";
  };
  let timer = 0;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(filter, 150);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      box.focus();
    }
  });

  // A link to a folded rule opens it.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  addEventListener("beforeprint", () => {
    for (const detail of document.querySelectorAll("details.rule")) detail.open = true;
  });

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.classList.remove("here");
      const link = links.get(entry.target.id);
      if (link) link.classList.add("here");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const section of document.querySelectorAll("main > section")) watch.observe(section);
})();
