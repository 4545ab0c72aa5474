// Loaded into each test file's process: coverage is counted there, and not in the processes that it starts. Those read
// the same sources through another loader, and counts of two texts cannot be added up.
process.env._TAPJS_PROCESSINFO_COVERAGE_ = '0'
