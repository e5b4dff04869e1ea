// What every page does with a script and can do without one.

// An invite's code lies behind the # of its link, where no server and no log sees it.
const invited = document.querySelector("[data-invite]");
if (invited && location.hash.length > 1) {
  invited.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}

// Ask once more before what cannot be taken back.
for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

// A second press while the first is on its way would do everything twice.
const sent = new Set();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
  setTimeout(() => sent.delete(form), 10_000); // somebody may have stopped it
});
addEventListener("pageshow", () => sent.clear()); // the way back shows the page as it was left

// Copy a secret that is shown once.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.copied;
  });
}

// A chart that can be read value by value; the drawn one stays where this fails.
if (document.querySelector("[data-chart]")) import("./chart.js");

// A new pet's day is most likely the day of who adds it.
const zone = document.querySelector("select[data-zone=guess]");
if (zone) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some((option) => option.value === here)) zone.value = here;
}

// On a narrow screen the tabs scroll: show the one that is open.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
