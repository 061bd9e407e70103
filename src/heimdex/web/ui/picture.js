// A picture to search with: chosen, dropped on the page or pasted. It goes to this server and nowhere else.

const at = (id) => document.getElementById(id);
let picture = null;

export const chosen = () => picture;

export function clear() {
  if (picture) URL.revokeObjectURL(at("picture-shown").src);
  picture = null;
  at("picture-file").value = "";
  at("picture-chosen").hidden = true;
  at("picture-shown").removeAttribute("src");
}

function take(file, onChange) {
  if (!file || !file.type.startsWith("image/")) return;
  clear();
  picture = file;
  at("picture-shown").src = URL.createObjectURL(file);
  at("picture-shown").alt = `The picture that is searched with: ${file.name || "pasted"}`;
  at("picture-chosen").hidden = false;
  onChange();
}

export function start(onChange) {
  at("picture-file").addEventListener("change", (event) => take(event.target.files[0], onChange));
  at("open-picture").addEventListener("click", () => at("picture-file").click());
  at("drop-picture").addEventListener("click", () => {
    clear();
    onChange();
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0], onChange);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files[0], onChange));
}
