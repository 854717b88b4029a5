// Sets the remembered theme before the first paint; src/composables/useTheme.ts keeps it afterwards.
(function () {
  var theme = 'system';
  try {
    theme = localStorage.getItem('framelock.theme') || 'system';
  } catch {
    // Storage is blocked: the system's choice it is.
  }
  if (theme !== 'dark' && theme !== 'light') {
    theme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  }
  document.documentElement.dataset.theme = theme;
})();
