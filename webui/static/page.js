// Takes the token out of the address bar, so that it is in no history and on no screenshot.
const address = new URL(window.location.href);
if (address.searchParams.has("token")) {
  address.searchParams.delete("token");
  window.history.replaceState(null, "", address);
}
