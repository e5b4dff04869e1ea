// Plays at what was found, shows where in the clip that is, and follows an analysis to its end.

const player = document.getElementById("player");
const course = document.getElementById("course");
const playhead = document.getElementById("playhead");
const job = document.getElementById("job");

if (player) {
  for (const link of document.querySelectorAll("[data-jump]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      playAt(Number(link.dataset.jump));
    });
  }
  player.addEventListener("error", () => {
    player.hidden = true;
    document.getElementById("unplayable").hidden = false;
  });
}
if (player && course) {
  player.addEventListener("timeupdate", show);
  player.addEventListener("seeking", show);
  course.addEventListener("click", (event) => {
    const box = course.getBoundingClientRect();
    playAt(((event.clientX - box.left) / box.width) * lengthS());
  });
}

// The drawing ends where the last thing was found; the clip may go on for a moment.
function lengthS() {
  return Number(course.dataset.duration);
}

function show() {
  const x = Math.min(1000, (1000 * player.currentTime) / lengthS()).toFixed(1);
  playhead.setAttribute("x1", x);
  playhead.setAttribute("x2", x);
}

function playAt(second) {
  player.currentTime = second;
  player.play().catch(() => {}); // a browser may want a tap first; the place is right all the same
  player.scrollIntoView({ block: "nearest" });
}

if (job) follow();

function follow() {
  const events = new EventSource(`/v1/jobs/${job.dataset.job}/events`);
  events.addEventListener("job", (event) => tell(JSON.parse(event.data), () => events.close()));
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) poll(); // no free seat: ask now and then
  });
}

async function poll() {
  const answer = await fetch(`/v1/jobs/${job.dataset.job}`).catch(() => null);
  let isOver = false;
  if (answer?.ok) isOver = tell(await answer.json(), () => {});
  if (!isOver) setTimeout(poll, 2000);
}

function tell(state, close) {
  document.getElementById("job-progress").value = state.progress;
  if (state.status === "queued" || state.status === "running") return false;
  close();
  location.reload();
  return true;
}
