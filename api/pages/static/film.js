// Sends a clip straight to storage, part by part, and goes on where an interruption left off.
// Without this script, or where it cannot work, the form itself sends the clip.

const form = document.getElementById("film");
const chosen = document.getElementById("chosen");
const bar = document.querySelector(".sendbar");
const progress = document.getElementById("progress");
const said = document.getElementById("progress-said");
const csrf = document.querySelector('meta[name="csrf"]').content;
const refusals = JSON.parse(form.dataset.refusals); // by code, and by what the owner wrote
const limits = chosen.textContent;
const TRIES = 5;

let file = null;
form.classList.add("is-live");

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const tenths = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const megabytes = (bytes) => `${tenths.format(bytes / 1e6)} MB`;

for (const input of form.querySelectorAll('input[type="file"]')) {
  input.addEventListener("change", () => {
    file = input.files[0] ?? null;
    for (const other of form.querySelectorAll('input[type="file"]')) {
      if (other !== input) other.value = "";
      other.closest("[data-source]").classList.toggle("is-chosen", other === input && file !== null);
    }
    const wrong = file ? misfit() : "";
    chosen.textContent = wrong || (file ? `${file.name} · ${megabytes(file.size)}` : limits);
    chosen.classList.toggle("wrong", wrong !== "");
  });
}

// What keeps the choice from being sent at all; empty when nothing does.
function misfit() {
  if (!file) return form.dataset.choose;
  if (file.size === 0) return refusals.codes.upload_empty;
  return file.size > form.dataset.mostMb * 1e6 ? form.dataset.large : "";
}

form.addEventListener("submit", (event) => {
  const wrong = misfit();
  if (wrong) {
    event.preventDefault();
    chosen.textContent = wrong;
    chosen.classList.add("wrong");
    form.querySelector('input[type="file"]:last-of-type').focus();
    return;
  }
  if (!window.crypto?.subtle) return; // plain http from elsewhere: let the form send it
  event.preventDefault();
  send(file).catch((error) => stop(error));
});

window.addEventListener("offline", () => say(form.dataset.lost));

function say(text, share) {
  said.textContent = text;
  if (share !== undefined) progress.value = share;
}

function stop(error) {
  bar.classList.add("is-wrong");
  form.querySelector("button").disabled = false;
  say(error.told ?? form.dataset.lost);
  said.focus();
}

async function send(clip) {
  bar.hidden = false;
  bar.classList.remove("is-wrong");
  form.querySelector("button").disabled = true;
  say(form.dataset.reading, 0);
  const sha256 = await digest(clip);
  const upload = await opened(clip, sha256);
  for (let round = 1; ; round += 1) {
    const missing = await sendMissing(clip, round === 1 ? upload : await call("GET", `/v1/uploads/${upload.id}`));
    if (missing === 0) break;
    if (round === TRIES) throw new Error("lost");
    say(form.dataset.again);
    await wait(2 ** round);
  }
  say(form.dataset.waiting, 100);
  const job = await call("POST", `/v1/uploads/${upload.id}/complete`);
  localStorage.removeItem(memory(sha256));
  say(form.dataset.sent);
  location.assign(`/clips/${job.clip_id}${job.duplicate_of ? "?done=known" : ""}`);
}

async function digest(clip) {
  const hash = await crypto.subtle.digest("SHA-256", await clip.arrayBuffer());
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const memory = (sha256) => `upload ${form.dataset.pet} ${sha256}`;

// An upload of the same bytes that still waits for some of them is gone on with.
async function opened(clip, sha256) {
  const known = localStorage.getItem(memory(sha256));
  if (known) {
    const before = await call("GET", `/v1/uploads/${known}`).catch(() => null);
    if (before?.state === "waiting") return before;
  }
  const made = await call("POST", "/v1/uploads", asked(clip, sha256));
  localStorage.setItem(memory(sha256), made.id);
  return made;
}

function asked(clip, sha256) {
  const fields = new FormData(form);
  const typed = fields.get("recorded_at");
  const isDays = fields.get("retention") === "days";
  return {
    pet_id: form.dataset.pet,
    size_bytes: clip.size,
    sha256,
    recorded_at: typed ? instant(typed).toISOString() : changed(clip),
    reason: fields.get("reason"),
    tags: fields.get("tags").split(",").map((tag) => tag.trim()).filter(Boolean),
    note: fields.get("note") || null,
    retention: fields.get("retention"),
    retention_days: isDays ? Number(form.dataset.keptDays) : null,
  };
}

function changed(clip) {
  const at = new Date(clip.lastModified);
  return clip.lastModified && at < new Date() ? at.toISOString() : null;
}

// A typed time is one of the pet's clock, which need not be this browser's.
function instant(typed) {
  const asUtc = Date.parse(`${typed}Z`);
  return new Date(asUtc - ahead(asUtc - ahead(asUtc))); // twice: the clock may have changed between
}

function ahead(at) {
  const told = { timeZone: form.dataset.zone, dateStyle: "short", timeStyle: "medium" };
  const shown = new Intl.DateTimeFormat("sv-SE", told).format(at); // 2026-03-01 18:30:00
  return Date.parse(`${shown.replace(" ", "T")}Z`) - 1000 * Math.floor(at / 1000);
}

// Gives how many pieces did not arrive.
async function sendMissing(clip, upload) {
  const pieces = upload.url
    ? [{ url: upload.url, offset_bytes: 0, size_bytes: clip.size, headers: { "Content-Type": upload.headers["Content-Type"] } }]
    : upload.parts;
  let done = pieces.filter((piece) => piece.has_arrived).reduce((sum, piece) => sum + piece.size_bytes, 0);
  let missing = 0;
  for (const piece of pieces.filter((one) => !one.has_arrived)) {
    const bytes = clip.slice(piece.offset_bytes, piece.offset_bytes + piece.size_bytes);
    const arrived = await put(piece, bytes, (sent) => {
      const share = Math.round((100 * (done + sent)) / clip.size);
      say(form.dataset.sending.replace("{share}", share), share);
    });
    if (arrived) done += piece.size_bytes;
    else missing += 1;
  }
  return missing;
}

// XMLHttpRequest, since fetch does not tell how much was sent.
function put(piece, bytes, tell) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("PUT", piece.url);
    for (const [name, value] of Object.entries(piece.headers ?? {})) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => tell(event.loaded));
    request.addEventListener("load", () => resolve(request.status >= 200 && request.status < 300));
    for (const lost of ["error", "abort", "timeout"]) request.addEventListener(lost, () => resolve(false));
    request.send(bytes);
  });
}

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "X-CSRF-Token": csrf, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.code), { told: refusal(told) });
  return told;
}

// The API refuses in English and for programmers; the page has its reader's words.
function refusal(problem) {
  const field = Object.keys(problem.errors ?? {}).find((name) => name in refusals.fields);
  return refusals.fields[field] ?? refusals.codes[problem.code] ?? refusals.codes.internal_error;
}
