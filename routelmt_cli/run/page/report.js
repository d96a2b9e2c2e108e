"use strict";
(() => {
  const search = document.getElementById("search");
  const group = document.getElementById("group");
  const count = document.getElementById("count");
  const cards = [...document.querySelectorAll(".card")];
  const sections = [...document.querySelectorAll(".group")];
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = cards.map((card) => plain(card.textContent));

  const filter = () => {
    const words = plain(search.value).split(/\s+/u).filter(Boolean);
    let shown = 0;
    cards.forEach((card, place) => {
      const wanted = (!group.value || card.dataset.group === group.value)
        && words.every((word) => texts[place].includes(word));
      card.hidden = !wanted;
      shown += wanted ? 1 : 0;
    });
    sections.forEach((section) => {
      section.hidden = !section.querySelector(".card:not([hidden])");
    });
    count.textContent = shown === cards.length ? `${shown} segments` : `${shown} of ${cards.length} segments`;
  };

  const move = (step) => {
    const visible = cards.filter((card) => !card.hidden);
    if (!visible.length) return;
    const now = visible.indexOf(document.activeElement.closest(".card"));
    const next = now < 0 ? (step > 0 ? 0 : visible.length - 1) : now + step;
    const card = visible[Math.min(Math.max(next, 0), visible.length - 1)];
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  };

  search.addEventListener("input", filter);
  group.addEventListener("change", filter);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === search || event.target === group;
    if (event.key === "Escape") {
      if (search.value || group.value) { search.value = ""; group.value = ""; filter(); }
      event.target.blur();
    } else if (typing) {
      if (event.key === "Enter" && event.target === search) { move(1); event.preventDefault(); }
    } else if (event.key === "/") {
      search.focus(); search.select(); event.preventDefault();
    } else if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1); event.preventDefault();
    } else if (event.key === "Enter" && event.target.classList.contains("card")) {
      const details = event.target.querySelector("details");
      details.open = !details.open; event.preventDefault();
    }
  });
  filter(); // a reloaded page may still hold what was typed
})();
