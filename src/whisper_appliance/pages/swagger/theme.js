// Swagger UI is dark where the other pages are: as chosen there, else as the system is. Before the first paint.
(() => {
  const page = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const dark = page.dataset.theme ? page.dataset.theme === "dark" : system.matches;
    page.classList.toggle("dark-mode", dark);
    page.style.colorScheme = dark ? "dark" : "light";
  };
  system.addEventListener("change", follow);
  follow();
})();
