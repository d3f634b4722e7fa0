// What is looked at, as it stands in the address: ?q=FIRST_ROUND&q=SECOND_ROUND&picture=DOC_ID
// The last q is the query searched for, those before it are what undo goes back to.

const ROUNDS = 12;

export function current() {
  const parameters = new URLSearchParams(location.search);
  const rounds = parameters.getAll("q").map((query) => query.trim()).filter(Boolean);
  return { rounds, query: rounds.at(-1) ?? "", picture: parameters.get("picture") };
}

export function addressOf({ rounds, picture }) {
  const parameters = new URLSearchParams();
  for (const query of rounds.slice(-ROUNDS)) parameters.append("q", query);
  if (picture) parameters.set("picture", picture);
  const text = parameters.toString();
  return location.pathname + (text && `?${text}`);
}

// A further round: another query, its predecessors kept for undo.
export function further(query) {
  const { rounds } = current();
  const same = rounds.at(-1) === query;
  return { rounds: query ? (same ? rounds : [...rounds, query]) : [], picture: null };
}

export function undone() {
  return { rounds: current().rounds.slice(0, -1), picture: null };
}
