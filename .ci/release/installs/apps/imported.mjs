import '@podrain/auto'
import './auto.mjs'
