package worker

const maxrssUnit = 1 // ru_maxrss counts bytes
