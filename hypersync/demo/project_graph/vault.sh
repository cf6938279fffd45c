#!/bin/sh
# For trying only: keeps each initial password in a file that you alone can read. A real one hands
# it to a vault. The password is the standard input, whose it is stands in HYPERSYNC_ACCOUNT.
set -eu
umask 077
mkdir -p var/passwords
key=$(printf %s "$HYPERSYNC_ACCOUNT" | sed 's/.*"key": "\([^"]*\)".*/\1/' | tr -cd 'A-Za-z0-9_-')
cat > "var/passwords/$key"
