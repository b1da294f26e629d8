"use strict";
// Points at tokens of the passage: by pointer, tap or keyboard. All text comes from attributes and stays text.
(() => {
  const passage = document.getElementById("readings");
  if (!passage) return;
  const boxes = [...passage.querySelectorAll(".tokens")].map((box) => ({
    box,
    name: box.dataset.name,
    readout: document.getElementById(box.dataset.readout),
    tokens: [...box.querySelectorAll(".token")],
  }));

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const covered = ({ tokens }, start, end) => {
    const inside = tokens.filter((t) => +t.dataset.start < end && +t.dataset.end > start);
    return inside.length ? inside : tokens.filter((t) => +t.dataset.start === start).slice(0, 1);
  };

  const expectations = (token) => {
    const list = element("ol", "expected");
    for (const i of ["1", "2", "3"]) {
      const name = token.dataset["e" + i];
      if (name === undefined) continue;
      const item = element("li", "", "");
      const bar = element("span", "bar");
      bar.style.width = `${Math.min(100, parseFloat(token.dataset["p" + i]) || 0)}%`;
      item.append(bar, element("span", "what", name), element("span", "chance", token.dataset["p" + i]));
      list.append(item);
    }
    return list;
  };

  const describe = ({ name, readout }, tokens) => {
    const place = element("p", "place");
    const model = element("b", "model " + readout.className.split(" ")[1], name);
    const bits = tokens.reduce((sum, token) => sum + Number(token.dataset.bits), 0);
    const shown = tokens.map((token) => token.dataset.token).join(tokens.length > 1 ? " | " : "");
    const number = tokens.length > 1 ? ` in ${tokens.length} tokens` : "";
    place.append(model, " ", element("span", "what", shown), " ", element("span", "bits", `${bits.toFixed(1)} bits${number}`));
    readout.replaceChildren(place);
    if (tokens.length !== 1) return;
    readout.append(element("p", "asked", "expected"), expectations(tokens[0]));
  };

  const show = (chosen) => {
    passage.querySelectorAll(".here").forEach((token) => token.classList.remove("here"));
    const start = Number(chosen.dataset.start);
    const end = Math.max(start + 1, Number(chosen.dataset.end));
    for (const each of boxes) {
      const tokens = each.tokens.includes(chosen) ? [chosen] : covered(each, start, end);
      if (!tokens.length) continue;
      tokens.forEach((token) => token.classList.add("here"));
      describe(each, tokens);
    }
  };

  const choose = (token) => {
    const { tokens } = boxes.find((each) => each.tokens.includes(token));
    for (const other of tokens) {
      if (other.tabIndex === 0) other.tabIndex = -1;
      other.setAttribute("aria-selected", String(other === token));
    }
    token.tabIndex = 0;
    show(token);
  };

  const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  passage.addEventListener("keydown", (event) => {
    const token = event.target.closest(".token");
    const move = moves[event.key];
    if (!token || !move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { tokens } = boxes.find((each) => each.tokens.includes(token));
    tokens[Math.min(tokens.length - 1, Math.max(0, tokens.indexOf(token) + move))].focus();
  });
  for (const kind of ["pointerover", "focusin", "click"]) {
    passage.addEventListener(kind, (event) => {
      const token = event.target.closest(".token");
      if (token) (kind === "pointerover" ? show : choose)(token);
    });
  }
  for (const { tokens } of boxes) tokens.slice(1).forEach((token) => (token.tabIndex = -1));
  const worst = [...boxes[0].tokens].sort((a, b) => b.dataset.bits - a.dataset.bits)[0];
  show(worst);
})();
