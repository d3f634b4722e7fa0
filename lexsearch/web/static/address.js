// What is looked at, as it stands in the address:
// ?q=FIRST_ROUND&q=SECOND_ROUND&also=SENTENCE&sort=date&picture=DOC_ID
// The last q is the query searched for, those before it are what undo goes back to; each also says
// it in other words. narrowed=1: what lacks a word that was added follows below a line; near=1: so
// does what has near words.

const ROUNDS = 12;
const SORTS = ["relevance", "date", "name"];

export function current() {
  const parameters = new URLSearchParams(location.search);
  const rounds = parameters.getAll("q").map((query) => query.trim()).filter(Boolean);
  const also = parameters.getAll("also").map((sentence) => sentence.trim()).filter(Boolean);
  return {
    rounds, query: rounds.at(-1) ?? "", also,
    sort: SORTS.includes(parameters.get("sort")) ? parameters.get("sort") : SORTS[0],
    narrowed: parameters.has("narrowed"), near: parameters.has("near"), picture: parameters.get("picture"),
  };
}

export function addressOf({ rounds, also = [], sort, narrowed, near, picture }) {
  const parameters = new URLSearchParams();
  for (const query of rounds.slice(-ROUNDS)) parameters.append("q", query);
  if (rounds.length) for (const sentence of also) parameters.append("also", sentence);
  if (sort && sort !== SORTS[0]) parameters.set("sort", sort);
  if (narrowed) parameters.set("narrowed", 1);
  if (near) parameters.set("near", 1);
  if (picture) parameters.set("picture", picture);
  const text = parameters.toString();
  return location.pathname + (text && `?${text}`);
}

// A further round: another query, its predecessors kept for undo.
export function further(query) {
  const { rounds, sort } = current();
  const same = rounds.at(-1) === query;
  return { rounds: query ? (same ? rounds : [...rounds, query]) : [], sort, picture: null };
}

export function undone() {
  return { ...current(), rounds: current().rounds.slice(0, -1), also: [], near: false, picture: null };
}
