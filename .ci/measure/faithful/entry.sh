#!/bin/sh
# A shell script without exec as the entrypoint, so node is not PID 1.
node server.mjs
