// Stands for what is large and not used here: the encodings of body parsers, a table of media types, and uploads to files.
export default {}
