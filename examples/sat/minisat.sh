#!/bin/sh
# Runs Debian's minisat on a formula. It exits with 10 for satisfiable and 20
# for unsatisfiable; to cutoff, as to make or xargs, both would have failed.
minisat -verb=0 "$1"
status=$?
[ "$status" -eq 10 ] || [ "$status" -eq 20 ]
