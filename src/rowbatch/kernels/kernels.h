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

// Where a byte is, or `stop`.
static inline const byte *find_byte(const byte *at, const byte *stop, byte value) {
  const v128_t wanted = wasm_i8x16_splat((int8_t)value);
  while (at < stop) {
    uint32_t hits = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(at), wanted));
    if (hits) {
      at += (uint32_t)__builtin_ctz(hits);
      break;
    }
    at += 16;
  }
  return at < stop ? at : stop;
}

// Bytes of a character beyond ASCII as UTF-8 has it; 0 where it is none. It is looked at no further than where it
// stops being one.
static inline uint32_t utf8_length(const byte *at) {
  byte first = at[0], second = at[1];
  uint32_t length = first < 0xC2 || first > 0xF4 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // Neither longer than it must be, nor half a surrogate pair, nor beyond what there is (RFC 3629).
  byte least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  byte most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (!length || second < least || second > most) return 0;
  for (uint32_t k = 2; k < length; k++)
    if ((at[k] & 0xC0) != 0x80) return 0;
  return length;
}

// Write a text between quotes. One in it is doubled, unless all are already.
static inline byte *write_quoted(byte *out, const byte *at, const byte *end, bool is_doubled) {
  *out++ = '"';
  while (!is_doubled) {
    const byte *quote = find_byte(at, end, '"');
    out = copy(out, at, (size_t)(quote - at));
    at = quote;
    if (at == end) break;
    *out++ = '"';
    *out++ = '"';
    at++;
  }
  out = copy(out, at, (size_t)(end - at));
  *out++ = '"';
  return out;
}

// Write a text as a cell of CSV, quoted where it must be.
static inline byte *write_cell(byte *out, const byte *begin, const byte *end, byte separator, bool is_doubled) {
  const v128_t quote = wasm_i8x16_splat('"'), comma = wasm_i8x16_splat((int8_t)separator);
  const v128_t feed = wasm_i8x16_splat('\n'), back = wasm_i8x16_splat('\r');
  byte *to = out;
  for (const byte *at = begin; at < end; at += 16, to += 16) {
    v128_t text = wasm_v128_load(at);
    wasm_v128_store(to, text);
    v128_t marks = wasm_v128_or(wasm_v128_or(wasm_i8x16_eq(text, quote), wasm_i8x16_eq(text, comma)),
                                wasm_v128_or(wasm_i8x16_eq(text, feed), wasm_i8x16_eq(text, back)));
    uint32_t hits = wasm_i8x16_bitmask(marks);
    if (hits && (uint32_t)__builtin_ctz(hits) < (uint32_t)(end - at)) return write_quoted(out, begin, end, is_doubled);
  }
  return out + (end - begin);
}

#endif
