#!/usr/bin/env node
// package.json does not name the built file, because package managers link commands before the build, and warn of missing files.
require('../dist/podrain-prestop.js')
