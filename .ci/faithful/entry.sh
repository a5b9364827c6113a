#!/bin/sh
# The usual entrypoint, without exec.
node server.mjs
