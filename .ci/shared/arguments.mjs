/**
 * The number that an option takes.
 * @throws {RangeError} if the text is not a whole number from 1 on
 */
export function numberOf(option, text) {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1)
    throw new RangeError(`--${option} takes a whole number from 1 on, not ${text}`)
  return number
}

/**
 * The names that an option takes, separated by commas.
 * @throws {RangeError} if a name is unknown
 */
export function namesOf(option, text, known) {
  const names = text.split(',')
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new RangeError(`--${option} takes some of ${known.join(',')}, not ${unknown}`)
  return names
}
