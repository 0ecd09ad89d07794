// Write the rows of a CSV file.
#include "kernels.h"

static const byte *next_quote(const byte *at, const byte *end) {
  const v128_t quote = wasm_i8x16_splat('"');
  while (at < end) {
    uint32_t hits = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(at), quote));
    if (hits) {
      at += (uint32_t)__builtin_ctz(hits);
      break;
    }
    at += 16;
  }
  return at < end ? at : end;
}

static byte *write_quoted(byte *out, const byte *at, const byte *end) {
  *out++ = '"';
  for (;;) {
    const byte *quote = next_quote(at, end);
    out = copy(out, at, (size_t)(quote - at));
    if (quote == end) break;
    *out++ = '"';
    *out++ = '"';
    at = quote + 1;
  }
  *out++ = '"';
  return out;
}

// A cell, between quotes where it holds a quote, a line end or the separator.
static byte *write_cell(byte *out, const byte *begin, const byte *end, byte separator) {
  const v128_t quote = wasm_i8x16_splat('"'), comma = wasm_i8x16_splat((int8_t)separator);
  const v128_t feed = wasm_i8x16_splat('\n'), back = wasm_i8x16_splat('\r');
  byte *to = out;
  for (const byte *at = begin; at < end; at += 16, to += 16) {
    v128_t text = wasm_v128_load(at);
    wasm_v128_store(to, text);
    v128_t marks = wasm_v128_or(wasm_v128_or(wasm_i8x16_eq(text, quote), wasm_i8x16_eq(text, comma)),
                                wasm_v128_or(wasm_i8x16_eq(text, feed), wasm_i8x16_eq(text, back)));
    uint32_t hits = wasm_i8x16_bitmask(marks);
    if (hits && (uint32_t)__builtin_ctz(hits) < (uint32_t)(end - at)) return write_quoted(out, begin, end);
  }
  return out + (end - begin);
}

typedef struct {
  uint32_t records, size;
} Rows;

// Write a row for each record, of cells in which no quotes are doubled. Stops before a row that may not fit into
// `room` bytes.
EXPORT("write_rows")
void write_rows(const byte *text, const Cell *cells, uint32_t width, uint32_t records, uint32_t separator,
                uint32_t quotes_all, byte *out, uint32_t room, Rows *rows) {
  byte *to = out;
  uint32_t record = 0;
  for (; record < records; record++, cells += width) {
    uint64_t most = 4 * (uint64_t)width + BEYOND;
    for (uint32_t k = 0; k < width; k++) most += 2 * (uint64_t)(cells[k].end - cells[k].start);
    if (most > room - (uint32_t)(to - out)) break;
    for (uint32_t k = 0; k < width; k++) {
      const byte *at = text + cells[k].start, *end = text + cells[k].end;
      to = quotes_all ? write_quoted(to, at, end) : write_cell(to, at, end, (byte)separator);
      *to++ = (byte)separator;
    }
    to[-1] = '\n';
  }
  rows->records = record;
  rows->size = (uint32_t)(to - out);
}
