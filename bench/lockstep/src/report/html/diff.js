// SPDX-License-Identifier: Apache-2.0
// A comparison is read without this: it opens what a link leads to.
"use strict";
(() => {
  function open() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", open);
  open();
})();
