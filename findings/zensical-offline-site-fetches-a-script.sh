#!/usr/bin/env bash
# zensical 0.0.73, Linux, 2026-11-29
#
# A site is built with the offline plugin, so that it works from a folder, without a network.
#
# Expected: what the built pages load lies in the folder. (Fonts are turned off here.)
# Seen:     each page has `<script src="https://unpkg.com/iframe-worker/shim">`, without a version and without a
#           checksum: the offline site asks another host, and runs what that answers. Without the plugin it does not.
#           `zensical build --strict` says "No issues found".
# Who meets it: who builds documentation for computers without the internet, or for readers who shall not be seen.
# Remedy:   leave the plugin off (then search wants a server), and look through the built pages for other hosts.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zensical==0.0.73
cd "$folder"
outside() { grep -rhoE 'src="?https?://[^" >]+' site --include='*.html' | sort -u; }
for kind in plain offline; do
  rm -rf docs site zensical.toml
  mkdir docs
  printf '# A page\n\nSome text.\n' > docs/index.md
  printf '[project]\nsite_name = "A site"\nuse_directory_urls = false\n' > zensical.toml
  if [ "$kind" = offline ]; then printf '[project.plugins.search]\n[project.plugins.offline]\n' >> zensical.toml; fi
  printf '[project.theme]\nfont = false\n' >> zensical.toml
  venv/bin/zensical build --clean --strict
  declare "$kind=$(outside || true)"
done
echo "without the plugin, the pages load from elsewhere: ${plain:-nothing}"
echo "with the plugin:                                   ${offline:-nothing}"
if [ -z "$plain" ] && [[ "$offline" == *unpkg.com/iframe-worker/shim* ]]; then
  echo "As described."
else
  echo "This is no longer so." >&2
  exit 1
fi
