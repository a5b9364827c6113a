// Stands for iconv-lite, half of Express by size, which only body parsers use: no app here has one.
export {}
