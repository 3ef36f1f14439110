// The page: keeps the conversation, streams each answer in, and measures it.
import { events } from "./events.js";

const $ = (id) => document.getElementById(id);
const [log, form, text, send, stop, error] = ["log", "form", "text", "send", "stop", "error"].map($);
const scroller = document.querySelector("main");

/** Every turn so far, as the API takes it. An answer that failed is not kept; one that was stopped is. */
let turns = [];
/** Stops the running answer; null while none runs. */
let running = null;
/** The timer of the next look for an instance. */
let recheck = 0;
/** The answer that ended in the error that is shown. */
let failed = null;

/** Shows which model this is and whether it is there; while it is not, looks again every few seconds. */
async function showModel() {
  clearTimeout(recheck);
  const card = await fetch("api/model").then((response) => response.json()).catch(() => ({ ready: false }));
  if (card.model) {
    $("model").textContent = card.model;
    document.title = `${card.model} · Berth chat`;
    text.placeholder = `Message ${card.model}`;
  }
  $("dot").className = `dot ${card.ready ? "ready" : "away"}`;
  $("dot").parentElement.title = card.ready ? "An instance is ready" : "No instance is ready";
  if (!card.ready) {
    recheck = setTimeout(showModel, 3000);
    return;
  }
  $("simulated").hidden = !card.simulated;
  $("simulated").querySelector("span").textContent = card.simulated ? note(card) : "";
}

function note(card) {
  return `Canned words, at the pace that was published for ${card.hardware} in “${card.source}”.`;
}

function addTurn(role, content) {
  $("welcome").hidden = true;
  $("fresh").hidden = false;
  const item = document.createElement("li");
  item.className = role;
  const words = document.createElement("p");
  words.append(document.createTextNode(content));
  item.append(words);
  log.append(item);
  scroller.scrollTop = scroller.scrollHeight;
  return item;
}

/** Shows one answer: its text as it comes, and its figures below. */
class Answer {
  constructor() {
    this.item = addTurn("assistant", "");
    this.item.classList.add("busy");
    this.words = this.item.firstChild.firstChild;
    this.figures = document.createElement("dl");
    this.figures.className = "figures";
    this.item.append(this.figures);
    this.sent = performance.now();
    this.tokens = 0;
  }

  get content() { return this.words.data; }

  add(piece) {
    const follow = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
    this.last = performance.now();
    this.first ??= this.last;
    this.tokens += 1;
    this.words.appendData(piece);
    this.measure();
    if (follow) scroller.scrollTop = scroller.scrollHeight;
  }

  measure() {
    const figures = [["first token", `${Math.round(this.first - this.sent)} ms`]];
    const spent = (this.last - this.first) / 1000;
    if (this.tokens > 1 && spent > 0) figures.push(["speed", `${((this.tokens - 1) / spent).toFixed(1)} tokens/s`]);
    figures.push(["length", `${this.tokens} tokens`]);
    this.figures.replaceChildren(...figures.map(([name, value]) => figure(name, value)));
  }

  end(how) {
    this.item.classList.remove("busy");
    if (how) this.figures.append(figure(how, ""));
    if (!this.content) this.item.remove();
  }
}

function figure(name, value) {
  const pair = document.createElement("div");
  for (const [tag, content] of [["dt", name], ["dd", value]]) {
    const cell = document.createElement(tag);
    cell.textContent = content;
    if (content) pair.append(cell);
  }
  return pair;
}

function setBusy(busy) {
  send.hidden = busy;
  stop.hidden = !busy;
  // A screen reader waits until the answer is whole instead of reading every token.
  log.ariaBusy = String(busy);
}

async function ask(content) {
  hideError();
  addTurn("user", content);
  turns.push({ role: "user", content });
  await answerLast();
}

async function answerLast() {
  const answer = new Answer();
  const kept = turns; // a new chat replaces the list; what is still coming in belongs to the old one
  running = new AbortController();
  setBusy(true);
  try {
    await stream(answer, running.signal);
    kept.push({ role: "assistant", content: answer.content });
    answer.end();
  } catch (failure) {
    const stopped = running.signal.aborted;
    if (stopped && answer.content) kept.push({ role: "assistant", content: answer.content });
    answer.end(stopped ? "stopped" : "cut off");
    if (!stopped) showError(failure.message, answer);
  }
  running = null;
  setBusy(false);
  text.focus();
}

async function stream(answer, signal) {
  const body = JSON.stringify({ messages: turns });
  const response = await fetch("api/chat", { method: "POST", body, signal }).catch((failure) => {
    throw signal.aborted ? failure : new Error("This page's server does not answer. Is the network there?");
  });
  if (!response.ok) throw new Error(await reason(response));
  for await (const chunk of events(response.body)) {
    if (chunk.error) throw new Error(chunk.error.message);
    const piece = chunk.choices?.[0]?.delta?.content;
    if (piece) answer.add(piece);
    if (chunk.usage) answer.tokens = chunk.usage.completion_tokens;
  }
  if (answer.first) answer.measure();
}

async function reason(response) {
  const answer = await response.json().catch(() => null);
  return answer?.error?.message ?? `The server answered ${response.status}.`;
}

function showError(message, answer) {
  failed = answer;
  error.firstChild.textContent = message;
  error.hidden = false;
  scroller.scrollTop = scroller.scrollHeight;
  showModel();
}

function hideError() {
  error.hidden = true;
}

function retry() {
  hideError();
  failed?.item.remove();
  answerLast();
}

function startOver() {
  running?.abort();
  turns = [];
  log.replaceChildren();
  hideError();
  $("welcome").hidden = false;
  $("fresh").hidden = true;
  text.focus();
}

function submit() {
  const content = text.value.trim();
  if (!content || running) return;
  text.value = "";
  send.disabled = true;
  ask(content);
}

form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
text.addEventListener("input", () => { send.disabled = !text.value.trim(); });
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") running?.abort(); });
stop.addEventListener("click", () => running?.abort());
$("again").addEventListener("click", retry);
$("fresh").addEventListener("click", startOver);
$("welcome").addEventListener("click", (event) => {
  const suggestion = event.target.closest("button");
  if (suggestion && !running) ask(suggestion.textContent);
});

send.disabled = true;
showModel();
