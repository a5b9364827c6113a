/** A table in Markdown. A column of numbers is aligned to the right. */
export function tableOf(head, rows) {
  const isNumber = (cell) => /^\**\d[\d., /]*( %| kB| MB| ms)?\**$/.test(cell)
  const marks = head.map((_, column) => (rows.every((row) => isNumber(row[column])) ? '--:' : '---'))
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${marks.join('|')}|`, ...rows.map(line)].join('\n')
}
