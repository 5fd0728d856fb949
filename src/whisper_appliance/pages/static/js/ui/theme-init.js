// Sets the chosen theme before the first paint, so that the other one does not flash. A classic script for that reason.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is blocked: the system's theme is used.
  }
})();
