#!/bin/sh
# Log fan-out: every line that is written to a file goes to everybody who listens, and a reader that is slow delays neither the
# program that writes it nor the other readers.
#
#   npx mobcast serve tcp://127.0.0.1:8000 'tcp://127.0.0.1:8001?framing=line' --slow-consumer skip
#   sh examples/log_fan_out.sh /var/log/syslog tcp://127.0.0.1:8000        # on the machine that has the log
#   npx mobcast sub tcp://127.0.0.1:8000                                    # as many as you like; or nc 127.0.0.1 8001
#
# MOBCAST is the command: MOBCAST="deno run --allow-net mod.ts" or MOBCAST="bun run mod.ts" in a bare clone; npx mobcast.
set -eu
file=${1:?"usage: log_fan_out.sh FILE [URL], such as log_fan_out.sh /var/log/syslog tcp://127.0.0.1:8000"}
url=${2:-tcp://127.0.0.1:8000}

# -F goes on after the file was rotated. Only what is written from now on is sent. It ends when the server is gone.
tail -n 0 -F "$file" | ${MOBCAST:-npx mobcast} pub "$url"
