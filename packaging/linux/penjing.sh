#!/bin/sh
# The launcher's modules lie beside this script's own prefix, wherever the package was unpacked.
here=$(dirname "$(readlink -f "$0")")
exec /usr/bin/python3 -I -B "$here/../lib/penjing/launcher" "$@"
