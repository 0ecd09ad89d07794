// A coder's link: what stands behind its # is sent as a form, and then stands in no address and no history.
"use strict";
{
  const token = location.hash.slice(1), form = document.querySelector("#join");
  if (token) {
    history.replaceState(null, "", location.pathname);
    form.elements.link.value = token;
    form.submit();
  }
}
