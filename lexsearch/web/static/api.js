// The JSON API of this page's own server.

const { root, token } = document.documentElement.dataset;

export const writable = token !== "";

function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) query.append(key, each);
  }
  return `${root}/api/${path}?${query}`;
}

export function imageAddress(docId, side) {
  return address("image", { id: docId, side });
}

// Of a file made of several pictures: "archive" or "sheet".
export function fileAddress(kind, docIds) {
  return address(kind, { id: docIds });
}

export function originalAddress(docId) {
  return address("original", { id: docId });
}

export async function ask(path, parameters = {}, signal = undefined) {
  return answer(await reach(fetch(address(path, parameters), { signal })));
}

// path: "caption", "denial" or "feeding".
export async function change(path, what) {
  const headers = { "content-type": "application/json", "x-lexsearch-token": token };
  const body = JSON.stringify(what);
  return answer(await reach(fetch(`${root}/api/${path}`, { method: "PUT", headers, body })));
}

async function reach(request) {
  try {
    return await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("lexsearch does not answer; is `lexsearch serve` still running?");
  }
}

async function answer(response) {
  const said = await response.json().catch(() => ({ error: response.statusText }));
  if (!response.ok) throw new Error(said.error);
  return said;
}
