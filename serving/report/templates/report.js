(() => {
  "use strict";
  const tip = document.getElementById("tip");
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const target = event.target.closest("[data-tip]");
    if (!target) { hide(); return; }
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, event.clientX - box.width / 2), innerWidth - box.width - 8);
    const above = event.clientY - box.height - 14;
    tip.style.left = left + "px";
    tip.style.top = (above > 8 ? above : event.clientY + 18) + "px";
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", hide, { passive: true });
  const button = document.getElementById("open-all");
  button.hidden = false;
  button.addEventListener("click", () => {
    const opened = button.getAttribute("aria-pressed") !== "true";
    document.querySelectorAll("details").forEach((one) => { one.open = opened; });
    button.setAttribute("aria-pressed", String(opened));
    button.textContent = opened ? "收起全部评论" : "展开全部评论";
  });
})();
