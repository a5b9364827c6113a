// Replaces large modules that the apps do not use: encodings of body parsers, a table of media types, and file uploads.
export default {}
