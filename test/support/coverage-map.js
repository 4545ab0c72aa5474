// What of lib/ a test file may cover. Those that run the compiler or read the sources cover nothing, and counting
// each of the compiler's own steps would double their time.

const runNothing = ['test/architecture/', 'test/docs/', 'test/types/']

/** @param {string} file a test file, from the project's root; null: nothing is counted */
export default (file) => runNothing.some((folder) => file.startsWith(folder)) ? null : 'lib/**/*.ts'
