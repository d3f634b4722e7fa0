// What is looked at, as it stands in the address:
// ?q=FIRST_ROUND&q=SECOND_ROUND&also=SENTENCE&sort=date&picture=DOC_ID
// The last q is the query searched for, those before it are what undo goes back to; each also says
// it in other words.

const ROUNDS = 12;
const SORTS = ["relevance", "date", "name"];

export function current() {
  const parameters = new URLSearchParams(location.search);
  const rounds = parameters.getAll("q").map((query) => query.trim()).filter(Boolean);
  const also = parameters.getAll("also").map((sentence) => sentence.trim()).filter(Boolean);
  return { rounds, query: rounds.at(-1) ?? "", also, sort: SORTS.includes(parameters.get("sort")) ? parameters.get("sort") : SORTS[0], picture: parameters.get("picture") };
}

export function addressOf({ rounds, also = [], sort, picture }) {
  const parameters = new URLSearchParams();
  for (const query of rounds.slice(-ROUNDS)) parameters.append("q", query);
  if (rounds.length) for (const sentence of also) parameters.append("also", sentence);
  if (sort && sort !== SORTS[0]) parameters.set("sort", sort);
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
  return { ...current(), rounds: current().rounds.slice(0, -1), also: [], picture: null };
}
