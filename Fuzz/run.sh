#!/bin/sh
# Fuzz/run.sh SECONDS [TARGET...]: builds every parser's libFuzzer target and runs each for SECONDS on its corpus.
#
# New inputs go to .build-fuzz/corpus, never into Fuzz/Corpus; a crash is kept in .build-fuzz and fails the run.
# A crash found and fixed becomes a file of Fuzz/Corpus and a unit test.
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

# Optimised but with its checks: arithmetic overflow and array bounds still trap.
module() {
  # shellcheck disable=SC2046,SC2086
  swiftc $flags -wmo -emit-module -emit-module-path "$build/$1.swiftmodule" -module-name "$1" -I "$build" \
    -c $(find "$root/Sources/$1" -name '*.swift' | sort) -o "$build/$1.o"
}
module Objects
module Zarr

[ $# -gt 0 ] || set -- $(ls "$root/Fuzz/Targets" | sed 's/\.swift$//')
for target; do
  echo "== $target"
  # shellcheck disable=SC2086
  swiftc $flags -module-name "Fuzz$target" -I "$build" "$root/Fuzz/Targets/$target.swift" "$build/Objects.o" \
    "$build/Zarr.o" -use-ld=lld -o "$build/$target"
  mkdir -p "$build/corpus/$target"
  "$build/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=0 \
    -verbosity=0 -artifact_prefix="$build/$target-" "$build/corpus/$target" "$root/Fuzz/Corpus/$target"
done
