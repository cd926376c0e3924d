// Numbers as text: three digits where a reader compares them, exact in the attributes of their cells.

const MINUS = "\u2212";

function withMinus(text) {
  return text.replace(/^-/, MINUS);
}

function number(value, unit) {
  if (value === null || value === undefined) return "–";
  return withMinus(plainNumber(value, unit));
}

// For texts that are copied: a hyphen is a minus that every program reads.
function plainNumber(value, unit) {
  const text = unit === "share" || Math.abs(value) < 1 ? value.toFixed(3) : shortNumber(value);
  return /^-0(\.0+)?$/.test(text) ? text.slice(1) : text;
}

function shortNumber(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function interval(low, high, unit) {
  return low === null || high === null ? "" : `[${number(low, unit)}, ${number(high, unit)}]`;
}

function signed(value) {
  const text = number(value, "share");
  return value > 0 && !/^0\.0+$/.test(text) ? `+${text}` : text;
}

function pValue(value) {
  if (value === null || value === undefined) return "–";
  return value < 0.001 ? "< 0.001" : value.toFixed(3);
}

function count(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en-US");
}

function counted(value, singular, plural = `${singular}s`) {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

function percent(share) {
  return `${Number((100 * share).toFixed(2))}%`;
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
