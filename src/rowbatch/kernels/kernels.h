// What the kernels share. They are compiled to WebAssembly with SIMD: `make kernels`.
//
// A kernel gets addresses in a memory of its own, which Python fills and reads, and works on them alone: it
// calls nothing, keeps nothing between two calls, and cannot reach anything else.
#ifndef ROWBATCH_KERNELS_H
#define ROWBATCH_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(name)))

typedef uint8_t byte;

// So many bytes are read, and written, beyond what is asked for. Whoever takes room for a buffer leaves them.
#define BEYOND 16

// A cell of a table: where it begins and ends. The highest bit of `end` says that quotes are doubled in it.
typedef struct {
  uint32_t start, end;
} Cell;

#define DOUBLED 0x80000000u

static inline uint32_t end_of(Cell cell) { return cell.end & ~DOUBLED; }

// Copy, sixteen bytes at a time: up to fifteen more are written than asked for.
static inline byte *copy(byte *out, const byte *from, size_t size) {
  for (size_t at = 0; at < size; at += 16) wasm_v128_store(out + at, wasm_v128_load(from + at));
  return out + size;
}

// Write a number in decimals.
static inline byte *decimals(byte *out, uint64_t value) {
  byte digits[20];
  int count = 0;
  do {
    digits[count++] = (byte)('0' + value % 10);
    value /= 10;
  } while (value);
  while (count) *out++ = digits[--count];
  return out;
}

#endif
