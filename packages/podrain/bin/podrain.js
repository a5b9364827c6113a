#!/usr/bin/env node
const { existsSync } = require('node:fs')
const { join } = require('node:path')

// What is published is built; a fresh clone is not, and a first command should work there, too.
if (!existsSync(join(__dirname, '..', 'dist', 'main.js'))) require('./first-build.js')
require('../dist/main.js')
