// Runs before the first paint, so that what somebody chose never flashes as something else. A file, because the page's
// content security policy allows no inline script.
(function () {
  try {
    var choices = { theme: ['light', 'dark'], contrast: ['more'], density: ['compact'] };
    for (var name in choices) {
      var chosen = localStorage.getItem('madang.' + name);
      if (choices[name].indexOf(chosen) !== -1) document.documentElement.setAttribute('data-' + name, chosen);
    }
  } catch {
    // Storage is off: the system's look it is.
  }
})();
