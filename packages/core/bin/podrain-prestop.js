#!/usr/bin/env node
// Not the built file itself: package managers link commands before anything is built, and complain of those that are not there.
require('../dist/podrain-prestop.js')
