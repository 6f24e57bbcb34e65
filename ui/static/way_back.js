/*
 * The link from a client back to the list leads to the list as the reader left it, with its search
 * and filters. The address is kept for this tab alone, and forgotten when somebody signs in.
 */
(() => {
  const KEY = "ac-list";
  const LIST = "/clients";

  const from = document.referrer ? new URL(document.referrer) : null;
  if (location.pathname === "/login") sessionStorage.removeItem(KEY);
  else if (location.pathname.startsWith(`${LIST}/`) && from?.origin === location.origin && from.pathname === LIST) {
    sessionStorage.setItem(KEY, from.search);
  }

  // The link may be made anew at any time: it learns where it leads when it is used.
  const aim = (event) => {
    const link = event.target.closest?.(".ac-client-back a");
    if (link) link.href = LIST + (sessionStorage.getItem(KEY) ?? "");
  };
  for (const use of ["pointerover", "focusin", "click", "auxclick"]) {
    document.addEventListener(use, aim, { capture: true });
  }
})();
