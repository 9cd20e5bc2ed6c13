#!/bin/sh
# Fuzz/run.sh SECONDS [TARGET...]: builds every parser's libFuzzer target and runs each for SECONDS on its corpus.
#
# New inputs go to .build-fuzz/corpus, never into Fuzz/Corpus; a crash is kept in .build-fuzz and fails the run.
# A crash found and fixed becomes a file of Fuzz/Corpus and a unit test.
# The last line of each target says how many inputs were tried.
set -eu

seconds=${1:-20}
[ $# -gt 0 ] && shift
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/.build-fuzz
mkdir -p "$build"
# With its crash handler on, Swift hangs in libFuzzer's for minutes (style.md 4.5).
export SWIFT_BACKTRACE=enable=no

flags="-swift-version 6 -package-name zarrfs -parse-as-library -sanitize=fuzzer,address -O -g
  -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
  -enable-upcoming-feature MemberImportVisibility"

# SwiftPM writes a module map for each C target; here that is ours to do.
shim() {
  mkdir -p "$build/$1"
  printf 'module %s { umbrella "%s" export * }\n' "$1" "$root/Sources/$1/include" >"$build/$1/module.modulemap"
  for source in "$root/Sources/$1"/*.c; do
    clang -O1 -g -fsanitize=address -I "$root/Sources/$1/include" -c "$source" -o "$build/$(basename "$source" .c).c.o"
  done
  flags="$flags -Xcc -fmodule-map-file=$build/$1/module.modulemap"
}
shim CLinux
shim CExpat
shim CCurl

# Optimised but with its checks: arithmetic overflow and array bounds still trap.
module() {
  # shellcheck disable=SC2046,SC2086
  swiftc $flags -enable-testing -wmo -emit-module -emit-module-path "$build/$1.swiftmodule" -module-name "$1" \
    -I "$build" -c $(find "$root/Sources/$1" -name '*.swift' | sort) -o "$build/$1.o"
}
module Objects
module Zarr
module Platform
module ObjectStorage

[ $# -gt 0 ] || set -- $(ls "$root/Fuzz/Targets" | sed 's/\.swift$//')
for target; do
  echo "== $target"
  # shellcheck disable=SC2086
  swiftc $flags -module-name "Fuzz$target" -I "$build" "$root/Fuzz/Targets/$target.swift" "$build"/*.o \
    -lcurl -lexpat -use-ld=lld -o "$build/$target"
  mkdir -p "$build/corpus/$target"
  log=$build/$target.log
  status=0
  "$build/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="$build/$target-" "$build/corpus/$target" "$root/Fuzz/Corpus/$target" >"$log" 2>&1 ||
    status=$?
  if [ "$status" -ne 0 ]; then
    cat "$log"
    exit "$status"
  fi
  awk -v target="$target" '/number_of_executed_units/ { print target ": " $2 " inputs, no crash" }' "$log"
done
