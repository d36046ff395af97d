// Home.
import { h } from "../h.js";
export async function render() {
  return [h("h1", {}, "windtunnel")];
}
