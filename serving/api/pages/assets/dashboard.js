(() => {
  "use strict";
  const tip = document.getElementById("tip");
  const hide = () => { tip.hidden = true; };
  const place = (target, x, y) => {
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - box.width / 2), innerWidth - box.width - 8);
    const above = y - box.height - 14;
    tip.style.left = left + "px";
    tip.style.top = (above > 8 ? above : y + 18) + "px";
  };
  const point = (event) => {
    const target = event.target.closest && event.target.closest("[data-tip]");
    if (target) place(target, event.clientX, event.clientY); else hide();
  };
  document.addEventListener("pointermove", point);
  document.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("focusin", (event) => {
    const target = event.target.querySelector && event.target.closest("svg a") && event.target.querySelector("[data-tip]");
    if (!target) { hide(); return; }
    const box = target.getBoundingClientRect();
    place(target, box.left + box.width / 2, box.top + 20);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  const rule = document.getElementById("rule");
  if (!rule) return;
  const counted = document.getElementById("counted");
  const fault = document.getElementById("fault");
  const PAUSE_MS = 350;
  let timer = 0, asked = 0;
  const show = (found) => {
    fault.hidden = !found.fault;
    fault.textContent = found.fault ? "规则读不懂：" + found.fault : "";
    counted.textContent = "";
    if (found.fault) return;
    const told = (count) => count === null ? `少于 ${found.least}` : count.toLocaleString("en-US");
    const n = document.createElement("b");
    n.className = "big";
    n.textContent = told(found.n);
    counted.append(n, ` 人 / 全部 ${told(found.persons)} 人`);
  };
  const count = async () => {
    const text = rule.value.trim(), mine = ++asked;
    if (!text) { counted.textContent = ""; fault.hidden = true; return; }
    try {
      const answer = await fetch("/audiences/count?" + new URLSearchParams({ rule: text }), { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      if (mine === asked) show(found);
    } catch {
      if (mine === asked) { counted.textContent = "暂时数不了，请按“数一数”。"; }
    }
  };
  rule.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(count, PAUSE_MS); });
})();
