// Runs before the first paint, so that a chosen theme never flashes the other one. A file, because the page's
// content security policy allows no inline script.
(function () {
  try {
    var theme = localStorage.getItem('madang.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is off: the system's theme it is.
  }
})();
