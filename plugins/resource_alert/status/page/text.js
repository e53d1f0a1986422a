"use strict";
// Texts: the language, numbers, durations and times.
const zh = document.documentElement.lang === "zh";

// The text in the page's language. {0}, {1} stand for the arguments.
function t(text, ...values) {
  return (zh && WORDS[text] || text).replace(/\{(\d)\}/g, (_, i) => values[i]);
}

function plural(count, one, many) { return t(count === 1 ? one : many, count); }

function formatNumber(value, unit) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const plain = size >= 1e9 || (size > 0 && size < 0.001)
    ? value.toPrecision(4) : value.toLocaleString("en", {maximumFractionDigits: size < 10 ? 3 : size < 1000 ? 1 : 0});
  return unit ? `${plain} ${unit}` : plain;
}

// The value with as many digits as show on which side of its limits it is.
function formatValue(rule, value) {
  const text = formatNumber(value, rule.unit);
  const shown = parseFloat(text.replaceAll(",", ""));
  const isHidden = value !== null && Object.values(rule.limits).some(limit => Math.sign(shown - limit) !== Math.sign(value - limit));
  return isHidden ? `${value}${rule.unit ? ` ${rule.unit}` : ""}` : text;
}

const UNIT_WORDS = ["{0} d", "{0} h", "{0} min", "{0} s"];
const UNIT_SIZES_S = [86400, 3600, 60, 1];

function formatDuration(seconds) {
  const at = UNIT_SIZES_S.findIndex((size, i) => seconds >= size || i === 3), size = UNIT_SIZES_S[at];
  const whole = t(UNIT_WORDS[at], Math.floor(Math.max(0, seconds) / size));
  if (at > 1) return whole;
  const rest = Math.floor(seconds % size / UNIT_SIZES_S[at + 1]);
  return rest ? `${whole} ${t(UNIT_WORDS[at + 1], rest)}` : whole;
}

function formatTime(date) {
  const pad = n => String(n).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
  return date.toDateString() === new Date().toDateString() ? time : `${day} ${time}`;
}

let host = ""; // of the daemon; left out in front of its series
const seriesName = name => name.startsWith(`${host}/`) ? name.slice(host.length + 1) : name;

// ---- nodes ----

const byId = id => document.getElementById(id);

// Names come from outside, so all that the daemon sends becomes text or the
// value of an attribute, never HTML.
function make(tag, attributes, ...children) {
  const svg = tag === "svg" || tag === "path";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter(child => child !== null && child !== undefined && child !== ""));
  return node;
}

// Makes CHILDREN the nodes of PARENT. Equal nodes are kept, so that a selection
// is not lost.
function replaceNodes(parent, children) {
  children.forEach((child, i) => {
    const old = parent.childNodes[i];
    if (!old) parent.append(child);
    else if (old !== child && !old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

const setText = (id, text) => replaceNodes(byId(id), [document.createTextNode(text)]);

// Of the states: other words than their own.
const DRYRUN_WORDS = {DRYRUN_ENGAGING: "would engage", DRYRUN_ENGAGED: "would be engaged", DRYRUN_RELEASING: "would release"};
const stateLabel = (word, text) => make("span", {class: `state ${word}`}, text || t(DRYRUN_WORDS[word] || word));
