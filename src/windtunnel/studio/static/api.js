// The server, as functions. An answer that is an error becomes an exception with the server's own sentence.

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function answer(response) {
  const kind = response.headers.get("content-type") ?? "";
  if (kind.startsWith("application/json")) {
    const value = await response.json();
    if (response.ok) return value;
    throw new Refused(response.status, value.error ?? `the server answered ${response.status}`);
  }
  const text = (await response.text()).trim();
  throw new Refused(response.status, response.status === 403 ? "The studio was started again: open the new address from your terminal." : text);
}

async function asked(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The studio does not answer. Is `windtunnel studio` still running in your terminal?");
  }
  return answer(response);
}

/** GET: look. */
export const look = (path, signal) => asked(path, { signal });

/** POST: act. */
export const act = (path, body = {}) =>
  asked(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Follow a job: handlers by kind of event. Ends by itself at `end`, or with `signal`. */
export function follow(job, handlers, signal) {
  const source = new EventSource(`/api/jobs/${encodeURIComponent(job)}/events`);
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(event.data ? JSON.parse(event.data) : {}));
  }
  source.addEventListener("end", () => source.close());
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) handlers.lost?.({ text: "The connection to the studio is lost." });
  });
  signal?.addEventListener("abort", () => source.close());
  return source;
}

const loaded = new Map();

/** Each answer once per page load, for lists that do not change while the studio runs. */
export function lookOnce(path) {
  if (!loaded.has(path)) {
    const promise = look(path);
    promise.catch(() => loaded.delete(path));
    loaded.set(path, promise);
  }
  return loaded.get(path);
}
