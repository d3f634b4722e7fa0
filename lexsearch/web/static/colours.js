// Each keyword of a query has one colour, the same in chips, below pictures and in boxes.

const COLOURS = 8;
const numbers = new Map();

export function setKeywords(keywords) {
  numbers.clear();
  for (const { text } of keywords) colourOf(text);
}

// A class name, k0 to k7; parts of a sentence get theirs as they turn up.
export function colourOf(keyword) {
  if (!numbers.has(keyword)) numbers.set(keyword, numbers.size % COLOURS);
  return `k${numbers.get(keyword)}`;
}
