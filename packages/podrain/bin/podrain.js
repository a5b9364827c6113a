#!/usr/bin/env node
const { existsSync } = require('node:fs')
const { join } = require('node:path')

// The published package is built. A fresh clone is not, so its first command builds it.
if (!existsSync(join(__dirname, '..', 'dist', 'main.js'))) require('./first-build.js')
require('../dist/main.js')
